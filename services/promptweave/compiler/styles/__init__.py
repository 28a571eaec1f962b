"""Calling styles: the notations in which a model writes its tool calls. Each style builds an output tree.

native     the template's own notation, derived by rendering it: `calls.py` with the result of `../profile/call_syntax.py`
           JSON, or key by key: `arguments.py`, `argument_values.py`; the text around content: `answer.py`
           if the template does not handle tools or calls itself: `native.py`, `calls_as_content.py`
hermes     JSON in `<tool_call>` tags, a fixed syntax: `hermes.py`
functionary_v2  parts that name their recipient, a fixed syntax: `functionary_v2.py`
generic    a JSON envelope with a reasoning step, for any template: `generic.py`
"""
