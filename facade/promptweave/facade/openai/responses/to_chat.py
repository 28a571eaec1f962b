"""Translation of requests to `/v1/responses` into chat requests.

Responses support everything that chat completions support; `SourceMap` maps the positions of errors back.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from promptweave.facade.bodies.body import read_body
from promptweave.facade.bodies.source_map import Origin, SourceMap
from promptweave.facade.bodies.unsupported import RESPONSES, refuse_unserved
from promptweave.facade.errors import RequestError, UnsupportedError
from promptweave.facade.openai.chat.body import ChatBody, GrammarDefinition
from promptweave.facade.openai.chat.translated import Translation
from promptweave.facade.openai.responses.body import CustomTool, FunctionTool, ResponsesBody, ToolChoice
from promptweave.facade.openai.responses.items import Conversation
from promptweave.v1 import prompt_compiler_pb2

JsonObject = dict[str, Any]

_AS_IN_CHAT = ("model", "parallel_tool_calls", "prompt_cache_key", "temperature", "top_p")
"""OpenAI's fields that are the same in both."""

_LOGPROBS = "message.output_text.logprobs"
_INCLUDED = (
    "reasoning.encrypted_content",
    _LOGPROBS,
    # Only items of unsupported tools have these.
    *("file_search_call.results", "web_search_call.results", "web_search_call.action.sources"),
    *("computer_call_output.output.image_url", "code_interpreter_call.outputs", "message.input_image.image_url"),
)


def check_served(body: ResponsesBody) -> None:
    """Refuse unsupported fields by name. Raises UnsupportedError."""
    refuse_unserved(body, RESPONSES)
    for place, name in enumerate(body.include):
        if name not in _INCLUDED:
            raise UnsupportedError(f"{name!r} is not a supported value of include; remove it", path=f"/include/{place}")


def to_chat(raw: Mapping[str, Any], body: ResponsesBody, history: Sequence[JsonObject]) -> Translation:
    """Return the chat request. `history` holds the items before the input. Raises RequestError and UnsupportedError."""
    places = SourceMap()
    # Fields that OpenAI's description lacks are promptweave's or the engine's: chat completions check them.
    chat: JsonObject = {**(body.model_extra or {}), **{name: getattr(body, name) for name in _AS_IN_CHAT}}
    chat["messages"] = _messages(body, history, places)
    chat["tools"] = [_tool(tool, f"/tools/{place}", places) for place, tool in enumerate(body.tools)]
    chat["tool_choice"] = _tool_choice(body.tool_choice, places)
    chat["max_completion_tokens"] = body.max_output_tokens
    if body.top_logprobs or _LOGPROBS in body.include:
        chat |= {"logprobs": True, "top_logprobs": body.top_logprobs or 0}
    chat["reasoning_effort"] = body.reasoning.effort
    chat["reasoning"] = body.reasoning.model_extra or {}
    if body.text.format is not None:
        # It is flat, which chat completions accept as well.
        chat["response_format"] = raw["text"]["format"]
    places.add("/messages", Origin("/input", whole=True))
    places.add("/max_completion_tokens", Origin("/max_output_tokens"))
    places.add("/reasoning_effort", Origin("/reasoning/effort"))
    places.add("/response_format", Origin("/text/format"))
    return Translation(read_body(ChatBody, chat), chat, places, _warnings(body, history))


def _messages(body: ResponsesBody, history: Sequence[JsonObject], places: SourceMap) -> list[JsonObject]:
    conversation = Conversation(places)
    if body.instructions is not None:
        conversation.add({"role": "system", "content": body.instructions}, Origin("/instructions", whole=True))
    for item in history:
        if not _is_cut_call(item):
            conversation.add(item, Origin("/previous_response_id", whole=True))
    if isinstance(body.input, str):
        conversation.add({"role": "user", "content": body.input}, Origin("/input", whole=True))
    else:
        for place, item in enumerate(body.input):
            conversation.add(item, Origin(f"/input/{place}"))
    return conversation.messages


def _is_cut_call(item: JsonObject) -> bool:
    """Return whether the item is a truncated call, which has no arguments that a template could contain."""
    return item["type"] in ("function_call", "custom_tool_call") and item["status"] == "incomplete"


def _tool(tool: JsonObject, path: str, places: SourceMap) -> JsonObject:
    kind = tool.get("type")
    if kind not in ("function", "custom"):
        what = f"tools of type {kind!r} are" if isinstance(kind, str) else "a tool without a type is"
        raise UnsupportedError(f"{what} not supported; supported types: function, custom", path=f"{path}/type")
    places.add(f"{path}/{kind}", Origin(path))
    if kind == "function":
        function = read_body(FunctionTool, tool, path)
        return {"type": kind, kind: function.model_dump(include=set(FunctionTool.model_fields), exclude_none=True)}
    custom = read_body(CustomTool, tool, path)
    made: JsonObject = {"name": custom.name, "description": custom.description}
    if custom.format is not None and custom.format.type == "grammar":
        grammar = read_body(GrammarDefinition, tool["format"], f"{path}/format")
        made["format"] = {"type": "grammar", "grammar": {"syntax": grammar.syntax, "definition": grammar.definition}}
        places.add(f"{path}/custom/format/grammar", Origin(f"{path}/format"))
    return {"type": kind, kind: made}


def _tool_choice(choice: str | ToolChoice | None, places: SourceMap) -> Any:
    if not isinstance(choice, ToolChoice):
        return choice
    if choice.type == "allowed_tools":
        tools = [_chosen(tool.type, tool.name, f"/tool_choice/tools/{place}") for place, tool in enumerate(choice.tools)]
        places.add("/tool_choice/allowed_tools", Origin("/tool_choice"))
        places.add("/tool_choice/allowed_tools/names", Origin("/tool_choice/tools", whole=True))
        return {"type": choice.type, choice.type: {"mode": choice.mode, "tools": tools}}
    places.add(f"/tool_choice/{choice.type}", Origin("/tool_choice"))
    return _chosen(choice.type, choice.name, "/tool_choice")


def _chosen(kind: str, name: str, path: str) -> JsonObject:
    if kind not in ("function", "custom"):
        raise UnsupportedError(
            f"tools of type {kind!r} are not supported; supported types: function, custom", path=f"{path}/type"
        )
    if not name:
        raise RequestError("tool_choice requires a tool name", path=f"{path}/name")
    return {"type": kind, kind: {"name": name}}


def _warnings(body: ResponsesBody, history: Sequence[JsonObject]) -> list[prompt_compiler_pb2.Warning]:
    """Return warnings for fields that are accepted, since clients always send them, but have no effect; and for items
    that are left out."""
    told = []
    if body.truncation == "auto":
        told.append(
            ("not_applied", "/truncation", "truncation is not applied; a conversation that exceeds the context is rejected")
        )
    if body.reasoning.summary or body.reasoning.generate_summary:
        told.append(("not_applied", "/reasoning/summary", "reasoning is not summarized; reasoning items contain all of it"))
    for place, tool in enumerate(body.tools):
        if tool.get("output_schema") is not None:
            told.append(
                ("not_applied", f"/tools/{place}/output_schema", "tool output is not validated against output_schema")
            )
    if any(map(_is_cut_call, history)):
        told.append(("call_left_out", "/previous_response_id", "a truncated call is omitted from the conversation"))
    return [prompt_compiler_pb2.Warning(code=code, path=path, message=message) for code, path, message in told]
