"""Grammars that callers write (GBNF, Lark, regular expressions) → ours.

cursor.py        a place in the caller's text, and errors that name it
gbnf_reader.py   reads llama.cpp's GBNF                        lark_reader.py, lark_common.py   read a part of Lark
draft.py         what they read, made safe for an engine: same language, no left recursion, nothing empty repeated
embed.py         the language as a part of a larger grammar, as it is or inside a JSON string
"""
