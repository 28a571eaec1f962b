"""Converts a prompt's segments to the engine's form: BOS once, and no untrusted text as special tokens."""

from collections.abc import Sequence

from promptweave.inference.client.llama_client import EngineClient, JsonObject
from promptweave.inference.engine.model_info import SEPARATOR, ModelInfo
from promptweave.inference.errors import RequestError
from promptweave.inference.generation.image_prompt import picture_prompt
from promptweave.inference.generation.request import Ids, Picture, PlainText, Segment, Text

EnginePrompt = str | list[str | int] | JsonObject
"""The engine parses special tokens in every string, and puts BOS before a prompt that begins with a string.

An object is a prompt with images; see `image_prompt.py`.
"""


async def engine_prompt(client: EngineClient, facts: ModelInfo, segments: Sequence[Segment]) -> EnginePrompt:
    """Return the prompt for `/completion`. Raises RequestError for an empty one, and what `picture_prompt` raises.

    A prompt of template text alone stays one string: tokenizing it in pieces would give other tokens.
    """
    if any(isinstance(segment, Picture) for segment in segments):
        return await picture_prompt(client, facts, segments)
    parts: list[str | int] = []
    joined = _joined(segments)
    for segment in joined:
        match segment:
            case Ids(ids):
                parts += ids
            case Text(text) if not (parts and facts.separator):
                parts.append(text)
            case Text(text):
                parts += await _tokens(client, facts, text, parse_special=True, first=False)
            case PlainText(text):
                parts += await _tokens(client, facts, text, parse_special=False, first=not parts)
    # A prompt that begins with ids has BOS among them, or is meant to have none.
    if facts.adds_bos and not (joined and isinstance(joined[0], Ids)):
        if not parts or not isinstance(parts[0], str):
            parts.insert(0, "")
        # Half of the known templates print BOS themselves.
        parts[0] = str(parts[0]).removeprefix(facts.bos)
    elif not parts:
        raise RequestError("the prompt is empty", path="/prompt/segments")
    return parts[0] if len(parts) == 1 and isinstance(parts[0], str) else parts


def _joined(segments: Sequence[Segment]) -> list[Segment]:
    """Return the segments without the empty ones, with adjacent texts merged."""
    joined: list[Segment] = []
    for segment in segments:
        if isinstance(segment, Text) and joined and isinstance(joined[-1], Text):
            joined[-1] = Text(joined[-1].text + segment.text)
        elif segment.ids if isinstance(segment, Ids) else isinstance(segment, Picture) or segment.text:
            joined.append(segment)
    return joined


async def _tokens(client: EngineClient, facts: ModelInfo, text: str, *, parse_special: bool, first: bool) -> list[int]:
    """Return the tokens of a piece of text; `first`: at the start, where some vocabularies add a space."""
    if first:
        return await client.tokenize(text, parse_special=parse_special, add_special=False)
    return await inner_tokens(client, facts, text, parse_special=parse_special)


async def inner_tokens(client: EngineClient, facts: ModelInfo, text: str, *, parse_special: bool = False) -> list[int]:
    """Return the tokens of a piece of text in the middle of a text."""
    if not facts.separator:
        return await client.tokenize(text, parse_special=parse_special, add_special=False)
    tokens = await client.tokenize(SEPARATOR + text, parse_special=parse_special, add_special=False)
    return tokens[len(facts.separator) :]
