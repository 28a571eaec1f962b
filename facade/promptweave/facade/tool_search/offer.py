"""Whether the model is offered a search for tools, and what it sees of it."""

import re
from collections import Counter
from collections.abc import Iterator

from promptweave.v1 import chat_pb2, prompt_compiler_pb2

TOOL_NAME = "tool_search"
"""The name by which the model calls the search."""
NAMES = frozenset({TOOL_NAME, "tool_search_tool_bm25", "tool_search_tool_regex"})
"""Names of a search on the server: those after the first are Anthropic's, which stand in conversations."""

_PARAMETERS = (
    '{"type": "object", "properties": {"query": {"type": "string", "description": "What the tool does, in a few words", '
    '"maxLength": 200}}, "required": ["query"], "additionalProperties": false}'
)
_MAX_GROUPS = 24
_SEARCHES = re.compile(r"tool.?search", re.IGNORECASE)
"""Names of tools with which a client searches for tools itself."""


def offers_search(request: prompt_compiler_pb2.CompileRequest) -> bool:
    """Return whether the search is offered: there are deferred tools, and neither the tools nor the conversation show that
    the client searches itself. It stays on offer once all tools are loaded, so that the prompt begins the same."""
    if not any(tool.defer_loading for tool in all_tools(request)):
        return False
    for tool in all_tools(request):
        name = plain_name(tool)
        if name == TOOL_NAME or (not tool.defer_loading and _SEARCHES.search(name)):
            return False
    calls = {call.id: call_name(call) for message in request.messages for call in message.tool_calls}
    if any(_SEARCHES.search(name) for name in calls.values() if name not in NAMES):
        return False
    return not any(
        message.role == chat_pb2.ROLE_TOOL
        and calls.get(message.tool_call_id) not in NAMES
        and any(part.HasField("tool_reference") for part in message.content)
        for message in request.messages
    )


def search_tool(request: prompt_compiler_pb2.CompileRequest) -> chat_pb2.Tool:
    """Return the tool with which the model searches."""
    tools = deferred_tools(request)
    groups = Counter(filter(None, map(_group, tools)))
    listed = [f"{name} ({number})" for name, number in [*groups.items()][:_MAX_GROUPS]]
    if len(groups) > _MAX_GROUPS:
        listed.append("and others")
    origin = f", from: {', '.join(listed)}" if listed else ""
    description = (
        f"Searches {len(tools)} more tools, which are not listed here{origin}. If no listed tool fits the task, call this "
        "with a few words about the tool that you need. The tools that match can be called afterwards."
    )
    function = chat_pb2.FunctionTool(name=TOOL_NAME, description=description, parameters=_PARAMETERS, strict=True)
    return chat_pb2.Tool(function=function)


def all_tools(request: prompt_compiler_pb2.CompileRequest) -> Iterator[chat_pb2.Tool]:
    """Yield the tools of a request and of its messages."""
    yield from request.tools
    for message in request.messages:
        yield from message.tools


def deferred_tools(request: prompt_compiler_pb2.CompileRequest) -> list[chat_pb2.Tool]:
    """Return the deferred tools of a request, loaded ones included."""
    return [tool for tool in all_tools(request) if tool.defer_loading]


def plain_name(tool: chat_pb2.Tool) -> str:
    """Return a tool's name, without its namespace."""
    return tool.custom.name if tool.HasField("custom") else tool.function.name


def key_of(tool: chat_pb2.Tool) -> tuple[str, str]:
    """Return a tool's namespace and name, which identify it."""
    return tool.namespace, plain_name(tool)


def call_name(call: chat_pb2.ToolCall) -> str:
    """Return the name of a call's tool, without its namespace."""
    return call.custom.name if call.HasField("custom") else call.function.name


def _group(tool: chat_pb2.Tool) -> str:
    """Return what a tool belongs to, such as an MCP server: its namespace, or the beginning of a name in parts."""
    if tool.namespace:
        return tool.namespace.removeprefix("mcp__").rstrip("_")
    parts = re.split(r"__|[./:]", plain_name(tool))
    return parts[-2] if len(parts) > 1 else ""
