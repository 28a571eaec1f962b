"""Derives how a template writes tool calls: from renders of one call, two calls, and a call beside content, by sentinels.

What was derived is then *verified*: calls of other shapes are rendered and read back, and a syntax that does not give back
what went in is not used.
"""

import json
from dataclasses import dataclass, replace
from typing import Any, Protocol

from promptweave.compiler.json_text import dumps, loads
from promptweave.compiler.markup import common_prefix, tags
from promptweave.compiler.styles.calls import CallableTool, CallSyntax, calls, content_then_calls
from promptweave.output.message import ParsedMessage
from promptweave.output.parser import OutputParser
from promptweave.output.tree import Node, Syntax

Call = tuple[str, dict[str, Any]]

_SEEN: dict[str, Any] = {"zqkey": "zqvalue"}
_UNSEEN: dict[str, Any] = {"text": 'é "quoted" \\ </x> 😀\n', "nested": {"list": [1, 2.5, True, None], "empty": {}}}


class Renderer(Protocol):
    """What renders the probes: see `profile.Probe`."""

    def turn(self, message: dict[str, Any], *, tools: bool = False) -> str | None:
        """What the template makes of an answer."""


@dataclass(frozen=True, slots=True)
class Derivation:
    """The outcome: the syntax, if there is one, and what was noticed on the way."""

    syntax: CallSyntax | None = None
    arguments_as_object: bool = True
    notes: tuple[str, ...] = ()

    def call_turn(self, *called: Call, content: str = "") -> dict[str, Any]:
        """A message with calls, in the shape that the template takes."""
        return _turn(called, content, as_object=self.arguments_as_object)


def derive_calls(render: Renderer, head: str, header: str, turn_end: str, frame: frozenset[str]) -> Derivation:
    """The syntax of calls.

    `head`, perhaps `header` and `turn_end` stand around everything that the assistant writes; `frame` are the tags of turns
    in general, which no call may hold.
    """
    deriver = _Deriver(render, head, header, turn_end, frame)
    syntax, why = deriver.derive()
    if syntax and (why := deriver.verify(syntax)) and syntax.between:
        syntax = replace(syntax, between="")
        why = deriver.verify(syntax)
    if why or not syntax:
        return Derivation(None, deriver.as_object, (f"calls: {why}; the generic style is used",))
    single = () if syntax.between else ("only one call can be written in a turn",)
    how = f"calls are written as {syntax.example()!r}: derived, and verified by reading others back"
    return Derivation(syntax, deriver.as_object, (how, *single, *deriver.notes))


