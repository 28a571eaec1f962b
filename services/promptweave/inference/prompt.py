"""Writes a prompt's segments as the engine wants them: BOS once, and nobody's text as special tokens."""

from collections.abc import Sequence

from promptweave.inference.client import EngineClient
from promptweave.inference.errors import RequestError
from promptweave.inference.facts import SEPARATOR, Facts
from promptweave.inference.request import PlainText, Segment

EnginePrompt = str | list[str | int]
"""The engine reads every string with special tokens in it, and puts BOS before a prompt that begins with a string."""


async def engine_prompt(client: EngineClient, facts: Facts, segments: Sequence[Segment]) -> EnginePrompt:
    """The prompt for `/completion`. Raises RequestError for an empty one.

    A prompt of template text alone stays one string: tokenising it in pieces would give other tokens.
    """
    parts: list[str | int] = []
    for plain, text in _joined(segments):
        if not text:
            continue
        if not plain and not (parts and facts.separator):
            parts.append(text)
        else:
            parts += await _tokens(client, facts, text, parse_special=not plain, first=not parts)
    if facts.adds_bos:
        if not parts or not isinstance(parts[0], str):
            parts.insert(0, "")
        # Half of the known templates print BOS themselves.
        parts[0] = str(parts[0]).removeprefix(facts.bos)
    elif not parts:
        raise RequestError("the prompt is empty", path="/prompt/segments")
    return parts[0] if len(parts) == 1 and isinstance(parts[0], str) else parts


def _joined(segments: Sequence[Segment]) -> list[tuple[bool, str]]:
    """The segments as (plain, text): texts side by side as one, plain ones each by itself."""
    joined: list[tuple[bool, str]] = []
    for segment in segments:
        plain = isinstance(segment, PlainText)
        if joined and not plain and not joined[-1][0]:
            joined[-1] = (False, joined[-1][1] + segment.text)
        else:
            joined.append((plain, segment.text))
    return joined


async def _tokens(client: EngineClient, facts: Facts, text: str, *, parse_special: bool, first: bool) -> list[int]:
    """The tokens of a piece of text; `first`: at the start, where some vocabularies add a space."""
    if first:
        return await client.tokenize(text, parse_special=parse_special, add_special=False)
    return await inner_tokens(client, facts, text, parse_special=parse_special)


async def inner_tokens(client: EngineClient, facts: Facts, text: str, *, parse_special: bool = False) -> list[int]:
    """The tokens of a piece of text in the middle of a text."""
    if not facts.separator:
        return await client.tokenize(text, parse_special=parse_special, add_special=False)
    tokens = await client.tokenize(SEPARATOR + text, parse_special=parse_special, add_special=False)
    return tokens[len(facts.separator) :]
