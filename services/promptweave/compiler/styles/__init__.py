"""Calling styles: the notations in which a model writes its tool calls. Each style builds an output tree.

`style.py` is the interface, `syntax_style.py` what most styles share, `registry.py` the list of them. One module each:

native     the template's own notation, derived by rendering it: `native.py` with the result of `../profile/call_syntax.py`
hermes     JSON in `<tool_call>` tags, a fixed syntax: `hermes.py`
functionary_v2  parts that name their recipient, a fixed syntax: `functionary_v2.py`
generic    a JSON envelope with a reasoning step, for any template: `generic.py`

What they are built from:

calls      the text around calls: `calls.py`; arguments as JSON, or key by key: `arguments.py`, `argument_values.py`
content    the text around content: `answer.py`
prompt     the tools as text: `tool_text.py`; calls of the history as content: `calls_as_content.py`
custom     tools whose input is text: `custom_tools.py`
"""
