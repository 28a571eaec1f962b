"""Log-probabilities → OpenAI's."""

from collections.abc import Iterable
from typing import Any

from promptweave.v1 import inference_pb2, output_pb2

JsonObject = dict[str, Any]

_UNLIKELY = -9999.0
"""OpenAI's number for what hardly ever comes."""


def logprobs_object(tokens: list[JsonObject]) -> JsonObject:
    """The log-probabilities of a choice. A refusal is not written by the model, so it has none."""
    return {"content": tokens, "refusal": None}


def content_tokens(positions: Iterable[inference_pb2.Logprobs.Position]) -> list[JsonObject]:
    """The tokens of the content. Those of reasoning, calls and syntax have no place in OpenAI's answer."""
    return [
        {**_candidate(position.chosen), "top_logprobs": [_candidate(candidate) for candidate in position.top]}
        for position in positions
        if position.region == output_pb2.REGION_KIND_CONTENT
    ]


class TextLogprobs:
    """The log-probabilities of a plain text, piece by piece, as completions have them."""

    def __init__(self) -> None:
        self._offset = 0
        """Where the next token begins, in characters of the text."""

    def of(self, positions: Iterable[inference_pb2.Logprobs.Position]) -> JsonObject:
        """Those of the next piece."""
        told: JsonObject = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
        for position in positions:
            if position.region != output_pb2.REGION_KIND_CONTENT:
                continue
            told["tokens"].append(_spelled(position.chosen.text))
            told["token_logprobs"].append(max(position.chosen.logprob, _UNLIKELY))
            candidates = (*position.top, position.chosen)
            told["top_logprobs"].append({_spelled(one.text): max(one.logprob, _UNLIKELY) for one in candidates})
            told["text_offset"].append(self._offset)
            self._offset += len(position.chosen.text.decode(errors="replace"))
        return told


def _spelled(token: bytes) -> str:
    """A token by its text, or, where it is a part of a character, by its bytes: each is told apart."""
    try:
        return token.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token)


def all_tokens(positions: Iterable[inference_pb2.Logprobs.Position]) -> list[JsonObject]:
    """All tokens, with their ids and what each is part of: null is syntax between the parts, or the turn's end."""
    return [
        {
            "id": position.chosen.token,
            "region": output_pb2.RegionKind.Name(position.region).removeprefix("REGION_KIND_").lower()
            if position.region
            else None,
            **_candidate(position.chosen),
            "top_logprobs": [{"id": candidate.token, **_candidate(candidate)} for candidate in position.top],
        }
        for position in positions
    ]


def _candidate(candidate: inference_pb2.TokenLogprob) -> JsonObject:
    return {
        "token": candidate.text.decode(errors="replace"),
        "logprob": max(candidate.logprob, _UNLIKELY),
        "bytes": [*candidate.text],
    }
