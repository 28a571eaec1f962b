"""Determines which text of a prompt came from the request, by rendering the conversation again with a tag in each text.

A tag is a sequence of unused characters (as in `messages/special_token_marks.py`). It is *inside* the text, after its first
character and before its last one, so that it survives trimming and JSON. If the prompt without the tags is the prompt that
the model receives, the text between tags came from the request; if not, the template inspects the texts, and nothing is
reported.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from promptweave.compiler.json_text import dumps, loads
from promptweave.compiler.request import ChatRequest, Message, Tool, ToolCall

_PRIVATE = range(0xF0000, 0xFFFFE)
"""Private-use characters (the Unicode Standard, section 23.5); `messages/special_token_marks.py` uses others."""
_DIGITS = 16
_SPOKEN = ("description", "title", "enum", "const", "default", "examples")
"""Schema keywords whose texts are the caller's own words."""
_MAX_BRACKETS = 50
"""Maximum number of opening brackets tried to the left of a text, to find the JSON value that it is part of."""


@dataclass(frozen=True, slots=True)
class PromptPart:
    """A piece of a prompt. `path`: the path in the request that it came from; "": the template, or the calling style."""

    text: str
    path: str


@dataclass(frozen=True, slots=True)
class TaggedSpan:
    """A span of a prompt, and the path in the request that it came from."""

    start: int
    end: int
    path: str


class ProvenanceTags:
    """The tags of one request, inserted into its texts and extracted from its prompt."""

    def __init__(self, request: ChatRequest) -> None:
        used = set(repr(request)) | set(dumps([[call.arguments for call in one.tool_calls] for one in request.messages]))
        free = (chr(code) for code in _PRIVATE if chr(code) not in used)
        self._open, self._close, self._from, self._to, self._whole = (next(free) for _ in range(5))
        self._digits = [next(free) for _ in range(_DIGITS)]
        self._paths: list[str] = []
        digits = "".join(self._digits)
        self._tag = re.compile(f"{self._open}([{self._from}{self._to}{self._whole}])([{digits}]+){self._close}")

    def insert(self, request: ChatRequest, *, tools: bool) -> ChatRequest:
        """Return the request with tags in its messages, and in its tools if `tools`."""
        messages = tuple(self._message(message, f"/messages/{place}") for place, message in enumerate(request.messages))
        marked = tuple(self._tool(tool, tool.pointer(place)) for place, tool in enumerate(request.tools))
        return replace(request, messages=messages, tools=marked if tools else request.tools)

    def extract(self, prompt: str) -> tuple[str, list[TaggedSpan]]:
        """Return a prompt without its tags, and the spans between them."""
        # Templates that escape non-ASCII characters write a tag as surrogates.
        prompt = re.sub(r"(?i)\\udb[89a-f][0-9a-f]\\ud[c-f][0-9a-f]{2}", self._unescaped, prompt)
        text, spans, begun = "", list[TaggedSpan](), dict[str, int]()
        last = 0
        for found in self._tag.finditer(prompt):
            text += prompt[last : found.start()]
            last = found.end()
            path = self._paths[int("".join(f"{self._digits.index(digit):x}" for digit in found[2]), 16)]
            if found[1] == self._whole:
                spans.append(TaggedSpan(len(text) - 1, len(text), path))
            elif found[1] == self._from:
                begun[path] = len(text) - 1
            elif path in begun:
                spans.append(TaggedSpan(begun.pop(path), len(text) + 1, path))
        return text + prompt[last:], spans

    def _unescaped(self, found: re.Match[str]) -> str:
        char: str = json.loads(f'"{found[0]}"')
        return char if char in {self._open, self._close, self._from, self._to, self._whole, *self._digits} else found[0]

    def _text(self, text: str, path: str) -> str:
        start, end = len(text) - len(text.lstrip()), len(text.rstrip())
        if start >= end:
            return text
        number = "".join(self._digits[int(digit, 16)] for digit in f"{len(self._paths):x}")
        self._paths.append(path)

        def tag(kind: str) -> str:
            return f"{self._open}{kind}{number}{self._close}"

        if start + 1 == end:
            return text[:end] + tag(self._whole) + text[end:]
        return text[: start + 1] + tag(self._from) + text[start + 1 : end - 1] + tag(self._to) + text[end - 1 :]

    def _maybe(self, text: str | None, path: str) -> str | None:
        return None if text is None else self._text(text, path)

    def _message(self, message: Message, path: str) -> Message:
        return replace(
            message,
            content=self._maybe(message.content, f"{path}/content"),
            reasoning_content=self._maybe(message.reasoning_content, f"{path}/reasoning_content"),
            tool_calls=tuple(
                ToolCall(call.id, self._text(call.name, at), dumps(self._deep(loads(call.arguments), at)))
                for place, call in enumerate(message.tool_calls)
                for at in (f"{path}/tool_calls/{place}",)
            ),
        )

    def _tool(self, tool: Tool, path: str) -> Tool:
        return replace(
            tool,
            name=self._text(tool.name, path),
            description=self._text(tool.description, path),
            parameters=self._schema(tool.parameters, path),
        )

    def _deep(self, value: Any, path: str) -> Any:
        match value:
            case str():
                return self._text(value, path)
            case dict():
                return {self._text(key, path): self._deep(item, path) for key, item in value.items()}
            case list():
                return [self._deep(item, path) for item in value]
        return value

    def _schema(self, value: Any, path: str) -> Any:
        match value:
            case dict():
                return {
                    key: self._spoken(item, path) if key in _SPOKEN else self._schema(item, path)
                    for key, item in value.items()
                }
            case list():
                return [self._schema(item, path) for item in value]
        return value

    def _spoken(self, value: Any, path: str) -> Any:
        match value:
            case str():
                return self._text(value, path)
            case list():
                return [self._spoken(item, path) for item in value]
        return self._schema(value, path)


