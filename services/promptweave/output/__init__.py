"""The output tree and its three products, which therefore cannot disagree.

    tree.py ─┬─ tree_grammar.py → grammar/expr.py → grammar/gbnf.py   what the engine may write
             ├─ parse/parser.py → deltas.py → message.py              how it is read, as it comes
             └─ wire.py, parse/well_formed.py                         the tree as a message, for whoever reads

Pure: imports nothing from the services; only `wire.py` knows protobuf.
"""
