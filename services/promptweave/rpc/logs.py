"""Logs: one line per record, on stderr, the same in every process; as text, or as JSON for log collectors."""

import json
import logging
import os
import sys
import threading
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from promptweave.common.tracing import trace_ids

LEVEL_VARIABLE = "PROMPTWEAVE_LOG_LEVEL"
FORMAT_VARIABLE = "PROMPTWEAVE_LOG_FORMAT"
"""Both are read from the environment, so that child processes use the same settings."""
FORMATS = ("text", "json")

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the HTTP request that is being processed, the same in all services; None if there is none."""

FIELDS = "fields"
"""`logger.info(..., extra={FIELDS: {...}})`: the message's values, for programs. Left out of text."""


class _OneLine(logging.Formatter):
    """Joins the lines of a record, also of a traceback, so that each line of the log is one record."""

    def format(self, record: logging.LogRecord) -> str:
        return " | ".join(line for line in super().format(record).splitlines() if line.strip())


class _Json(logging.Formatter):
    """One JSON object per line, in ASCII: time (RFC 3339), level, service, logger, message, and optional fields.

    These are `request_id`, `trace_id` and `span_id`, `exception` (a complete traceback), and the record's own fields.
    """

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "service": self._role,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := REQUEST_ID.get():
            line["request_id"] = request_id
        line |= trace_ids()
        if record.exc_info and record.exc_info[0]:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line | getattr(record, FIELDS, {}), default=str)


def set_up_logs(role: str) -> None:
    """Send this process's log to stderr, each line beginning with `promptweave ROLE LEVEL: `, or a JSON object.

    The level is $PROMPTWEAVE_LOG_LEVEL (debug, info, warning, error; default info), the format $PROMPTWEAVE_LOG_FORMAT
    (text, json; default text).
    """
    name = os.environ.get(LEVEL_VARIABLE) or "info"
    level = logging.getLevelNamesMapping().get(name.upper(), logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json(role) if as_json() else _OneLine(f"promptweave {role} %(levelname)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    if name.upper() not in logging.getLevelNamesMapping():
        root.warning("%s is %r; it must be debug, info, warning or error", LEVEL_VARIABLE, name)
    # These log every request; the service itself logs what matters about it.
    for chatty in ("aiohttp", "httpx", "httpcore", "asyncio", "grpc"):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))
    if as_json():
        # Otherwise Python would write these in its own format.
        logging.captureWarnings(True)
        sys.excepthook = _uncaught
        threading.excepthook = lambda told: _uncaught(told.exc_type, told.exc_value, told.exc_traceback)


def as_json() -> bool:
    """Return whether this process logs JSON."""
    return os.environ.get(FORMAT_VARIABLE) == "json"


def choose_format(name: str) -> None:
    """Set the format for this process and its children. Call it before gRPC is loaded.

    JSON also silences what libraries write to stderr outside of Python's logging: gRPC's core, and progress bars.
    """
    os.environ[FORMAT_VARIABLE] = name
    if as_json():
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def complain(role: str, message: str) -> None:
    """Report in one line, on stderr, why the process ends."""
    _say(role, message, logging.ERROR)


def tell(role: str, message: str) -> None:
    """Report in one line, on stderr, what the process is doing."""
    _say(role, message, logging.INFO)


def announce(role: str, message: str, *, screen: str | None = None, **fields: object) -> None:
    """Print the line on stdout that the process's starter waits for. `screen`: the same for a terminal, in more lines."""
    print(_json_line(role, message, logging.INFO, fields) if as_json() else screen or message, flush=True)


def _say(role: str, message: str, level: int) -> None:
    text = " ".join(message.split())
    line = _json_line(role, text, level, {}) if as_json() else f"{' '.join(filter(None, ('promptweave', role)))}: {text}"
    print(line, file=sys.stderr, flush=True)


def _json_line(role: str, message: str, level: int, fields: dict[str, object]) -> str:
    record = logging.LogRecord("promptweave", level, "", 0, message, None, None)
    setattr(record, FIELDS, fields)
    return _Json(role).format(record)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt) or error is None:
        return
    logging.getLogger("promptweave").critical("uncaught: %s", kind.__name__, exc_info=(kind, error, trace))
