"""Random transcripts of agents: what users, models and tools said, as requests to each API, without faults.

Every word is unique, so that each can be searched for. A word of one kind has the same length as all others: replacing
`a` by `b` in all of them (`with_other_words`) gives the same transcript with other words.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.support.images import data_url, image_file

WORD = re.compile(r"aq(\d{6})z")
_OTHER_WORD = re.compile(r"bq(\d{6})z")
_PICTURE = data_url(image_file())


class Words:
    """Makes texts of unique words."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._next = 0

    def skip(self, count: int) -> None:
        """Leave out some words, which another object makes."""
        self._next += count

    def word(self) -> str:
        """Return a new word."""
        self._next += 1
        return f"aq{self._next:06}z"

    def text(self) -> str:
        """Return a text of some new words, now and then a long one, or one with what templates and parsers look for."""
        words = [self.word() for _ in range(self._random.randint(1, 4))]
        if self._random.random() < 0.01:
            words.insert(0, "filler text " * 4000)
        if self._random.random() < 0.15:
            words.insert(self._random.randrange(len(words) + 1), self._random.choice(_TEMPTING))
        return self._random.choice((" ", "\n", "\n\n", ", ", "\t")).join(words)


_TEMPTING = (
    *("<|im_end|>", "</s>", "<think>", "</think>", "<tool_call>", "</tool_call>", "[TOOL_CALLS]", "{{ x }}", "{% if %}"),
    *('{"name": "read_file"}', "[]", "null", '"', "\\", "\\n", "```", "🙂", "\u2028", "\ufffc", "\ue000", "  "),
)


@dataclass(frozen=True)
class Event:
    """One thing that is in a transcript: `kind` is a role, `thinking`, `text`, `call`, `result` or `tools`."""

    kind: str
    text: str = ""
    id: str = ""
    name: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Transcript:
    """What happened, and the tools: name → description."""

    events: Sequence[Event]
    tools: Mapping[str, str]


_NAMES = ("read_file", "write_file", "shell", "mcp__calc__add", "grep", "web.search", "a:b/c", "x" * 70)


def transcript(random: Random) -> Transcript:
    """Return a transcript."""
    words = Words(random)
    tools = {name: words.text() for name in random.sample(_NAMES, random.randint(0, 4))}
    return Transcript(tuple(_events(random, words, [*tools, "gone"])), tools)


def _events(random: Random, words: Words, names: Sequence[str]) -> Iterator[Event]:
    if random.random() < 0.7:
        yield Event("system", words.text())
    if random.random() < 0.2:
        yield Event("developer", words.text())
    number = 0
    for _ in range(random.randint(1, 3)):
        yield Event("user", words.text())
        for _ in range(random.randint(0, 3)):
            if random.random() < 0.4:
                yield Event("thinking", words.text())
            if random.random() < 0.4:
                yield Event("text", words.text())
            calls = [
                Event("call", "", f"call_{number + place}", random.choice(names), _arguments(random, words))
                for place in range(random.choice((0, 1, 1, 1, 2, 3)))
            ]
            number += len(calls)
            yield from calls
            for call in calls:
                yield Event("result", words.text(), call.id, call.name)
        if random.random() < 0.6:
            yield Event("text", words.text())
        if random.random() < 0.1:
            yield Event(random.choice(("system", "developer")), words.text())


def _arguments(random: Random, words: Words) -> Mapping[str, Any]:
    values: Sequence[Callable[[], Any]] = (words.text, lambda: 7, lambda: True, lambda: None, lambda: [words.word()], dict)
    keys = [words.word() if random.random() < 0.2 else f"key{place}" for place in range(random.randint(0, 3))]
    return {key: random.choice(values)() for key in keys}


def with_other_words(value: Any) -> Any:
    """Return a JSON value with other words of the same kinds."""
    return json.loads(WORD.sub(r"bq\1z", json.dumps(value)))


def without_words(text: str) -> str:
    """Return a text in which words of both kinds are the same."""
    return _OTHER_WORD.sub("word", WORD.sub("word", text))


