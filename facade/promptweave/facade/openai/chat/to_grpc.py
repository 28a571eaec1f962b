"""OpenAI's chat request → the two services' requests; and positions of their errors → positions in OpenAI's request."""

import base64
import binascii
import json
import re
from collections.abc import Iterable
from typing import Any

from promptweave.errors import PromptweaveError
from promptweave.facade.bodies.unsupported import CHAT, refuse_unserved
from promptweave.facade.errors import RequestError, UnsupportedError
from promptweave.facade.openai.chat.body import (
    ChatBody,
    ContentPart,
    Function,
    GrammarDefinition,
    Message,
    ToolCall,
    ToolChoiceObject,
    read_chat_body,
)
from promptweave.facade.openai.chat.body import Tool as ToolBody
from promptweave.facade.openai.chat.legacy_functions import with_tools
from promptweave.facade.openai.sampling import sampling_of
from promptweave.v1 import chat_pb2, inference_pb2, prompt_compiler_pb2

_MAX_TOKENS = 2**31 - 1
"""More than any context holds."""

_SCHEMA_STYLES = {
    None: prompt_compiler_pb2.SCHEMA_STYLE_UNSPECIFIED,
    "json": prompt_compiler_pb2.SCHEMA_STYLE_JSON,
    "typescript": prompt_compiler_pb2.SCHEMA_STYLE_TYPESCRIPT,
}


def compile_request_from_openai(body: dict[str, Any]) -> prompt_compiler_pb2.CompileRequest:
    """Return the compile request, without a template. Raises RequestError and UnsupportedError; paths are pointers into
    `body`."""
    return to_compile_request(read_chat_body(body))


def to_compile_request(body: ChatBody) -> prompt_compiler_pb2.CompileRequest:
    """Return the compile request, without a template. Raises RequestError and UnsupportedError."""
    body, places = with_tools(body)
    try:
        return _compile_request(body)
    except PromptweaveError as error:
        error.path = places.original(error.path or "")
        raise


def _compile_request(body: ChatBody) -> prompt_compiler_pb2.CompileRequest:
    refuse_unserved(body, CHAT)
    request = prompt_compiler_pb2.CompileRequest(
        messages=[_message(message, f"/messages/{place}") for place, message in enumerate(body.messages)],
        tools=[_tool(tool, f"/tools/{place}") for place, tool in enumerate(body.tools)],
        tool_choice=_tool_choice(body.tool_choice),
        parallel_tool_calls=body.parallel_tool_calls,
        response_format=_response_format(body),
        style=body.tool_style,
        schema_style=_SCHEMA_STYLES[body.schema_style],
        chat_template_kwargs=_dumps(body.chat_template_kwargs, "/chat_template_kwargs") if body.chat_template_kwargs else "",
        prompt_cache_key=body.prompt_cache_key or "",
        parse_special_in_content=body.parse_special_in_content,
        continue_final_message=body.continue_final_message,
    )
    if body.reasoning_effort is not None:
        request.reasoning.effort = body.reasoning_effort
        if body.reasoning_effort == "none":
            request.reasoning.enabled = False
    budget = body.thinking_budget_tokens
    if budget is None and body.reasoning:
        budget = body.reasoning.max_tokens
    if budget is not None and budget >= 0:  # For llama.cpp, -1 means no budget.
        request.reasoning.budget_tokens = budget
    return request


def to_generate_request(body: ChatBody, owner: str | None = None) -> inference_pb2.GenerateRequest:
    """Return the generate request, without a prompt. Each owner has its own sessions. Raises RequestError."""
    limit = body.max_completion_tokens or body.max_tokens
    scored = body.logprobs or body.explain
    if body.top_logprobs is not None and not scored:
        raise RequestError("top_logprobs requires logprobs: true", path="/top_logprobs")
    return inference_pb2.GenerateRequest(
        sampling=sampling_of(body),
        max_tokens=None if limit is None else min(limit, _MAX_TOKENS),
        stop=body.stop,
        n=body.n if body.n != 1 else None,
        session_id=_owned(body.session_id, owner),
        parent_session_id=_owned(body.parent_session_id, owner),
        top_logprobs=(body.top_logprobs or 0) if scored else None,
        fast_forward=body.fast_forward,
    )


def _owned(session_id: str | None, owner: str | None) -> str | None:
    return f"{owner}/{session_id}" if session_id and owner else session_id


def body_path(path: str, body: dict[str, Any]) -> str:
    """Map a position in a service's request to the one in OpenAI's request that it came from."""
    try:
        _, places = with_tools(read_chat_body(body))
    except RequestError:
        return path  # Errors in the body itself already have its positions.
    return places.original(chat_path(path, body))


