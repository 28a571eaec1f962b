"""Converts a prompt's segments to the engine's form: BOS once, and no untrusted text as special tokens."""

from collections.abc import Sequence

from promptweave.common.json_object import JsonObject
from promptweave.inference.client.llama_client import EngineClient
from promptweave.inference.engine.model_info import SEPARATOR, ModelInfo
from promptweave.inference.errors import RequestError
from promptweave.inference.prompt.image_prompt import picture_prompt
from promptweave.inference.prompt.request import Ids, Picture, PlainText, PromptSegment, TemplateText

EnginePrompt = str | list[str | int] | JsonObject
"""The engine parses special tokens in every string, and puts BOS before a prompt that begins with a string.

An object is a prompt with images; see `image_prompt.py`.
"""


async def engine_prompt(client: EngineClient, model_info: ModelInfo, segments: Sequence[PromptSegment]) -> EnginePrompt:
    """Return the prompt for `/completion`. Raises RequestError for an empty one, and what `picture_prompt` raises.

    A prompt of template text alone stays one string: tokenizing it in pieces would give other tokens.
    """
    if any(isinstance(segment, Picture) for segment in segments):
        return await picture_prompt(client, model_info, segments)
    parts: list[str | int] = []
    joined = _joined(segments)
    for segment in joined:
        match segment:
            case Ids(ids):
                parts += ids
            case TemplateText(text) if not (parts and model_info.separator):
                parts.append(text)
            case TemplateText(text):
                parts += await _tokens(client, model_info, text, parse_special=True, first=False)
            case PlainText(text):
                parts += await _tokens(client, model_info, text, parse_special=False, first=not parts)
    # A prompt that begins with ids has BOS among them, or is meant to have none.
    if model_info.adds_bos and not (joined and isinstance(joined[0], Ids)):
        if not parts or not isinstance(parts[0], str):
            parts.insert(0, "")
        # Half of the known templates print BOS themselves.
        parts[0] = str(parts[0]).removeprefix(model_info.bos)
    elif not parts:
        raise RequestError("the prompt is empty", path="/prompt/segments")
    return parts[0] if len(parts) == 1 and isinstance(parts[0], str) else parts


def _joined(segments: Sequence[PromptSegment]) -> list[PromptSegment]:
    """Return the segments without the empty ones, with adjacent texts merged."""
    joined: list[PromptSegment] = []
    for segment in segments:
        if isinstance(segment, TemplateText) and joined and isinstance(joined[-1], TemplateText):
            joined[-1] = TemplateText(joined[-1].text + segment.text)
        elif segment.ids if isinstance(segment, Ids) else isinstance(segment, Picture) or segment.text:
            joined.append(segment)
    return joined


async def _tokens(client: EngineClient, model_info: ModelInfo, text: str, *, parse_special: bool, first: bool) -> list[int]:
    """Return the tokens of a piece of text; `first`: at the start, where some vocabularies add a space."""
    if first:
        return await client.tokenize(text, parse_special=parse_special, add_special=False)
    return await inner_tokens(client, model_info, text, parse_special=parse_special)


async def inner_tokens(client: EngineClient, model_info: ModelInfo, text: str, *, parse_special: bool = False) -> list[int]:
    """Return the tokens of a piece of text in the middle of a text."""
    if not model_info.separator:
        return await client.tokenize(text, parse_special=parse_special, add_special=False)
    tokens = await client.tokenize(SEPARATOR + text, parse_special=parse_special, add_special=False)
    return tokens[len(model_info.separator) :]