def words_in(value: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Yield the words of a JSON value, with the positions of the texts, or keys, that they are in."""
    if isinstance(value, str):
        for found in WORD.finditer(value):
            yield found[0], pointer
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from words_in(key, f"{pointer}/{key}")
            yield from words_in(item, f"{pointer}/{key}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from words_in(item, f"{pointer}/{place}")


# -- as requests --


def as_chat(given: Transcript, random: Random) -> dict[str, Any]:
    """Return the body of a chat completion request."""
    messages: list[dict[str, Any]] = []
    for event in given.events:
        last = messages[-1] if messages and messages[-1]["role"] == "assistant" else None
        match event.kind:
            case "thinking":
                messages.append({"role": "assistant", "content": None, "reasoning_content": event.text})
            case "text" if last is not None and last["content"] is None and "tool_calls" not in last:
                last["content"] = event.text
            case "text":
                messages.append({"role": "assistant", "content": event.text})
            case "call":
                if last is None:
                    last = {"role": "assistant", "content": None}
                    messages.append(last)
                function = {"name": event.name, "arguments": json.dumps(event.arguments)}
                last.setdefault("tool_calls", []).append({"id": event.id, "type": "function", "function": function})
            case "result":
                messages.append({"role": "tool", "tool_call_id": event.id, "content": _content(event.text, random, "text")})
            case role:
                messages.append({"role": role, "content": _content(event.text, random, "text", picture=role == "user")})
    tools = [
        {"type": "function", "function": {"name": name, "description": text, "parameters": {"type": "object"}}}
        for name, text in given.tools.items()
    ]
    return {"messages": messages, "tools": tools}


def as_responses(given: Transcript, random: Random) -> dict[str, Any]:
    """Return the body of a request for a response."""
    items: list[dict[str, Any]] = []
    for event in given.events:
        match event.kind:
            case "thinking" if random.random() < 0.5:
                items.append({"type": "reasoning", "summary": [{"type": "summary_text", "text": event.text}]})
            case "thinking":
                thought = [{"type": "reasoning_text", "text": event.text}]
                items.append({"type": "reasoning", "id": "rs_1", "summary": [], "content": thought})
            case "text":
                content = _content(event.text, random, "output_text")
                items.append({"type": "message", "role": "assistant", "content": content})
            case "call" if event.name == "shell":
                item = {"type": "custom_tool_call", "call_id": event.id, "name": event.name}
                items.append({**item, "input": json.dumps(event.arguments)})
            case "call":
                item = {"type": "function_call", "call_id": event.id, "name": event.name}
                items.append({**item, "arguments": json.dumps(event.arguments)})
            case "result":
                kind = "custom_tool_call_output" if event.name == "shell" else "function_call_output"
                items.append({"type": kind, "call_id": event.id, "output": _content(event.text, random, "input_text")})
            case role:
                items.append({"role": role, "content": _content(event.text, random, "input_text")})
    tools = [
        {"type": "custom", "name": name, "description": text}
        if name == "shell"
        else {"type": "function", "name": name, "description": text, "parameters": {"type": "object"}}
        for name, text in given.tools.items()
    ]
    return {"input": items, "tools": tools}


def as_messages(given: Transcript, random: Random) -> dict[str, Any]:
    """Return the body of a request to Anthropic's Messages API."""
    messages: list[dict[str, Any]] = []
    system: list[dict[str, Any]] = []

    def block(role: str, value: dict[str, Any]) -> None:
        if not messages or messages[-1]["role"] != role or not isinstance(messages[-1]["content"], list):
            messages.append({"role": role, "content": []})
        messages[-1]["content"].append(value)

    for event in given.events:
        match event.kind:
            case "system" | "developer" if not messages:
                system.append({"type": "text", "text": event.text})
            case "system" | "developer":
                messages.append({"role": "system", "content": event.text})
            case "thinking":
                block("assistant", {"type": "thinking", "thinking": event.text, "signature": "c2ln"})
            case "text":
                block("assistant", {"type": "text", "text": event.text})
            case "call":
                block("assistant", {"type": "tool_use", "id": event.id, "name": event.name, "input": event.arguments})
            case "result":
                content = _content(event.text, random, "text")
                block("user", {"type": "tool_result", "tool_use_id": event.id, "content": content})
            case _ if random.random() < 0.3:
                messages.append({"role": "user", "content": event.text})
            case _:
                block("user", {"type": "text", "text": event.text})
    tools = [{"name": name, "description": text, "input_schema": {"type": "object"}} for name, text in given.tools.items()]
    return {"max_tokens": 5, "system": system, "messages": messages, "tools": tools}


def _content(text: str, random: Random, kind: str, *, picture: bool = False) -> str | list[dict[str, Any]]:
    if random.random() < 0.5:
        return text
    parts: list[dict[str, Any]] = [{"type": kind, "text": text}]
    if picture and random.random() < 0.1:
        parts.append({"type": "image_url", "image_url": {"url": _PICTURE}})
    return parts


AS_REQUEST: Mapping[str, Callable[[Transcript, Random], dict[str, Any]]] = {
    "chat": as_chat,
    "responses": as_responses,
    "messages": as_messages,
}
"""API → what makes the body of a request to it."""
