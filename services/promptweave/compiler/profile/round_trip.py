"""Verifies a derived syntax: renders calls that the derivation has not seen, and parses them back."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from promptweave.compiler.json_text import TYPES, loads
from promptweave.compiler.profile.call_slots import ID
from promptweave.compiler.styles.answer import AnswerSyntax, answer_node
from promptweave.compiler.styles.arguments import ArgumentSyntax, Form, NotExactError, arguments_node
from promptweave.compiler.styles.calls import CallableTool, CallSyntax, calls
from promptweave.output.grammar.expr import Rules
from promptweave.output.message import ParsedMessage
from promptweave.output.parse.parser import OutputParser
from promptweave.output.tree import Node, Syntax

ProbeCall = tuple[str, dict[str, Any]]

UNSEEN: dict[str, Any] = {
    "flag": False,
    "list": [1, {"a": "b 'c' \\ \"d\" </x>\n"}, {}],
    "nested": {"list": [None, True, 1, 2.5, -3.5], "empty": {}},
    "number": -2.5,
    "text": "é \"quoted\" \\ </x> 'it' 😀\n & <|y|>",
    "whole": 12,
}


def less_and_less(syntax: CallSyntax) -> Iterator[CallSyntax]:
    """Yield the syntax, then without objects and arrays that are not JSON, then either with a single call only.

    A single call may be right if two are not: a number that does not count, or a separator that depends on the call.
    """
    each = [syntax]
    arguments = syntax.arguments
    if arguments and any(form.inside for form in arguments.forms.values()):
        plain = {name: form for name, form in arguments.forms.items() if not form.inside}
        each.append(replace(syntax, arguments=replace(arguments, forms=plain, items=None, nested=None)))
    yield from each
    yield from (replace(one, between="") for one in each if one.between)


class Verifier:
    """Verifies call syntaxes.

    `body` returns the assistant's text for calls, optionally beside content. `python`: lists are not JSON there.
    """

    def __init__(self, body: Callable[..., str | None], answer: AnswerSyntax, *, python: bool) -> None:
        self._body = body
        self._answer = answer
        self._python = python

    def verify(self, syntax: CallSyntax) -> str:
        """Parse back calls that the derivation has not seen; return "" or the failure."""
        unseen = self._unseen(syntax)
        one: ProbeCall = ("zqother", unseen)
        other: ProbeCall = ("zqtool", {})
        lists: list[list[ProbeCall]] = [[one], [other]]
        if syntax.between:
            lists += [[one, other], [other, one, one]]
        for some in lists:
            if why := self._read_back(syntax, some):
                return why
        return self._read_content(syntax)

    def _unseen(self, syntax: CallSyntax) -> dict[str, Any]:
        """Return arguments of all types that can be written."""
        if not syntax.arguments:
            return UNSEEN
        forms = syntax.arguments.forms
        python = [name for name in ("array", "object") if self._python and not forms[name].inside]
        writable: dict[str, Any] = _writable(UNSEEN, syntax.arguments)
        return {key: value for key, value in writable.items() if TYPES[type(value)] not in python}

    def _read_back(self, syntax: CallSyntax, some: list[ProbeCall]) -> str:
        written = self._body(*some)
        if written is None:
            return "calls of other shapes cannot be rendered"
        whole = written[: written.rfind(syntax.closing) + len(syntax.closing)] if syntax.closing else written
        if written[len(whole) :].strip():
            return "the end marker differs between calls"
        message = _read(calls(syntax, self._tools(syntax), parallel=True), whole)
        if message is None or [(call.name, loads(call.arguments)) for call in message.tool_calls] != some:
            return "calls of other shapes failed the round trip"
        if syntax.ids and [call.id for call in message.tool_calls] != [ID.format(n) for n in range(1, len(some) + 1)]:
            return "call ids failed the round trip"
        return ""

    def _read_content(self, syntax: CallSyntax) -> str:
        """Check that content is parsed as content, with a call beside it or without; return "" or the failure."""
        tools = self._tools(syntax)
        try:
            tree = answer_node(self._answer, syntax, tools, parallel=True)
        except ValueError as error:
            return f"the boundary between content and calls is ambiguous: {error}"
        answer = self._answer
        message = _read(tree, f"{answer.header}zqcontent{answer.end.strip()}")
        if message is None or (message.content, message.tool_calls) != ("zqcontent", []):
            return "content failed the round trip"
        if not answer.beside:
            return ""
        beside = self._body(("zqother", self._unseen(syntax)), content="zqcontent") or ""
        if not beside.startswith(f"{answer.header}zqcontent"):
            return ""
        message = _read(tree, beside[: beside.rfind(syntax.closing) + len(syntax.closing)] if syntax.closing else beside)
        if message is None or message.content != "zqcontent" or len(message.tool_calls) != 1:
            return "a call next to content failed the round trip"
        return ""

    def _tools(self, syntax: CallSyntax) -> list[CallableTool]:
        tree = None
        if syntax.arguments:
            try:
                tree = arguments_node(syntax.arguments, _schema(self._unseen(syntax)), Rules())
            except NotExactError:
                tree = None
        return [CallableTool(name, tree=tree) for name in ("zqtool", "zqother")]


def _writable(value: Any, syntax: ArgumentSyntax) -> Any:
    """Return an object or array with the members that can be written."""
    if isinstance(value, dict):
        return {key: _part(item, syntax, syntax.forms) for key, item in value.items() if TYPES[type(item)] in syntax.forms}
    items = syntax.items or {}
    possible = [item for item in value if TYPES[type(item)] in items]
    # Items of one type only: different types may be indistinguishable.
    return [_part(item, syntax, items) for item in possible if type(item) is type(possible[-1])]


def _part(value: Any, syntax: ArgumentSyntax, forms: Mapping[str, Form]) -> Any:
    form = forms[TYPES[type(value)]]
    if not form.inside:
        return value
    return _writable(value, (syntax.nested or syntax) if isinstance(value, dict) else syntax)


def _schema(value: Any) -> dict[str, Any]:
    """Return a schema that `value` satisfies."""
    kind = {"type": TYPES[type(value)]}
    if isinstance(value, dict):
        return {**kind, "properties": {key: _schema(item) for key, item in value.items()}}
    if isinstance(value, list):
        return {**kind, "items": _schema(value[0])} if value else kind
    return kind


def _read(tree: Node, text: str) -> ParsedMessage | None:
    """Parse `text` as a message; return None if it is not complete."""
    parser = OutputParser(Syntax(tree))
    message = ParsedMessage()
    message.extend([*parser.start(), *parser.feed(text), *parser.finish()])
    return message if parser.complete else None
