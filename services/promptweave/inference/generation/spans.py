"""What a message does at the engine, as spans: its prompt is evaluated, then its tokens are decoded."""

from promptweave.common.tracing import begin_span
from promptweave.inference.client.llama_client import NOTHING, Counts


class Phases:
    """The two spans of a message, one after the other. What they are part of is the span that is current at the start."""

    def __init__(self) -> None:
        self._now = begin_span("prompt")
        self._seen = False

    def first(self) -> None:
        """Something has come of the message. To be called as often as one likes."""
        if not self._seen:
            self._seen = True
            self._now.end()
            self._now = begin_span("decode")

    def end(self, counts: Counts) -> None:
        """It is over, however it ended; `counts` is what it took."""
        if self._seen and counts is not NOTHING:
            self._now.set(
                {
                    "promptweave.prompt_tokens": counts.prompt_tokens,
                    "promptweave.cached_tokens": counts.cached_tokens,
                    "promptweave.output_tokens": counts.completion_tokens,
                    "promptweave.forced_tokens": counts.forced_tokens,
                    "promptweave.engine.prompt_ms": counts.prompt_ms,
                    "promptweave.engine.decode_ms": counts.predicted_ms,
                }
            )
        self._now.end()
