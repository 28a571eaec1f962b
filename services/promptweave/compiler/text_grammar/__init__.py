"""Converts callers' grammars (GBNF, Lark, regular expressions) to promptweave's grammar values.

cursor.py        a position in the caller's text, and errors that report it
gbnf_reader.py   reads llama.cpp's GBNF                        lark_reader.py, lark_common.py   read a subset of Lark
draft.py         makes the result safe for an engine: same language, no left recursion, no repetition of empty items
embed.py         embeds the language in a larger grammar, verbatim or inside a JSON string
"""
