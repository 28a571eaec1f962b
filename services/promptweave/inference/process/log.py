"""Reads the engine's log: levels, and the line that states why it died."""

import logging
import re
from collections import deque
from dataclasses import dataclass

logger = logging.getLogger("promptweave.engine")


@dataclass(frozen=True)
class LogStyle:
    """The log format of a program."""

    line: re.Pattern[str]
    """Matches a complete line: its `text`, and its `level` if it has one."""
    error: re.Pattern[str]
    """Matches an error in a line without a level."""
    aftermath: re.Pattern[str]
    """Matches what is logged during the exit, after the cause."""
    refusal: re.Pattern[str]
    """Matches a caller's mistake, which the caller receives as an error."""


LLAMA_STYLE = LogStyle(
    line=re.compile(r"(?:\d+\.\d+\.\d+\.\d+ )?(?:(?P<level>[DIWE]) )?\s*(?P<text>.*)"),
    error=re.compile(r"error|fail|abort|assert|cannot|unable|not found", re.IGNORECASE),
    aftermath=re.compile(r"^(?:srv|main|cmn)\b|failed to load model|exiting due to|Failed to init server"),
    refusal=re.compile(r"^srv\s+send_error\b"),
)
"""`0.00.004.924 E llama_model_load: error loading model: ...`; other builds log the text alone."""

WHISPER_STYLE = LogStyle(
    line=re.compile(r"(?P<level>(?!))?(?P<text>.*)"),
    # Its usage text, which follows a wrong argument, mentions errors and failures, too.
    error=re.compile(r"^(?:error|terminate called|  what\(\))\b|failed to|couldn't|invalid model|GGML_ASSERT"),
    aftermath=re.compile(r"^terminate called|failed to initialize whisper context"),
    refusal=re.compile(r"^error: (?:failed to (?:read|decode)|no 'file')|^whisper_full|client disconnected"),
)
"""whisper.cpp's server (1.9.1): `error: unknown argument: --x`."""

# The engine logs at INFO what it does for every request, and at WARNING that a client disconnected.
_LEVELS = {"D": logging.DEBUG, "I": logging.DEBUG, "W": logging.INFO, "E": logging.ERROR}

_KEPT = 50
_MAX_LENGTH = 400


class EngineLog:
    """The log of one run of an engine, or of another program."""

    def __init__(self, name: str = "engine", style: LogStyle = LLAMA_STYLE) -> None:
        """Start a log. `name` is the prefix of each line."""
        self._name = name
        self._style = style
        self._last: deque[str] = deque(maxlen=_KEPT)
        self._errors: list[str] = []
        self.quiet = True
        """Set while the engine starts: if it fails, its errors are reported as one line, and need not be logged as well."""

    def note(self, line: str) -> None:
        """Process one line, without its line ending."""
        found = self._style.line.fullmatch(line)
        level, text = (found["level"], found["text"].strip()) if found else (None, line.strip())
        if not text:
            return
        text = text[:_MAX_LENGTH]
        self._last.append(text)
        refusal = self._style.refusal.search(text)
        if not refusal and (level == "E" or (level is None and self._style.error.search(text))):
            self._errors = [*self._errors[-_KEPT:], text]
        if self.quiet or refusal:
            level = "D"
        logger.log(_LEVELS.get(level or "I", logging.DEBUG), "%s: %s", self._name, text)

    def cause(self) -> str:
        """Return the line that best explains why the engine died; "" if it logged nothing.

        This is the last error that is not an aftermath: the cause comes first and its consequences follow.
        """
        causes = [text for text in self._errors if not self._style.aftermath.search(text)]
        return (causes or self._errors or list(self._last) or [""])[-1]
