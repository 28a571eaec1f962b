"""Reads a model's output as it comes, along its tree.

The cost is linear in the output, for any split of it; a delta is given as soon as it is certain, and never taken back.
Where the output leaves its syntax, which a constrained engine does not allow, the rest is content: no text is lost.
"""

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count

from promptweave.output.deltas import ContentDelta, Delta, SchemaViolation, SyntaxMismatch
from promptweave.output.parse.json_scanner import JsonReader
from promptweave.output.parse.marker_finder import MarkerFinder
from promptweave.output.parse.schema_check import find_violation
from promptweave.output.parse.sinks import Calls, PartSink, new_call_id
from promptweave.output.parse.transforms import Transformer, transformer
from promptweave.output.tree import (
    JSON_FIRST,
    ChoiceNode,
    EmitNode,
    JsonNode,
    LiteralNode,
    Node,
    Region,
    RegionNode,
    RepeatNode,
    SequenceNode,
    Syntax,
    TextNode,
    is_checked,
    starts,
)

_BEGINNING = re.compile(r"[ \t\r\n]*([^ \t\r\n])")

RegionSpan = tuple[int, Region | None]
"""So many characters, and what they are text of; None: syntax between the parts."""

Reading = Iterator[None]
"""A reading of a node: it stops wherever it needs more text, and ends with the node."""


class _Mismatch(Exception):  # noqa: N818 - not an error: a fact about the output
    """The output is not what the tree says."""


class _Cut(Exception):  # noqa: N818 - not an error either
    """The output ended inside the node."""