def chat_path(path: str, body: dict[str, Any]) -> str:
    """Map a position in a service's request to the one in a chat request with tools."""
    limit = "/max_completion_tokens" if body.get("max_completion_tokens") is not None else "/max_tokens"
    wanted = body["response_format"] if isinstance(body.get("response_format"), dict) else {}
    nested = isinstance(wanted.get("json_schema"), dict)
    moves = [
        ("/sampling/", "/"),
        ("/prompt/gbnf", "/grammar" if body.get("grammar") is not None else ""),
        ("/prompt/", "/messages/"),
        ("/max_tokens", limit),
        ("/top_logprobs", "/top_logprobs" if body.get("top_logprobs") is not None else "/logprobs"),
        ("/style", "/tool_style"),
        ("/reasoning/effort", "/reasoning_effort"),
        ("/response_format/grammar/definition", _grammar_path(body, wanted)),
        *([("/response_format/grammar", "/grammar")] if body.get("grammar") is not None else []),
        ("/tool_choice/allowed", "/tool_choice/allowed_tools"),
        *([] if nested else [("/response_format/json_schema", "/response_format")]),
    ]
    if path.startswith("/sampling/logit_bias/"):
        token = list(body["logit_bias"])[int(path.split("/")[3])]
        return f"/logit_bias/{token.replace('~', '~0').replace('/', '~1')}"
    path = re.sub(r"(?<=^/messages/)(\d+/content/\d+)/image$", r"\1/image_url/url", path)
    path = re.sub(r"(?<=^/tools/)(\d+)/custom/grammar", r"\1/custom/format/grammar", path)
    for before, after in moves:
        if path.startswith(before):
            # Positions inside a prompt have no counterpart in a single message.
            return "/messages" if after == "/messages/" else after + path.removeprefix(before)
    return path


