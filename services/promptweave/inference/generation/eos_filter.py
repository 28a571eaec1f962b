"""Takes the token that ended the turn out of the output.

Measured on build b11549: an engine that shows special tokens (`--special`, or the token named in `preserved_tokens`) writes
the end-of-generation token's text as well, in a chunk of its own just before the last one. An engine that hides it writes an
empty chunk there instead. Which tokens end a generation is not told anywhere, so a chunk that may be one waits for the next.
"""

import re

from promptweave.inference.client.llama_client import Chunk

_LOOKS_SPECIAL = re.compile(r"[<\[][^\n]{1,80}[>\]]\Z")


class EosFilter:
    """Passes on the text of chunks, less the end-of-generation token's."""

    def __init__(self, eos: str) -> None:
        self._eos = eos
        self._held = ""
        self._before = ""
        self._written = -1

    def feed(self, chunk: Chunk) -> str:
        """The text that certainly is output."""
        if chunk.stop_type is not None:
            # The count tells whether the chunk before was the last token's: one that ends in half a character has none.
            ended = chunk.stop_type == "eos" and chunk.counts.completion_tokens == self._written
            return (self._before if ended else self._held) + chunk.text
        text, self._held, self._before = self._held, "", ""
        self._written = chunk.counts.completion_tokens
        if (place := self._place(chunk.text)) is not None:
            # Half a character before it comes in the same chunk.
            self._held, self._before = chunk.text, chunk.text[:place]
            return text
        return text + chunk.text

    def _place(self, text: str) -> int | None:
        """Where in the text an end token's may begin."""
        if self._eos and text.endswith(self._eos):
            return len(text) - len(self._eos)
        found = _LOOKS_SPECIAL.search(text)
        return found.start() if found else None