class OutputParser:
    """Reads one output: `start`, then `feed` for each piece, then `finish`; each gives the deltas that became certain."""

    def __init__(self, syntax: Syntax, *, new_id: Callable[[], str] = new_call_id) -> None:
        self._syntax = syntax
        self._deltas: list[Delta] = []
        self._calls = Calls(self._put, new_id)
        # What was read lies before `_place`, and goes when the next text comes.
        self._buffer = ""
        self._place = 0
        self._dropped = -len(syntax.prefix)
        self._ended = False
        # Syntax read since the last delta: if the output turns out to be something else, it was text.
        self._syntax_read = ""
        self._sinks: list[tuple[PartSink, Transformer]] = []
        self._regions: list[Region] = []
        self._spans: list[RegionSpan] = []
        # Deltas of a part that is to be validated, and what was found.
        # What is known of nodes, by identity: calls are many, and their trees may be large.
        self._checked: dict[int, bool] = {}
        self._starts: dict[int, tuple[frozenset[str], bool]] = {}
        self._violated = False
        self._held: list[Delta] | None = None
        self._violation: SchemaViolation | None = None
        self._reading = self._read_all(syntax.root)
        self.reasoning = False
        """What comes next is reasoning, or the end of it."""
        self.complete = False
        """After `finish`: the output reached the end of its syntax, and nothing in it violates a schema."""

    def start(self) -> list[Delta]:
        """What the part of the output that stands in the prompt makes certain."""
        deltas = self.feed(self._syntax.prefix)
        # It stands in the prompt and was not written by the model: it is never given back as content.
        self._syntax_read = ""
        return deltas

    def feed(self, text: str) -> list[Delta]:
        """What more text makes certain."""
        self._dropped += self._place
        self._buffer = self._buffer[self._place :] + text
        self._place = 0
        next(self._reading, None)
        return self._take()

    def finish(self) -> list[Delta]:
        """What the end of the output makes certain."""
        self._ended = True
        next(self._reading, None)
        return self._take()

    @property
    def withholds(self) -> bool:
        """Deltas are held back until a value is whole and valid."""
        return self._held is not None

    def take_spans(self) -> list[RegionSpan]:
        """What was read since the last time, `Syntax.prefix` included, as long as all the text that was settled."""
        spans, self._spans = self._spans, []
        return spans

    # -- the text --

    def _take(self) -> list[Delta]:
        deltas, self._deltas = self._deltas, []
        return deltas

    @property
    def pending(self) -> bool:
        """Text was fed of which it is not certain yet what it is."""
        return self._left > 0

    @property
    def _left(self) -> int:
        return len(self._buffer) - self._place

    @property
    def _inside(self) -> Region | None:
        """The innermost part."""
        return self._regions[-1] if self._regions else None

    def _consume(self, length: int, region: Region | None) -> str:
        before = self._spans.pop()[0] if self._spans and self._spans[-1][1] is region else 0
        self._spans.append((before + length, region))
        text = self._buffer[self._place : self._place + length]
        self._place += length
        return text

    def _put(self, delta: Delta) -> None:
        self._syntax_read = ""
        (self._deltas if self._held is None else self._held).append(delta)

    def _release(self) -> None:
        held, self._held = self._held, None
        self._deltas += held or []

    def _write(self, text: str) -> None:
        """Text of the innermost part; outside of all parts it is syntax."""
        self._syntax_read += text
        if self._sinks:
            sink, transform = self._sinks[-1]
            if out := transform.push(text):
                sink.write(out)
                sink.given = not self._syntax_read
            elif sink.given:
                # What spells nothing, like the quote that closes a string, belongs to what was given.
                self._syntax_read = ""

    # -- the tree --

    def _read_all(self, root: Node) -> Reading:
        try:
            yield from self._read(root)
            yield from self._read_end()
            self.complete = not self._violated
        except _Cut:
            # What is left belongs to the part in which the output was cut.
            if self._left and self._sinks:
                self._write(self._consume(self._left, self._inside))
            self._release()
        except _Mismatch as mismatch:
            yield from self._read_lost(str(mismatch))

    def _read_end(self) -> Reading:
        """White space after the turn means nothing; anything else should not be there."""
        self._syntax_read = ""
        while True:
            if self._buffer[self._place :].strip():
                raise _Mismatch("the end of the output")
            if self._ended:
                return
            yield

    def _read_lost(self, expected: str) -> Reading:
        """The rest is content, and so is the syntax that led nowhere."""
        lead = self._syntax_read
        self._release()
        self._put(SyntaxMismatch(max(self._dropped + self._place, 0), f"expected {expected}"))
        if lead:
            self._put(ContentDelta(lead))
        while True:
            if self._left:
                self._put(ContentDelta(self._consume(self._left, Region.CONTENT)))
            if self._ended:
                return
            yield

    def _read(self, node: Node) -> Reading:
        match node:
            case LiteralNode(text):
                yield from self._read_literal(text)
            case JsonNode(first):
                yield from self._read_json(first or JSON_FIRST)
            case TextNode():
                yield from self._read_text(node)
            case ChoiceNode((only,)):
                yield from self._read(only)
            case ChoiceNode(alternatives):
                yield from self._read_choice(alternatives)
            case SequenceNode(items):
                for item in items:
                    yield from self._read(item)
            case RepeatNode():
                yield from self._read_repeat(node)
            case RegionNode():
                with self._part(node):
                    yield from self._read(node.body)
            case EmitNode(text):
                if self._sinks:
                    self._sinks[-1][0].write(text)

    @contextmanager
    def _part(self, part: RegionNode) -> Iterator[None]:
        sink = PartSink(part.kind, self._put, self._calls, stoppable=part.stoppable)
        transform = transformer(part.transform)
        self._sinks.append((sink, transform))
        self._regions.append(part.kind)
        sink.keep = bool(part.schema)
        outermost = self._held is None and part.kind in (Region.TOOL_CALL, Region.CONTENT) and self._is_checked(part)
        if outermost:
            self._held = []
        yield
        # Only a part that was read to its end is closed: a mismatch or a cut leaves it open.
        if rest := transform.end():
            sink.write(rest)
        self._sinks.pop()
        self._regions.pop()
        text = "".join(sink.text)
        # Engines let some byte sequences pass that are no UTF-8: they count as one character, and are read as several.
        if part.schema and (not part.exact or "\ufffd" in text) and (found := find_violation(text, part.schema)):
            self._violation = SchemaViolation("", text, *found)
        if self._violation and self._held is None and part.kind in (Region.TOOL_CALL, Region.CONTENT):
            # It was given already, and stays without an end.
            name = self._calls.name if part.kind is Region.TOOL_CALL else ""
            self._put(replace(self._violation, name=name))
            self._violation, self._violated = None, True
            return
        sink.close()
        if outermost:
            self._judge(part.kind)

    def _is_checked(self, part: RegionNode) -> bool:
        if id(part) not in self._checked:
            self._checked[id(part)] = is_checked(part)
        return self._checked[id(part)]

    def _judge(self, kind: Region) -> None:
        """Gives what was held back, or what is wrong with it."""
        if self._violation is None:
            self._release()
            return
        name = self._calls.take_back() if kind is Region.TOOL_CALL else ""
        self._held = None
        self._put(replace(self._violation, name=name))
        self._violation, self._violated = None, True

    def _read_literal(self, text: str) -> Reading:
        read = 0
        while read < len(text):
            while not self._left:
                yield from self._need_more()
            length = min(self._left, len(text) - read)
            if not self._buffer.startswith(text[read : read + length], self._place):
                # As far as it fits it was read, as it would be if it came in pieces.
                self._write(self._consume(self._fits(text[read:]), self._inside))
                raise _Mismatch(repr(text))
            self._write(self._consume(length, self._inside))
            read += length

    def _fits(self, text: str) -> int:
        """How many characters of `text` come next; not all of them."""
        return next(place for place, char in enumerate(text) if self._buffer[self._place + place] != char)

    def _need_more(self) -> Reading:
        """Waits for more text; there must be some."""
        if self._ended:
            raise _Cut
        yield

    def _read_json(self, first: str) -> Reading:
        reader = JsonReader()
        begun = False
        while True:
            if not begun and (beginning := _BEGINNING.match(self._buffer, self._place)):
                if beginning[1] not in first:
                    raise _Mismatch("JSON")
                begun = True
            place, wrong = reader.read(self._buffer, self._place)
            if place > self._place:
                self._write(self._consume(place - self._place, self._inside))
            if wrong:
                raise _Mismatch("JSON")
            if reader.done or (self._ended and reader.end()):
                return
            yield from self._need_more()

    def _read_text(self, node: TextNode) -> Reading:
        self.reasoning = node.kind is Region.REASONING
        finder = MarkerFinder(marker for branch in node.branches for marker in branch.markers)
        write = self._write if node.kind is None else PartSink(node.kind, self._put, self._calls, stoppable=True).write
        while True:
            text_end, marker = finder.find(self._buffer, self._place, last=self._ended)
            if text_end > self._place:
                write(self._consume(text_end - self._place, node.kind or self._inside))
            if marker is not None:
                break
            if self._ended:
                if not node.may_end:
                    raise _Cut
                return
            yield
        self._syntax_read += self._consume(len(marker), None)
        self.reasoning = False
        yield from self._read(next(branch.then for branch in node.branches if marker in branch.markers))

    def _read_choice(self, alternatives: tuple[Node, ...]) -> Reading:
        begins = [self._starts_of(alternative) for alternative in alternatives]
        texts = [(text, place) for place, (texts, _) in enumerate(begins) for text in texts]
        while not self._ended and self._may_become(text for text, _ in texts):
            yield
        found = [(len(text), -place) for text, place in texts if self._buffer.startswith(text, self._place)]
        if found:
            # The longest beginning decides: `get_more` is not a `get`.
            yield from self._read(alternatives[-max(found)[1]])
            return
        for place, (_, anything) in enumerate(begins):
            if anything:
                yield from self._read(alternatives[place])
                return
        if self._ended and self._may_become(text for text, _ in texts):
            raise _Cut
        raise _Mismatch(" or ".join(sorted(repr(text) for text, _ in texts)))

    def _starts_of(self, node: Node) -> tuple[frozenset[str], bool]:
        if id(node) not in self._starts:
            self._starts[id(node)] = starts(node)
        return self._starts[id(node)]

    def _may_become(self, texts: Iterable[str]) -> bool:
        """Whether more text may make one of `texts` of what is there."""
        return any(len(text) > self._left and text.startswith(self._buffer[self._place :]) for text in texts)

    def _read_repeat(self, node: RepeatNode) -> Reading:
        texts, _ = self._starts_of(node.item)
        for number in count():
            if node.max is not None and number == node.max:
                return
            separator = node.separator if number else ""
            if number >= node.min:
                another = yield from self._comes([separator + start for start in texts])
                if not another:
                    return
            before = self._dropped + self._place
            yield from self._read_literal(separator)
            yield from self._read(node.item)
            if self._dropped + self._place == before:
                return  # It was empty: so may be all that are left, however many.

    def _comes(self, begins: list[str]) -> Generator[None, None, bool]:
        """Whether the text goes on with one of `begins`."""
        while not self._ended and self._may_become(begins):
            yield
        if any(self._buffer.startswith(begin, self._place) for begin in begins):
            return True
        if self._buffer[self._place :].strip() and self._may_become(begins):
            raise _Cut
        return False
