"""Shared by the commands that read stdin: one JSON document, or with `--jsonl` one per line, each answered at once."""

import json
import sys
import traceback
from collections.abc import Callable
from typing import IO, Any, NoReturn

from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_text import loads
from promptweave.errors import Code, PromptweaveError

INVALID = 2
"""The exit code for invalid or unsupported input."""


def give_up(message: str) -> NoReturn:
    """Exit the command with one line on stderr."""
    print(" ".join(message.split()), file=sys.stderr)
    sys.exit(INVALID)


def refuse(error: PromptweaveError) -> NoReturn:
    """Exit the command with one line that names the path: `invalid: /messages/0/role: why`."""
    if isinstance(error, SchemaError):
        give_up(f"{error.kind}: {error.path or '/'}: {error.why}")
    kind = "unsupported" if error.code is Code.UNIMPLEMENTED else "invalid"
    place = f"{error.path or '/'}: "
    told = error.path is None or error.message.startswith(place)
    give_up(f"{kind}: {'' if told else place}{error.message}")


def _stdin(what: str) -> IO[bytes]:
    if sys.stdin is None:
        give_up(f"invalid: stdin is closed; pass the {what} on stdin")
    if sys.stdin.isatty():
        print(f"Reading the {what} from the terminal; end it with Ctrl-D.", file=sys.stderr)
    return sys.stdin.buffer


def read_text(what: str) -> str:
    """Return the text on stdin."""
    try:
        return _stdin(what).read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        give_up(f"invalid: the {what} on stdin is not UTF-8: {error}")


def read_document(what: str) -> Any:
    """Return the JSON document on stdin."""
    try:
        return loads(read_text(what))
    except ValueError as error:
        give_up(f"invalid: the {what} on stdin is not JSON: {error}")


def print_json(value: Any) -> None:
    """Print one line of JSON and flush it."""
    try:
        line = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # A lone surrogate, which can only be written as an escape.
        line = json.dumps(value).encode()
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def answer_lines(answer: Callable[[Any], Any]) -> None:
    """Read one document per line and print `{"result": ...}` or `{"error": {"reason", "message", "path"}}` for each.

    No line ends the command, neither an invalid one nor one that causes an internal error. Empty lines are skipped.
    """
    for line in _stdin("lines"):
        if not line.strip():
            continue
        print_json(_answered(answer, line))


def _answered(answer: Callable[[Any], Any], line: bytes) -> dict[str, Any]:
    try:
        document = loads(line.decode("utf-8-sig"))
    except ValueError as error:
        return _error("ERROR_REASON_REQUEST_INVALID", f"the line is not JSON: {error}", "")
    try:
        return {"result": answer(document)}
    except PromptweaveError as error:
        return _error(error.reason, error.message, error.path)
    except Exception:
        traceback.print_exc()
        return _error(PromptweaveError.reason, "internal error of promptweave; see stderr for details", None)


def _error(reason: str, message: str, path: str | None) -> dict[str, Any]:
    return {"error": {"reason": reason, "message": message, "path": path}}
