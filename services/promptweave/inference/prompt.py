"""Writes a prompt's segments as the engine wants them: BOS once, and nobody's text as special tokens."""

from collections.abc import Sequence

from promptweave.inference.client import EngineClient
from promptweave.inference.errors import RequestError
from promptweave.inference.facts import Facts
from promptweave.inference.request import PlainText, Segment

EnginePrompt = str | list[str | int]
"""The engine reads every string with special tokens in it, and puts BOS before a prompt that begins with a string."""


async def engine_prompt(client: EngineClient, facts: Facts, segments: Sequence[Segment]) -> EnginePrompt:
    """The prompt for `/completion`. Raises RequestError for an empty one.

    A prompt of template text alone stays one string: tokenising it in pieces would give other tokens.
    """
    parts: list[str | int] = []
    for segment in segments:
        if isinstance(segment, PlainText):
            parts += await client.tokenize(segment.text, parse_special=False, add_special=False)
        elif parts and isinstance(last := parts[-1], str):
            parts[-1] = last + segment.text
        else:
            parts.append(segment.text)
    if facts.adds_bos:
        if not parts or not isinstance(parts[0], str):
            parts.insert(0, "")
        # Half of the known templates print BOS themselves.
        parts[0] = str(parts[0]).removeprefix(facts.bos)
    elif not any(part != "" for part in parts):
        raise RequestError("the prompt is empty", path="/prompt/segments")
    return parts[0] if len(parts) == 1 and isinstance(parts[0], str) else parts
