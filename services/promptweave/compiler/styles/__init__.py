"""Calling styles: the ways in which a model writes its tool calls. Each is a way to build an output tree.

native     what the template itself writes, derived by rendering it: `calls.py` with what `derive.py` found
hermes     JSON in `<tool_call>` tags, written out: `hermes.py`
generic    a JSON envelope with a step of thinking, for any template: `generic.py`
"""