class _Deriver:
    def __init__(self, render: Renderer, head: str, header: str, turn_end: str, frame: frozenset[str]) -> None:
        self._render = render
        self._frame = frame
        self._head, self._header, self._turn_end = head, header, turn_end
        self.notes: list[str] = []
        # Only a template that cannot take arguments as an object is given them as text: others would print them as they are.
        self.as_object = True
        self.as_object = self.body(("zqtool", _SEEN)) is not None or not self._takes_text()

    def _takes_text(self) -> bool:
        self.as_object = False
        return self.body(("zqtool", _SEEN)) is not None

    def body(self, *called: Call, content: str = "") -> str | None:
        """What the assistant writes for these calls; None where the template does not write them."""
        turn = self._render.turn(_turn(called, content, as_object=self.as_object), tools=True)
        if turn is None or not all(name in turn for name, _ in called):
            return None
        return turn.removeprefix(self._head).removeprefix(self._header).removesuffix(self._turn_end)

    def derive(self) -> tuple[CallSyntax | None, str]:
        """The syntax, or why there is none."""
        one = self.body(("zqtool", _SEEN))
        if one is None:
            return None, "the template does not write them"
        opening, _, rest = one.partition("zqtool")
        place = _find_json(rest, _SEEN)
        if place is None or not opening.strip():
            return None, "they are not written as a name followed by JSON arguments"
        if "zqid" in one:
            return None, "they hold ids, which this version does not write"
        middle, closing = rest[: place[0]], rest[place[1] :]
        between = self._between(middle, closing)
        if between.endswith(opening):
            # Calls side by side: a call ends where the next may begin. What follows the last one ends the turn.
            closing = common_prefix(closing, between.removesuffix(opening))
        closing = _without_end(closing, self._turn_end)
        if self._frame & {*tags(opening), *tags(closing)}:
            return None, "they cannot be told from the headers of turns"
        return CallSyntax(opening, middle, closing, between, self._lead(opening)), ""

    def _between(self, middle: str, closing: str) -> str:
        """What stands between two calls; "" if the template does not write two."""
        two = self.body(("zqtool", _SEEN), ("zqother", _SEEN))
        if two is None:
            return ""
        first, _, second = two.partition("zqother")
        after_name = first.partition("zqtool")[2]
        place = _find_json(after_name, _SEEN)
        if (
            place is None
            or not after_name.startswith(middle)
            or not second.startswith(middle)
            or not second.endswith(closing)
        ):
            return ""
        return after_name[place[1] :]

    def _lead(self, opening: str) -> str:
        """The white space between content and a call beside it."""
        beside = self.body(("zqtool", _SEEN), content="zqcontent") or ""
        _, found, after = beside.partition("zqtool")[0].partition("zqcontent")
        if not found:
            self.notes.append("content beside calls is lost by the template")
        white = after.removesuffix(opening.lstrip())
        return white if found and not white.strip() else ""

    def verify(self, syntax: CallSyntax) -> str:
        """Reads back calls that the derivation has not seen; returns "" or what went wrong."""
        names = [CallableTool(name) for name in ("zqtool", "zqother")]
        one: Call = ("zqother", _UNSEEN)
        other: Call = ("zqtool", {})
        lists: list[list[Call]] = [[one], [other]]
        if syntax.between:
            lists += [[one, other], [other, one, one]]
        for some in lists:
            written = _without_end(self.body(*some) or "", self._turn_end)
            whole = written[: written.rfind(syntax.closing) + len(syntax.closing)] if syntax.closing else written
            message = _read(calls(syntax, names, parallel=True), whole)
            if message is None or [(call.name, loads(call.arguments)) for call in message.tool_calls] != some:
                return "calls of other shapes could not be read back"
        text = f"zqcontent{syntax.lead}{syntax.opening.lstrip()}zqtool{syntax.middle}{{}}{syntax.closing}"
        message = _read(content_then_calls(syntax, names, parallel=True), text)
        if message is None or message.content != "zqcontent" or not message.tool_calls:
            return "a call beside content could not be read back"
        return ""


def _turn(called: tuple[Call, ...], content: str, *, as_object: bool) -> dict[str, Any]:
    written = [
        {
            "id": f"zqid0000{place}",
            "type": "function",
            "function": {"name": name, "arguments": arguments if as_object else dumps(arguments)},
        }
        for place, (name, arguments) in enumerate(called, 1)
    ]
    return {"role": "assistant", "content": content, "tool_calls": written}


def _without_end(text: str, turn_end: str) -> str:
    """`text` without the end of the turn, which some templates write with other white space after calls."""
    end = turn_end.strip()
    return text.rstrip()[: -len(end)] if end and text.rstrip().endswith(end) else text


def _find_json(text: str, value: object) -> tuple[int, int] | None:
    """Where `value` stands in `text` as JSON: start and end."""
    start = text.find("{")
    while start >= 0:
        try:
            found, end = json.JSONDecoder().raw_decode(text, start)
        except ValueError:
            found, end = None, start
        if found == value:
            return start, end
        start = text.find("{", start + 1)
    return None


def _read(tree: Node, text: str) -> ParsedMessage | None:
    """The message that `text` is, if it is one to its end."""
    parser = OutputParser(Syntax(tree))
    message = ParsedMessage()
    message.extend([*parser.start(), *parser.feed(text), *parser.finish()])
    return message if parser.complete else None
