"""Logs: one line a record, on stderr, the same in every process."""

import logging
import os
import sys

LEVEL_VARIABLE = "PROMPTWEAVE_LOG_LEVEL"


class _OneLine(logging.Formatter):
    """Joins the lines of a record, a traceback's too, so that a line is a record to whoever reads the log."""

    def format(self, record: logging.LogRecord) -> str:
        return " | ".join(line for line in super().format(record).splitlines() if line.strip())


def set_up_logs(role: str) -> None:
    """Sends this process's log to stderr, each line beginning `promptweave ROLE LEVEL: `.

    The level is $PROMPTWEAVE_LOG_LEVEL (debug, info, warning, error; default info).
    """
    name = os.environ.get(LEVEL_VARIABLE) or "info"
    level = logging.getLevelNamesMapping().get(name.upper(), logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine(f"promptweave {role} %(levelname)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    if name.upper() not in logging.getLevelNamesMapping():
        root.warning("%s is %r: it may be debug, info, warning or error", LEVEL_VARIABLE, name)
    # They log every request, and what matters of it is logged by the service.
    for chatty in ("httpx", "httpcore", "asyncio", "grpc"):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))


def complain(role: str, message: str) -> None:
    """Tells the person at the terminal, in one line, why the process ends."""
    print(f"promptweave {role}: {' '.join(message.split())}", file=sys.stderr, flush=True)