def parts_of(prompt: str, spans: list[TaggedSpan], published: Mapping[str, str]) -> list[PromptPart]:
    """Split the prompt into parts. `published`: texts that appear in it verbatim → their path in the request."""
    whole = [
        TaggedSpan(place, place + len(text), path)
        for text, path in published.items()
        if text and (place := prompt.find(text)) >= 0
    ]
    rest = [span for span in spans if not any(one.start <= span.start < one.end for one in whole)]
    return list(_in_order(prompt, sorted([*whole, *_grown(prompt, rest)], key=lambda span: span.start)))


def _in_order(prompt: str, spans: list[TaggedSpan]) -> Iterator[PromptPart]:
    place = 0
    for span in spans:
        if span.start < place:
            continue
        if span.start > place:
            yield PromptPart(prompt[place : span.start], "")
        yield PromptPart(prompt[span.start : span.end], span.path)
        place = span.end
    if place < len(prompt):
        yield PromptPart(prompt[place:], "")


def _grown(prompt: str, spans: list[TaggedSpan]) -> Iterator[TaggedSpan]:
    """Merge the texts of one call or tool into one span, with all between them and the JSON value that they are part of."""
    spans = sorted(spans, key=lambda span: span.start)
    groups: list[TaggedSpan] = []
    for span in spans:
        last = groups[-1] if groups else None
        if last and last.path == span.path and _has_parts(span.path):
            groups[-1] = TaggedSpan(last.start, max(last.end, span.end), last.path)
        else:
            groups.append(span)
    edges = [0, *(span.end for span in groups)], [*(span.start for span in groups), len(prompt)]
    for number, span in enumerate(groups):
        yield _json_around(prompt, span, edges[0][number], edges[1][number + 1]) if _has_parts(span.path) else span


def _has_parts(path: str) -> bool:
    return path.startswith("/tools/") or "/tool_calls/" in path


def _json_around(prompt: str, span: TaggedSpan, low: int, high: int) -> TaggedSpan:
    """Return the widest JSON object around a span that does not reach into anything else of the request."""
    brackets = [place for place in range(span.start, low - 1, -1) if prompt.startswith("{", place)][:_MAX_BRACKETS]
    for place in reversed(brackets):
        try:
            _, end = json.JSONDecoder().raw_decode(prompt, place)
        except (ValueError, RecursionError):
            continue
        if span.end <= end <= high:
            return TaggedSpan(place, end, span.path)
    return span
