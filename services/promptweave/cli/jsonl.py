"""What the commands that read stdin share: one JSON document, or with `--jsonl` one a line, answered in order, at once."""

import json
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from promptweave.errors import PromptweaveError

INVALID = 2
"""The exit code for input that cannot be done."""


def give_up(message: str) -> NoReturn:
    """Ends the command with one line on stderr."""
    print(" ".join(message.split()), file=sys.stderr)
    sys.exit(INVALID)


def read_document(what: str) -> Any:
    """The JSON document on stdin."""
    try:
        return json.loads(sys.stdin.buffer.read())
    except (ValueError, RecursionError) as error:
        give_up(f"invalid: the {what} on stdin is not JSON: {error}")


def print_json(value: Any) -> None:
    """One line of JSON, at once."""
    sys.stdout.buffer.write(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    sys.stdout.buffer.flush()


def answer_lines(answer: Callable[[Any], Any]) -> None:
    """Reads a document a line, prints `{"result": ...}` or `{"error": {"reason", "message", "path"}}` for each."""
    for line in sys.stdin.buffer:
        if not line.strip():
            continue
        try:
            print_json({"result": answer(json.loads(line))})
        except PromptweaveError as error:
            print_json(_error(error.reason, error.message, error.path))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            print_json(_error("ERROR_REASON_REQUEST_INVALID", f"the line is no such input: {error}", None))


def _error(reason: str, message: str, path: str | None) -> dict[str, Any]:
    return {"error": {"reason": reason, "message": message, "path": path}}
