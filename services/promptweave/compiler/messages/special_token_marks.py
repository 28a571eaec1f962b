"""Keeps untrusted text from becoming special tokens: `<|im_end|>` in a message stays ten characters of text.

Provenance has to survive what templates do to text (trimming, JSON, joining), so a mark travels *inside* the text: an
unused character after the first character of each spelling. After the render the marks are removed, and the prompt is cut
at their positions. A special token that is cut is not one: engines tokenize the pieces separately.

Only spellings are marked. Everywhere else the prompt stays in one piece, since text that is tokenized in pieces gives other
tokens.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any

from promptweave.compiler.identity_key import IdentityKey
from promptweave.compiler.request import (
    MAX_KNOWN_TOOLS,
    ChatRequest,
    JsonFormat,
    Message,
    Picture,
    TextGrammar,
    Tool,
    ToolCall,
    private_characters,
)
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.compiler.template.special_tokens import Spellings, spellings

_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}|\\/")
"""JSON escapes that may represent characters of a special token."""
_UNIT = re.compile(rf"{_ESCAPE.pattern}|.", re.DOTALL)

_PRIVATE = range(0xE000, 0xF900)
"""Private-use characters (the Unicode Standard, section 23.5)."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a prompt. `plain`: it contains no special tokens, whatever it looks like."""

    text: str
    plain: bool = False
    picture: Picture | None = None
    """The image at this position; the text is its placeholder."""


class SpecialTokenMarks:
    """The marks of one request."""

    def __init__(self, template: ChatTemplate, request: ChatRequest, also: tuple[str, ...] = ()) -> None:
        """Choose an unused mark. `also`: more texts to mark in untrusted text; the prompt is not cut there."""
        self._spellings = spellings(template)
        used = private_characters(repr((template.source, template.named, replace(request, tools=()))))
        used = used.union(*(tool.private for tool in request.tools))
        # If the request uses all of these characters, the last one becomes the mark, and is lost from the text.
        code = next((code for code in _PRIVATE if code not in used), _PRIVATE[-1])
        self._into = _marker(spellings(template, also), chr(code))
        # The escaped form is written by templates that escape non-ASCII characters.
        self._marks = re.compile(f"{chr(code)}|\\\\u{code:04x}", re.IGNORECASE)

    def insert(self, request: ChatRequest) -> ChatRequest:
        """Return the request with marks in all untrusted text that is shown: contents, calls, tools, variables."""
        into = self._into
        return replace(
            request,
            messages=tuple(map(into.message, request.messages)),
            tools=tuple(
                _known_tool(into, IdentityKey(tool)) if tool.is_small else into.tool(tool) for tool in request.tools
            ),
            response_format=into.format(request.response_format),
            template_kwargs={name: into.deep(value) for name, value in request.template_kwargs.items()},
        )

    def without(self, prompt: str) -> str:
        """Return the rendered prompt without its marks."""
        return self._marks.sub("", prompt)

    def split(self, prompt: str) -> list[Segment]:
        """Return the rendered prompt without its marks, cut where special tokens would be spelled."""
        pieces = self._marks.split(prompt)
        text, cuts = "", set[int]()
        for piece in pieces[:-1]:
            text += piece
            cuts.add(len(text))
        text += pieces[-1]
        # Filters may have changed the spelling: only text that is still a special token needs a cut.
        starts = [(cut - 1, self._spellings.longest(text, cut - 1)) for cut in sorted(cuts) if cut]
        spans = [(start, start + length) for start, length in starts if length]
        segments: list[Segment] = []
        start = 0
        for low, high in _merged(spans):
            segments += _text(text[start:low])
            edges = [low, *(cut for cut in sorted(cuts) if low < cut < high), high]
            segments += [Segment(text[a:b], plain=True) for a, b in pairwise(edges)]
            start = high
        return [*segments, *_text(text[start:])]


class _Marker:
    """Puts marks into texts."""

    def __init__(self, spelled: "Spellings", mark: str) -> None:
        self._spelled, self._mark = spelled, mark

    def message(self, message: Message) -> Message:
        return replace(
            message,
            content=self._maybe(message.content),
            name=self._maybe(message.name),
            reasoning_content=self._maybe(message.reasoning_content),
            tool_call_id=self._maybe(message.tool_call_id),
            tool_calls=tuple(
                ToolCall(self._insert(call.id), self._insert(call.name), self._insert(call.arguments))
                for call in message.tool_calls
            ),
        )

    def tool(self, tool: Tool) -> Tool:
        return replace(tool, description=self._insert(tool.description), parameters=self.deep(tool.parameters))

    def format(self, wanted: JsonFormat | TextGrammar | None) -> JsonFormat | TextGrammar | None:
        return replace(wanted, schema=self.deep(wanted.schema)) if isinstance(wanted, JsonFormat) else wanted

    def _maybe(self, text: str | None) -> str | None:
        return None if text is None else self._insert(text)

    def _insert(self, text: str) -> str:
        for cut in sorted(self._cuts(text), reverse=True):
            text = text[:cut] + self._mark + text[cut:]
        return text

    def _cuts(self, text: str) -> set[int]:
        """Return the positions of marks: after the first character of each spelling, in the text or its decoded JSON."""
        cuts = {place + 1 for place in self._spelled.places(text)}
        if _ESCAPE.search(text):
            # Arguments are JSON text, which templates receive as an object.
            units = [found.group() for found in _UNIT.finditer(text)]
            ends = list(accumulate(map(len, units)))
            meant = "".join(chr(int(unit[2:], 16)) if len(unit) == 6 else unit[-1] for unit in units)
            cuts |= {ends[place] for place in self._spelled.places(meant)}
        return cuts

    def deep(self, value: Any) -> Any:
        match value:
            case str():
                return self._insert(value)
            case dict():
                return {self.deep(key): self.deep(item) for key, item in value.items()}
            case list():
                return [self.deep(item) for item in value]
        return value


_marker = lru_cache(maxsize=64)(_Marker)


@lru_cache(maxsize=MAX_KNOWN_TOOLS)
def _known_tool(into: _Marker, tool: IdentityKey[Tool]) -> Tool:
    return into.tool(tool.value)


def _merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield ascending spans, with overlapping ones merged."""
    current: tuple[int, int] | None = None
    for low, high in spans:
        if current and low < current[1]:
            current = (current[0], max(current[1], high))
            continue
        if current:
            yield current
        current = (low, high)
    if current:
        yield current


def _text(text: str) -> list[Segment]:
    return [Segment(text)] if text else []
