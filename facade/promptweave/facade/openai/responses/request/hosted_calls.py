"""Calls of tools that OpenAI defines, in conversations that began elsewhere: the model sees calls of functions.

The table has a row for each type of item with text that the model can read. `policy/responses.py` lists the others.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.bodies.json_field import json_text


@dataclass(frozen=True)
class HostedCall:
    """A call, as that of a function."""

    name: str
    arguments: Any
    """JSON, or its text."""
    namespace: str = ""
    output: str | None = None
    """The output, if it is in the same item."""


def _with_field(name: str, field: str) -> Callable[[JsonObject], HostedCall]:
    """Return what makes a call of `name` whose arguments are a field of the item."""
    return lambda item: HostedCall(name, item.get(field) or {})


def _mcp(item: JsonObject) -> HostedCall:
    output = item.get("output") or item.get("error")
    return HostedCall(
        str(item.get("name") or "mcp"), item.get("arguments") or {}, str(item.get("server_label") or ""), _as_text(output)
    )


def _code_interpreter(item: JsonObject) -> HostedCall:
    outputs = item.get("outputs")
    logs = [part.get("logs") for part in outputs if isinstance(part, dict)] if isinstance(outputs, list) else []
    return HostedCall("code_interpreter", {"code": item.get("code") or ""}, output="\n".join(map(str, filter(None, logs))))


HOSTED_CALLS: Mapping[str, Callable[[JsonObject], HostedCall]] = {
    "local_shell_call": _with_field("local_shell", "action"),
    "shell_call": _with_field("shell", "action"),
    "apply_patch_call": _with_field("apply_patch", "operation"),
    "mcp_call": _mcp,
    "code_interpreter_call": _code_interpreter,
}
"""Type of an item → the call that the model sees."""

HOSTED_OUTPUTS = frozenset({"local_shell_call_output", "shell_call_output", "apply_patch_call_output"})
"""Types of items with the outputs of such calls."""


def hosted_output(item: JsonObject) -> str:
    """Return the text of an output."""
    return _as_text(item.get("output") or item.get("status"))


def _as_text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json_text(value, "")
