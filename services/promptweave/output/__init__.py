"""The output tree and its three products, which are derived from it and therefore always agree.

    tree.py ─┬─ tree_grammar.py → grammar/expr.py → grammar/gbnf.py   what the engine may generate
             ├─ parse/parser.py → deltas.py → message.py              incremental parsing of the output
             └─ wire.py, parse/well_formed.py                         the tree as a protobuf message, for other readers

Pure: imports nothing from the services; only `wire.py` uses protobuf.
"""
