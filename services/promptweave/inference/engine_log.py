"""Reads what the engine writes to its log: levels, and the line that says why it died."""

import logging
import re
from collections import deque

logger = logging.getLogger("promptweave.engine")

_LINE = re.compile(r"(?:\d+\.\d+\.\d+\.\d+ )?(?:(?P<level>[DIWE]) )?\s*(?P<text>.*)")
"""`0.00.004.924 E llama_model_load: error loading model: ...`; other builds write the text alone."""

_ERROR = re.compile(r"error|fail|abort|assert|cannot|unable|not found", re.IGNORECASE)
_AFTERMATH = re.compile(r"^(?:srv|main|cmn)\b|failed to load model|exiting due to|Failed to init server")
"""What is said on the way out, after the cause."""

# The engine says at INFO what it does for every request, and at WARNING that a client went away.
_LEVELS = {"D": logging.DEBUG, "I": logging.DEBUG, "W": logging.INFO, "E": logging.ERROR}

_REFUSAL = re.compile(r"^srv\s+send_error\b")
"""What a caller did wrong, and is told."""

_KEPT = 50
_LONGEST = 400


class EngineLog:
    """The log of one run of the engine."""

    def __init__(self) -> None:
        self._last: deque[str] = deque(maxlen=_KEPT)
        self._errors: list[str] = []
        self.quiet = True
        """While the engine starts: its errors come back as one line if it fails, and nobody wants both."""

    def note(self, line: str) -> None:
        """Takes one line, without its end."""
        found = _LINE.fullmatch(line)
        level, text = (found["level"], found["text"].strip()) if found else (None, line.strip())
        if not text:
            return
        text = text[:_LONGEST]
        self._last.append(text)
        if level == "E" or (level is None and _ERROR.search(text)):
            self._errors = [*self._errors[-_KEPT:], text]
        if self.quiet or _REFUSAL.match(text):
            level = "D"
        logger.log(_LEVELS.get(level or "I", logging.DEBUG), "engine: %s", text)

    def cause(self) -> str:
        """The line that says best why the engine died; "" if it said nothing.

        The last error that is no mere aftermath: the cause comes first and its consequences follow.
        """
        causes = [text for text in self._errors if not _AFTERMATH.search(text)]
        return (causes or self._errors or list(self._last) or [""])[-1]
