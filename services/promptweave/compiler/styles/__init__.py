"""Calling styles: the ways in which a model writes its tool calls. Each is a way to build an output tree.

native     what the template itself writes, derived by rendering it: `calls.py` with what `../profile/call_syntax.py` found
           JSON, or key by key: `arguments.py`, `argument_values.py`; what stands around content: `answer.py`
           where the template leaves tools or calls to us: `native.py`, `calls_as_content.py`
hermes     JSON in `<tool_call>` tags, written out: `hermes.py`
functionary_v2  parts that say to whom they go, written out: `functionary_v2.py`
generic    a JSON envelope with a step of thinking, for any template: `generic.py`
"""
