"""Log-probabilities of plain text, in the format of OpenAI's completions."""

from collections.abc import Iterable

from promptweave.facade.openai.chat.response.logprobs import UNLIKELY, reported
from promptweave.facade.openai.completions.objects import PlainLogprobs
from promptweave.v1 import inference_pb2, output_pb2


class TextLogprobs:
    """The log-probabilities of a plain text, piece by piece, in the format of completions."""

    def __init__(self) -> None:
        self._offset = 0
        """The start of the next token, in characters of the text."""

    def of(self, positions: Iterable[inference_pb2.Logprobs.Position]) -> PlainLogprobs:
        """Return those of the next piece."""
        scored: PlainLogprobs = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
        for position in reported(positions):
            if position.region != output_pb2.REGION_KIND_CONTENT:
                continue
            scored["tokens"].append(_spelled(position.chosen.text))
            scored["token_logprobs"].append(max(position.chosen.logprob, UNLIKELY))
            candidates = (*position.top, position.chosen)
            scored["top_logprobs"].append({_spelled(one.text): max(one.logprob, UNLIKELY) for one in candidates})
            scored["text_offset"].append(self._offset)
            self._offset += len(position.chosen.text.decode(errors="replace"))
        return scored


def _spelled(token: bytes) -> str:
    """Return a token's text or, if it is a part of a character, its bytes, so that tokens stay distinct."""
    try:
        return token.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token)
