"""Call syntaxes that a template does not write but describes to the model: by an example beside the tools, or by a phrase.

A syntax found here is written as content by promptweave (`styles/calls_as_content.py`), in the history as in the grammar,
and verified like a derived one: the template must leave calls unchanged, and they must be parsed back.
"""

import re
from collections.abc import Iterator, Mapping

from promptweave.compiler.styles.arguments import ArgumentSyntax, Form
from promptweave.compiler.styles.calls import CallSyntax, Slot

_LIST = CallSyntax(
    opening='<|tool_call|>[{"name": "',
    call=(Slot.NAME, '", "arguments": ', Slot.ARGUMENTS),
    closing="}]",
    between='}, {"name": "',
)


def _python(middle: str) -> dict[str, Form]:
    """Return how Python's literals are written after `middle`, with strings in double quotes."""
    plain = {name: Form(middle, "") for name in ("string", "integer", "number")}
    truth = Form(middle, "", words=(("true", "True"), ("false", "False")))
    inside = {
        name: Form(middle + start, end, inside=True) for name, start, end in (("object", "{", "}"), ("array", "[", "]"))
    }
    return {**plain, **inside, "boolean": truth, "null": Form(middle, "", words=(("null", "None"),))}


_DICT = ArgumentSyntax("", '"', ', "', _python('": '), items=_python(""), separator=", ")
_CODE = CallSyntax(
    opening="<|tool_call_start|>[",
    call=(Slot.NAME, "(", Slot.ARGUMENTS),
    closing=")]<|tool_call_end|>",
    between="), ",
    arguments=ArgumentSyntax("", "", ", ", _python("="), nested=_DICT, items=_DICT.items, separator=", "),
)

PHRASES: Mapping[str, CallSyntax] = {
    "<|tool_call|> followed by a JSON list": _LIST,
    "<|im_start|>system\nList of tools: ": _CODE,
}
"""Phrases beside the tools in a prompt, and the call syntax of models that were trained with such prompts."""

_EXAMPLE = re.compile(
    r"""(?P<opening><(?P<tag>[^<>\s/"]+)>\s*)
        (?P<start>\{\s*"(?:name|function)":\s*"?)[^"{},]+?(?P<middle>"?,\s*"(?:arguments|parameters)":\s*)
        (?:\{[^{}]*\}|<[^<>]*>|[\w.-]+)(?P<end>\s*\}\s*</(?P=tag)>)""",
    re.VERBOSE,
)


def documented_syntaxes(shown: str) -> Iterator[CallSyntax]:
    """Yield the syntaxes that a prompt with tools describes."""
    for found in _EXAMPLE.finditer(shown):
        start, middle = found["start"].rstrip('"') + '"', '"' + found["middle"].lstrip('"')
        opening, closing = found["opening"] + start, found["end"]
        between = f"{closing}\n{opening}"
        yield CallSyntax(opening, (Slot.NAME, middle, Slot.ARGUMENTS), closing, between, lead="\n")
    yield from (syntax for phrase, syntax in PHRASES.items() if phrase in shown)
