"""Derives how a template writes tool calls: from renders of one call, two calls, and a call beside content, with sentinels.

The derived syntax is then *verified*: calls of other shapes are rendered and parsed back, and a syntax that does not
return the original calls is not used.
"""

import itertools
import string
from dataclasses import dataclass, replace
from typing import Any, Protocol

from promptweave.compiler.json_text import COMPACT, SPACED, Separators, dumps
from promptweave.compiler.markup import TAG, common_prefix, tags, whole_tags
from promptweave.compiler.profile.argument_syntax import Arguments, derive_arguments
from promptweave.compiler.profile.call_slots import ID, CallShape, Written, find_json, index_before, shape_of, split_index
from promptweave.compiler.profile.documented_syntax import documented_syntaxes
from promptweave.compiler.profile.round_trip import ProbeCall, Verifier, less_and_less
from promptweave.compiler.styles.answer import PLAIN, AnswerSyntax
from promptweave.compiler.styles.arguments import KEY
from promptweave.compiler.styles.calls import CallSyntax, GeneratedIds, Slot, SyntaxPiece
from promptweave.compiler.styles.calls_as_content import CalledTool, write_answer

SEEN: dict[str, Any] = {"zqkey": "zqvalue"}
LONG_ID = "call_zqabcdefghijklmnopqrst"


class Renderer(Protocol):
    """Renders the probes: see `profile.Probe`."""

    def turn(self, message: dict[str, Any], *, tools: bool = False) -> str | None:
        """Return the template's text for an answer."""

    def without_reasoning(self, body: str) -> str:
        """Return the text after the head, without an empty reasoning block."""

    def tools_shown(self) -> str:
        """Return a prompt with tools."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape in which a template accepts calls: arguments as an object or as text, content beside them empty or null."""

    arguments_as_object: bool = True
    content: str | None = ""
    written: CallSyntax | None = None
    """If set, calls are part of the content, in this syntax."""

    def message(self, called: tuple[ProbeCall, ...], content: str | None = None, identifier: str = ID) -> dict[str, Any]:
        """Return a message with calls."""
        if self.written:
            text = write_answer(self.written, PLAIN, content, (CalledTool(*call) for call in called))
            return {"role": "assistant", "content": text}
        written = [
            {
                "id": identifier.format(place),
                "type": "function",
                "function": {"name": name, "arguments": arguments if self.arguments_as_object else dumps(arguments)},
            }
            for place, (name, arguments) in enumerate(called, 1)
        ]
        return {"role": "assistant", "content": self.content if content is None else content, "tool_calls": written}


SHAPE = Shape()


@dataclass(frozen=True, slots=True)
class Derivation:
    """The result: the syntax, if there is one, and notes. `end`: the tag that ends a turn of calls."""

    syntax: CallSyntax | None = None
    answer: AnswerSyntax = PLAIN
    shape: Shape = SHAPE
    end: str = ""
    notes: tuple[str, ...] = ()


def derive_calls(render: Renderer, head: str, header: str, turn_end: str) -> Derivation:
    """Derive the syntax of calls.

    `head` precedes everything that the assistant writes, `header` precedes content, and `turn_end` follows it.
    """
    deriver = _Deriver(render, head, header, turn_end)
    syntax, why = deriver.derive()
    if syntax:
        syntax, why = deriver.verified(syntax)
    how = "derived from the template, and verified by a round trip"
    if not syntax:
        teller = _Deriver(render, head, header, turn_end)
        syntax = next(filter(None, map(teller.verified_as_content, documented_syntaxes(render.tools_shown()))), None)
        deriver = teller if syntax else deriver
        how = "documented in the prompt, and verified by a round trip; calls in the history are passed as content"
    if not syntax:
        return Derivation(None, deriver.answer, deriver.shape, "", (f"calls: {why}; using the generic style",))
    single = () if syntax.between else ("only one call per turn is supported",)
    note = f"calls are rendered as {syntax.example()!r}: {how}"
    return Derivation(syntax, deriver.answer, deriver.shape, deriver.end, (note, *single, *deriver.notes))