def _grammar_path(body: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Return the position of the grammar's text in OpenAI's request."""
    if body.get("grammar") is not None:
        return "/grammar"
    if wanted.get("type") == "regex":
        return "/response_format/pattern"
    return "/response_format/grammar" + ("/definition" if isinstance(wanted.get("grammar"), dict) else "")


# -- messages --


def _message(body: Message, path: str) -> chat_pb2.Message:
    if body.role == "tool" and body.tool_call_id is None:
        raise RequestError(
            "a tool message requires tool_call_id, the id of the call that it responds to", path=f"{path}/tool_call_id"
        )
    return chat_pb2.Message(
        role=chat_pb2.Role.Value(f"ROLE_{body.role.upper()}"),
        content=[
            *_content(body.content, f"{path}/content"),
            # Sent instead of the content, or after it.
            *([chat_pb2.ContentPart(text=body.refusal)] if body.refusal else []),
        ],
        name=body.name,
        tool_calls=[_call(call, f"{path}/tool_calls/{place}") for place, call in enumerate(body.tool_calls)],
        tool_call_id=body.tool_call_id,
        reasoning_content=body.reasoning_content or (body.model_extra or {}).get("reasoning"),
    )


def _content(content: str | list[ContentPart] | None, path: str) -> Iterable[chat_pb2.ContentPart]:
    if isinstance(content, str):
        yield chat_pb2.ContentPart(text=content)
        return
    for place, part in enumerate(content or ()):
        match part.type:
            case "text":
                yield chat_pb2.ContentPart(text=part.text)
            case "refusal":
                yield chat_pb2.ContentPart(text=part.refusal)
            case "image_url":
                yield chat_pb2.ContentPart(image=_image(part, f"{path}/{place}/image_url/url"))
            case _:
                raise UnsupportedError(
                    f"content parts of type {part.type!r} are not supported; send text", path=f"{path}/{place}"
                )


def _image(part: ContentPart, path: str) -> chat_pb2.Image:
    url = part.image_url.url if part.image_url else ""
    head, comma, data = url.partition(",")
    if not (head.startswith("data:image/") and head.endswith(";base64") and comma):
        raise RequestError(
            "images must be base64 data URLs (data:image/png;base64,...); remote URLs are not fetched",
            path=path,
        )
    try:
        decoded = base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise RequestError(f"the data URL is not valid base64: {error}", path=path) from None
    return chat_pb2.Image(data=decoded, mime_type=head.removeprefix("data:").partition(";")[0])


def check_pictures(request: prompt_compiler_pb2.CompileRequest, model: inference_pb2.ModelInfo) -> None:
    """Raise UnsupportedError for the first image, if the model accepts none."""
    if model.images:
        return
    for number, message in enumerate(request.messages):
        for place, part in enumerate(message.content):
            if part.HasField("image"):
                raise UnsupportedError(
                    f"the model {model.id!r} does not accept images; load its projector with --mmproj FILE",
                    path=f"/messages/{number}/content/{place}",
                )


def _call(call: ToolCall, path: str) -> chat_pb2.ToolCall:
    if call.custom is not None:
        return chat_pb2.ToolCall(id=call.id, custom=chat_pb2.CustomCall(name=call.custom.name, input=call.custom.input))
    if call.type == "custom":
        raise RequestError("a call of a custom tool requires a 'custom' object", path=f"{path}/custom")
    if call.function is None:
        raise RequestError("a tool call requires a 'function' object", path=f"{path}/function")
    arguments = call.function.arguments
    text = arguments if isinstance(arguments, str) else _dumps(arguments, f"{path}/function/arguments")
    # Clients send "" back for a call without arguments.
    function = chat_pb2.FunctionCall(name=call.function.name, arguments=text if text.strip() else "{}")
    return chat_pb2.ToolCall(id=call.id, function=function)


# -- tools and formats --


def _tool(tool: ToolBody, path: str) -> chat_pb2.Tool:
    if tool.type == "custom":
        if tool.custom is None:
            raise RequestError("a custom tool requires a 'custom' object", path=f"{path}/custom")
        custom = chat_pb2.CustomTool(name=tool.custom.name, description=tool.custom.description)
        if tool.custom.format and tool.custom.format.grammar:
            grammar = tool.custom.format.grammar
            custom.grammar.CopyFrom(_text_grammar(grammar.syntax, grammar.definition))
        return chat_pb2.Tool(custom=custom)
    function = tool.function
    if function is None:
        # The Responses API's flat form, which some clients send here, too.
        if "name" not in (tool.model_extra or {}):
            raise RequestError("a function tool requires a 'function' object", path=f"{path}/function")
        raise RequestError(
            "function fields must be nested under 'function' (the Responses API's flat form is not accepted here)",
            path=f"{path}/function",
        )
    return chat_pb2.Tool(function=_function(function, f"{path}/function"))


def _function(function: Function, path: str) -> chat_pb2.FunctionTool:
    return chat_pb2.FunctionTool(
        name=function.name,
        description=function.description,
        parameters=None if function.parameters is None else _dumps(function.parameters, f"{path}/parameters"),
        strict=function.strict,
    )


def _tool_choice(choice: str | ToolChoiceObject | None) -> chat_pb2.ToolChoice | None:
    match choice:
        case None:
            return None
        case "none":
            none = chat_pb2.ToolChoice()
            none.none.SetInParent()  # The message is called None, which is a keyword in Python.
            return none
        case "auto":
            return chat_pb2.ToolChoice(auto=chat_pb2.ToolChoice.Auto())
        case "required":
            return chat_pb2.ToolChoice(required=chat_pb2.ToolChoice.Required())
        case ToolChoiceObject(type="allowed_tools", allowed_tools=allowed) if allowed:
            names = [(tool.function or tool.custom) for tool in allowed.tools]
            if None in names:
                raise RequestError("each allowed tool requires a name", path="/tool_choice/allowed_tools/tools")
            return chat_pb2.ToolChoice(
                allowed=chat_pb2.ToolChoice.Allowed(
                    required=allowed.mode == "required", names=[name.name for name in names if name]
                )
            )
        case ToolChoiceObject(function=named, custom=custom) if named or custom:
            name = (named or custom).name  # type: ignore[union-attr] # the guard says that there is one
            return chat_pb2.ToolChoice(named=chat_pb2.ToolChoice.Named(name=name))
    raise RequestError("tool_choice does not name a tool; name one, or use none, auto or required", path="/tool_choice")


def _response_format(body: ChatBody) -> chat_pb2.ResponseFormat | None:
    wanted = body.response_format
    if body.grammar is not None:
        if wanted is not None and wanted.type != "text":
            raise RequestError("response_format and grammar are mutually exclusive; send one of them", path="/grammar")
        return chat_pb2.ResponseFormat(grammar=_text_grammar("gbnf", body.grammar))
    if wanted is None:
        return None
    if wanted.type == "text":
        return chat_pb2.ResponseFormat(text=chat_pb2.ResponseFormat.Text())
    if wanted.type == "json_object":
        return chat_pb2.ResponseFormat(json_object=chat_pb2.ResponseFormat.JsonObject())
    if wanted.type == "regex":
        if wanted.pattern is None:
            raise RequestError("a format of type 'regex' requires a pattern", path="/response_format/pattern")
        return chat_pb2.ResponseFormat(grammar=_text_grammar("regex", wanted.pattern))
    if wanted.type == "grammar":
        match wanted.grammar:
            case str(definition):
                return chat_pb2.ResponseFormat(grammar=_text_grammar("gbnf", definition))
            case GrammarDefinition(syntax=syntax, definition=definition):
                return chat_pb2.ResponseFormat(grammar=_text_grammar(syntax, definition))
        raise RequestError("a format of type 'grammar' requires a grammar", path="/response_format/grammar")
    form = wanted.json_schema or wanted
    at = "/response_format/json_schema/schema" if wanted.json_schema else "/response_format/schema"
    if form.schema_ is None:
        raise RequestError("a format of type 'json_schema' requires a schema", path=at)
    return chat_pb2.ResponseFormat(
        json_schema=chat_pb2.ResponseFormat.JsonSchema(
            name=form.name, description=form.description, schema=_dumps(form.schema_, at), strict=form.strict
        )
    )


def _text_grammar(syntax: str, definition: str) -> chat_pb2.TextGrammar:
    return chat_pb2.TextGrammar(syntax=chat_pb2.TextGrammar.Syntax.Value(f"SYNTAX_{syntax.upper()}"), definition=definition)


def _dumps(value: Any, path: str) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, RecursionError) as error:
        raise RequestError(f"not valid JSON: {error}", path=path) from None
    return text
