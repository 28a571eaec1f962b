"""Calls that an answer repeats: the same tool with the same arguments, which is seldom meant."""

import json
from collections.abc import Iterable
from typing import NamedTuple

from promptweave.facade.openai.chat.response.objects import WarningObject


class MadeCall(NamedTuple):
    """A call of an answer. `path`: its JSON pointer in the response; `arguments`: as JSON, or a custom tool's input."""

    path: str
    tool: str
    arguments: str


def repeated_calls(calls: Iterable[MadeCall]) -> list[WarningObject]:
    """Return a warning for each call that an earlier one of the same answer equals."""
    made: set[tuple[str, str]] = set()
    found: list[WarningObject] = []
    for path, tool, arguments in calls:
        key = tool, _canonical(arguments)
        if key in made:
            message = f"{tool!r} is called again with the same arguments; parallel_tool_calls: false allows one call only"
            found.append({"code": "repeated_call", "path": path, "message": message})
        made.add(key)
    return found


def _canonical(arguments: str) -> str:
    """Return equal texts for arguments that differ only in the order of properties and in white space."""
    try:
        return json.dumps(json.loads(arguments), sort_keys=True)
    except ValueError:
        return arguments