class _Deriver:
    def __init__(self, render: Renderer, head: str, header: str, turn_end: str) -> None:
        self._render = render
        self._head, self._turn_end = head, turn_end
        self._eog = (tags(turn_end) or [turn_end.strip()])[-1]
        self.end = ""
        before_eog = turn_end[: turn_end.rfind(self._eog)] if self._eog else ""
        self.answer = AnswerSyntax(header, before_eog if before_eog.strip() else "")
        self.notes: list[str] = []
        self.shape = self._find_shape()
        self._arguments: Arguments | None = None

    def _find_shape(self) -> Shape:
        """Return the first shape in which calls are rendered.

        Arguments as an object come first, since some templates also accept text and print it verbatim; but not if an object
        is printed in Python's notation.
        """
        usable = []
        for as_object, content in itertools.product((True, False), ("", None)):
            self.shape = Shape(as_object, content)
            body = self.body(("zqtool", SEEN))
            if body is not None and (not self._head or self._head not in body):
                if str(SEEN) not in body:
                    return self.shape
                usable.append(self.shape)
        return usable[0] if usable else SHAPE

    def body(self, *called: ProbeCall, content: str | None = None, identifier: str = ID) -> str | None:
        """Return the assistant's text for these calls, up to the turn's end; None if the template does not render them."""
        turn = self._render.turn(self.shape.message(called, content, identifier), tools=True)
        if turn is None or not turn.startswith(self._head) or not all(name in turn for name, _ in called):
            return None
        return self._without_end(self._render.without_reasoning(turn.removeprefix(self._head)))

    def _without_end(self, text: str) -> str:
        """Return `text` without the end of the turn, which some templates write differently after calls."""
        bare = text.rstrip()
        if self._eog and bare.endswith(self._eog):
            return bare[: -len(self._eog)]
        found = tags(bare)
        if "|" in self._eog and found and bare.endswith(found[-1]) and found[-1].startswith("<|"):
            self.end = found[-1]
            return bare[: -len(self.end)]
        return text

    # -- the syntax --

    def derive(self) -> tuple[CallSyntax | None, str]:
        """Derive the syntax, or return why there is none."""
        body = self.body(("zqtool", SEEN))
        if body is None:
            return None, "the template renders no calls, and documents no syntax for them"
        one = Written("zqtool", ID.format(1), SEEN)
        shape = shape_of(body, one)
        if shape is None:
            shape, why = self._other_arguments(body)
            if shape is None:
                return None, why
        if shape.slots.index(Slot.NAME) > shape.slots.index(Slot.ARGUMENTS):
            return None, "the arguments are rendered before the name"
        syntax, why = self._whole(shape)
        if syntax is None:
            return None, why
        texts = [syntax.opening, syntax.closing, syntax.between, *(text for text in syntax.call if isinstance(text, str))]
        if any("zq" in text for text in texts):
            return None, "calls contain more than a name, an id and arguments"
        if not (syntax.opening.strip() or self.answer.header.strip()):
            return None, "nothing distinguishes calls from text"
        if self._eog and any(self._eog in text for text in (syntax.closing, syntax.between)):
            return None, "calls are rendered in separate turns"
        if self._head.strip() and any(self._head.strip() in text for text in texts):
            return None, "calls are rendered in separate turns"
        return syntax, ""

    def _other_arguments(self, body: str) -> tuple[CallShape | None, str]:
        """Return the shape of a call whose arguments are not one JSON object."""
        opening, _, _ = body.partition("zqtool")

        def arguments_text(arguments: dict[str, Any]) -> str | None:
            written = self.body(("zqtool", arguments))
            start = opening + "zqtool"
            return written.removeprefix(start) if written and written.startswith(start) else None

        found, why = derive_arguments(arguments_text, self.notes)
        if found is None:
            return None, f"the arguments are not rendered as JSON: {why}"
        self._arguments = found
        return shape_of(body, self._written("zqtool", 1)), "the arguments appear more than once in a call"

    def _written(self, name: str, number: int) -> Written:
        text = ""
        if self._arguments:
            syntax = self._arguments.syntax
            form = syntax.forms["string"]
            value = "zqvalue" if form.raw else '"zqvalue"'
            text = (syntax.first + KEY + form.middle + value + form.end).replace(KEY, "zqkey")
        return Written(name, ID.format(number), SEEN, text)

    def _whole(self, shape: CallShape) -> tuple[CallSyntax | None, str]:
        """Return the syntax, from one call's shape and a render of two calls."""
        opening, closing = shape.texts[0], shape.texts[-1]
        pieces, between, opening = self._pieces(shape, opening, closing)
        if between and between.endswith(opening) and opening:
            # Adjacent calls: a call ends where the next may begin. The text after the last one ends the turn.
            closing = common_prefix(closing, between.removesuffix(opening))
        ids = None
        if Slot.ID in pieces:
            ids = self._ids()
        arguments = self._arguments.syntax if self._arguments else None
        separators = self._separators() if arguments is None else SPACED
        syntax = CallSyntax(
            opening, pieces, closing, between, "", ids, self._indexed(pieces, opening), arguments, separators
        )
        return self._beside(syntax), ""

    def _pieces(self, shape: CallShape, opening: str, closing: str) -> tuple[tuple[SyntaxPiece, ...], str, str]:
        """Return a call's pieces, the text between two calls ("" if two are not rendered), and the text that opens them."""
        alone = shape.pieces, "", opening
        two = self.body(("zqtool", SEEN), ("zqother", SEEN))
        both = two and shape_of(two, self._written("zqtool", 1), self._written("zqother", 2))
        if not both or both.slots != shape.slots * 2 or both.texts[0] != opening or both.texts[-1] != closing:
            return alone
        turned = self.body(("zqother", SEEN), ("zqtool", SEEN))
        other = turned and shape_of(turned, self._written("zqother", 1), self._written("zqtool", 2))
        if not other or other.texts != both.texts:
            # The text between depends on the calls.
            return alone
        number = len(shape.slots)
        texts: list[str] = list(shape.texts)
        pieces: list[SyntaxPiece] = [shape.slots[0]]
        for place in range(1, number):
            first, second = both.texts[place], both.texts[number + place]
            if first == second == texts[place]:
                pieces += [first] if first else []
            elif around := split_index(first, second):
                pieces += [around[0], Slot.INDEX, around[1]]
            else:
                return alone
            pieces.append(shape.slots[place])
        between = both.texts[number]
        if counted := index_before(opening, between):
            opening, between, after = counted
            pieces = [Slot.INDEX, after, *pieces]
        return tuple(piece for piece in pieces if piece != ""), between, opening

    def _ids(self) -> GeneratedIds:
        """Return which ids the template accepts: some require exactly nine letters and digits."""
        letters = string.ascii_letters + string.digits
        body = self.body(("zqtool", SEEN), identifier=LONG_ID)
        if body is not None and LONG_ID in body:
            return GeneratedIds(letters + "_-")
        self.notes.append(f"call ids have {len(ID.format(1))} letters and digits")
        return GeneratedIds(letters, len(ID.format(1)))

    def _separators(self) -> Separators:
        """Return the separators between the parts of arguments: compact if the template prints them so, otherwise spaced."""
        several = {"zqkey": ["zqvalue", 7], "zqnext": {}}
        body = self.body(("zqtool", several)) or ""
        place = find_json(body, several)
        compact = place is not None and body[slice(*place)] == dumps(several, COMPACT)
        return COMPACT if compact else SPACED

    def _indexed(self, pieces: tuple[SyntaxPiece, ...], opening: str) -> tuple[str, str] | None:
        """Return the texts around the name if name and number together look like an id: `functions.NAME:0`."""
        for place in range(len(pieces) - 2):
            name, text, number = pieces[place : place + 3]
            if name is Slot.NAME and number is Slot.INDEX and isinstance(text, str) and len(text) == 1:
                before = opening.rpartition(">")[2] if place == 0 else ""
                return before, text
        return None

    def _beside(self, syntax: CallSyntax) -> CallSyntax:
        """Return the syntax with the text between content and a call beside it; also record it in `answer`."""
        beside = self.body(("zqtool", SEEN), content="zqcontent") or ""
        before, found, after = beside.partition("zqcontent")
        after = after.partition("zqtool")[0]
        if syntax.call[0] is Slot.INDEX:
            after = after[: after.rfind(syntax.opening) + len(syntax.opening)] if syntax.opening in after else ""
        if not found or before != self.answer.header or not after.endswith(syntax.opening.lstrip()):
            self.notes.append("content next to calls is omitted by the template, or rendered elsewhere")
            # With such a template, content and calls are two different answers, unless both begin alike.
            self.answer = replace(self.answer, beside=not self.answer.header)
            return syntax
        opening = syntax.opening if after.endswith(syntax.opening) else syntax.opening.lstrip()
        lead = after.removesuffix(opening)
        joint = common_prefix(lead + syntax.opening, self._turn_end)
        if TAG.match(joint.lstrip()):
            self.answer = replace(self.answer, joint=whole_tags(joint))
        elif lead.strip() and not self.answer.header:
            self.notes.append("content next to calls is rendered differently")
            lead = ""
        return replace(syntax, lead=lead)

    # -- verification --

    def verified(self, syntax: CallSyntax) -> tuple[CallSyntax | None, str]:
        """Return as much of the syntax as passes verification, or the reason why none does."""
        why = ""
        for candidate in less_and_less(syntax):
            found = self._verify(candidate)
            if not found:
                return candidate, ""
            why = why or found
        return None, why

    def verified_as_content(self, syntax: CallSyntax) -> CallSyntax | None:
        """Verify a syntax that the template does not write itself: the template must leave its text unchanged."""
        self.shape = Shape(written=syntax)
        return self.verified(syntax)[0]

    def _verify(self, syntax: CallSyntax) -> str:
        python = any("as Python does" in note for note in self.notes)
        return Verifier(self.body, self.answer, python=python).verify(syntax)
