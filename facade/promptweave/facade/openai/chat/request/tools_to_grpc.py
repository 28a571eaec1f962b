"""Tools and the tool choice of a chat request → the contract's."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from promptweave.facade.bodies.json_field import json_text
from promptweave.facade.bodies.source_map import Origin, SourceMap
from promptweave.facade.errors import RequestError
from promptweave.facade.openai.chat.request.body import AllowedTools, Tool, ToolChoiceObject, ToolName
from promptweave.facade.openai.chat.request.format_to_grpc import text_grammar
from promptweave.v1 import chat_pb2


def tools_to_grpc(tools: Sequence[Tool], places: SourceMap, path: str = "") -> Iterator[chat_pb2.Tool]:
    """Yield the tools, one for each. `path`: the position of what has them. Raises RequestError."""
    for number, tool in enumerate(tools):
        made = _TOOLS[tool.type](tool, f"{path}/tools/{number}", places)
        made.namespace, made.defer_loading = tool.namespace, tool.defer_loading
        yield made


def _function(tool: Tool, path: str, places: SourceMap) -> chat_pb2.Tool:
    path = f"{path}/function"
    function = tool.function
    if function is None:
        raise RequestError("a function tool requires a 'function' object", path=path)
    made = chat_pb2.FunctionTool(
        name=function.name,
        description=function.description,
        parameters=None if function.parameters is None else json_text(function.parameters, f"{path}/parameters"),
        strict=function.strict,
    )
    return chat_pb2.Tool(function=made)


def _custom(tool: Tool, path: str, places: SourceMap) -> chat_pb2.Tool:
    path = f"{path}/custom"
    custom = tool.custom
    if custom is None:
        raise RequestError("a custom tool requires a 'custom' object", path=path)
    made = chat_pb2.CustomTool(name=custom.name, description=custom.description)
    if custom.format and custom.format.grammar:
        places.add(f"{path}/grammar", Origin(f"{path}/format/grammar"))
        made.grammar.CopyFrom(text_grammar(custom.format.grammar.syntax, custom.format.grammar.definition))
    return chat_pb2.Tool(custom=made)


_TOOLS: Mapping[str, Callable[[Tool, str, SourceMap], chat_pb2.Tool]] = {"function": _function, "custom": _custom}
"""Type of a tool → its translation, with the tool's position. Tools of other types are left out before."""


# -- the choice --


def tool_choice_to_grpc(choice: str | ToolChoiceObject | None, places: SourceMap) -> chat_pb2.ToolChoice | None:
    """Return the tool choice; None if the request has none. Raises RequestError."""
    if choice is None:
        return None
    if isinstance(choice, str):
        return _CHOICES[choice]()
    if choice.type == "allowed_tools" and choice.allowed_tools is not None:
        return _allowed(choice.allowed_tools, places)
    named = choice.function or choice.custom
    if named is None:
        raise RequestError("tool_choice does not name a tool; name one, or use none, auto or required", path="/tool_choice")
    return chat_pb2.ToolChoice(named=chat_pb2.ToolChoice.Named(name=named.name, namespace=choice.namespace))


def _allowed(allowed: AllowedTools, places: SourceMap) -> chat_pb2.ToolChoice:
    path = "/tool_choice/allowed_tools"
    places.add("/tool_choice/allowed", Origin(path))
    places.add("/tool_choice/allowed/names", Origin(f"{path}/tools"))
    names = [_joined_name(tool) for tool in allowed.tools]
    if not all(names):
        raise RequestError("each allowed tool requires a name", path=f"{path}/tools")
    return chat_pb2.ToolChoice(allowed=chat_pb2.ToolChoice.Allowed(required=allowed.mode == "required", names=names))


def _joined_name(tool: ToolName) -> str:
    """Return the name of a tool, with its namespace; empty if it has none."""
    named = tool.function or tool.custom
    name = named.name if named else ""
    return f"{tool.namespace.removesuffix('__')}__{name}" if tool.namespace and name else name


def _none() -> chat_pb2.ToolChoice:
    choice = chat_pb2.ToolChoice()
    choice.none.SetInParent()  # The message is called None, which is a keyword in Python.
    return choice


_CHOICES: Mapping[str, Callable[[], chat_pb2.ToolChoice]] = {
    "none": _none,
    "auto": lambda: chat_pb2.ToolChoice(auto=chat_pb2.ToolChoice.Auto()),
    "required": lambda: chat_pb2.ToolChoice(required=chat_pb2.ToolChoice.Required()),
}
"""The choices that name no tool."""
