"""Calls of tools that OpenAI defines, in conversations that began elsewhere: the model sees calls of functions.

The table has a row for each type of item with text that the model can read. `policy/responses.py` lists the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.bodies.json_field import json_text
from promptweave.facade.policy.responses_client_tools import CLIENT_TOOLS, DefinedTool


@dataclass(frozen=True)
class HostedCall:
    """A call, as that of a function."""

    name: str
    arguments: Any
    """JSON, or its text."""
    namespace: str = ""
    output: str | None = None
    """The output, if it is in the same item."""


def _defined(item: JsonObject) -> HostedCall:
    """Return a call of a tool that OpenAI defines and clients run."""
    tools = _DEFINED[item["type"]]
    # Two types of tools have items of the same type, whose arguments are in different fields.
    tool = next((tool for tool in tools if item.get(tool.call.arguments_field) is not None), tools[0])
    return HostedCall(tool.tool.name, tool.call.arguments(item))


def _mcp(item: JsonObject) -> HostedCall:
    output = item.get("output") or item.get("error")
    return HostedCall(
        str(item.get("name") or "mcp"), item.get("arguments") or {}, str(item.get("server_label") or ""), _as_text(output)
    )


def _code_interpreter(item: JsonObject) -> HostedCall:
    outputs = item.get("outputs")
    logs = [part.get("logs") for part in outputs if isinstance(part, dict)] if isinstance(outputs, list) else []
    return HostedCall("code_interpreter", {"code": item.get("code") or ""}, output="\n".join(map(str, filter(None, logs))))


_DEFINED: Mapping[str, Sequence[DefinedTool]] = {
    kind: [tool for tool in CLIENT_TOOLS.values() if tool.call.type == kind]
    for kind in {tool.call.type for tool in CLIENT_TOOLS.values()}
}
"""Type of an item → the tools whose calls it is for."""

HOSTED_CALLS: Mapping[str, Callable[[JsonObject], HostedCall]] = {
    **dict.fromkeys(_DEFINED, _defined),
    "mcp_call": _mcp,
    "code_interpreter_call": _code_interpreter,
}
"""Type of an item → the call that the model sees."""

HOSTED_OUTPUTS = frozenset(f"{kind}_output" for kind in _DEFINED)
"""Types of items with the outputs of such calls."""


def hosted_output(item: JsonObject) -> str | list[JsonObject]:
    """Return an output: its text, or a screenshot."""
    output = item.get("output")
    if isinstance(output, dict) and output.get("type") == "computer_screenshot":
        image = output.get("image_url")
        return [{"type": "image_url", "image_url": {"url": image}} if isinstance(image, str) else {"type": "image_url"}]
    return _as_text(output or item.get("status"))


def _as_text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json_text(value, "")
