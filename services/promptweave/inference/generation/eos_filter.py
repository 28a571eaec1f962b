"""Removes the end-of-generation token's text from the output.

Measured on build b11549: an engine that shows special tokens (`--special`, or the token named in `preserved_tokens`) also
emits the end-of-generation token's text, in a separate chunk just before the last one. An engine that hides it emits an
empty chunk there instead. The engine does not report which tokens end a generation, so a chunk that may be one is held until
the next one arrives.
"""

import re

from promptweave.inference.client.llama_client import Chunk

_LOOKS_SPECIAL = re.compile(r"[<\[][^\n]{1,80}[>\]]\Z")


class EosFilter:
    """Passes on the text of chunks, except that of the end-of-generation token."""

    def __init__(self, eos: str) -> None:
        self._eos = eos
        self._held = ""
        self._before = ""
        self._written = -1

    def feed(self, chunk: Chunk) -> str:
        """Return the text that is certain to be output."""
        if chunk.stop_type is not None:
            # The count shows whether the previous chunk was the last token's: one that ends inside a character has no chunk.
            ended = chunk.stop_type == "eos" and chunk.counts.completion_tokens == self._written
            return (self._before if ended else self._held) + chunk.text
        text, self._held, self._before = self._held, "", ""
        self._written = chunk.counts.completion_tokens
        if (place := self._place(chunk.text)) is not None:
            # An incomplete character before it arrives in the same chunk.
            self._held, self._before = chunk.text, chunk.text[:place]
            return text
        return text + chunk.text

    def _place(self, text: str) -> int | None:
        """Return the position at which the text of an end token may begin."""
        if self._eos and text.endswith(self._eos):
            return len(text) - len(self._eos)
        found = _LOOKS_SPECIAL.search(text)
        return found.start() if found else None
