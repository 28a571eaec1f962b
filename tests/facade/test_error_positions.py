"""Generated requests with one fault: the error names the position of the fault in the client's request.

Faults are detected by the facade's translation, the compiler or the inference service, all of which run in this process.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.service.convert import chat_request_from_wire
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.errors import PromptweaveError
from promptweave.facade.anthropic.body import MessagesBody
from promptweave.facade.anthropic.to_chat import to_chat as from_messages
from promptweave.facade.bodies.body import read_body
from promptweave.facade.bodies.error_paths import error_paths
from promptweave.facade.errors import to_param
from promptweave.facade.openai.chat.request.body import read_chat_body
from promptweave.facade.openai.chat.request.pictures import check_pictures
from promptweave.facade.openai.chat.request.to_grpc import to_compile_request, to_generate_request
from promptweave.facade.openai.chat.request.translate import translate_chat
from promptweave.facade.openai.chat.request.translated import Translation
from promptweave.facade.openai.responses.request.body import ResponsesBody
from promptweave.facade.openai.responses.request.items import kept_item
from promptweave.facade.openai.responses.request.to_chat import to_chat as from_response_request
from promptweave.inference.generation.message import check
from promptweave.inference.service.generate_request import request_from_wire
from promptweave.v1 import inference_pb2, output_pb2

JsonObject = dict[str, Any]
Fault = Callable[[JsonObject, int], str]
"""Puts a fault into a request, at an index of its messages or tools, and returns the position that an error must name."""

TEMPLATE = ChatTemplate((Path(__file__).parents[1] / "compiler/templates/bare.jinja").read_text("utf-8"), "<s>", "</s>")
HISTORY = [kept_item({"role": "user", "content": "before"})]

SCHEMA: JsonObject = {"type": "object", "properties": {"a.b": {"type": "thing"}}}
IN_SCHEMA = "properties['a.b'].type"
REMOTE = "https://example.org/a.png"
DAMAGED = "data:image/png;base64,AAAA"


def refusal(asked: Translation, *, images: bool = True) -> PromptweaveError | None:
    """Return the error of a request, if it has one. `images`: whether the model accepts images."""
    try:
        compile_request, compile_places = to_compile_request(asked)
        generate_request, places = to_generate_request(asked)
        with error_paths(compile_places.original):
            check_pictures(compile_request, inference_pb2.ModelInfo(id="m", images=images), "error")
            compile_prompt(chat_request_from_wire(compile_request), TEMPLATE)
        text = output_pb2.OutputNode(text=output_pb2.TextNode(kind=output_pb2.REGION_KIND_CONTENT, may_end=True))
        generate_request.prompt.version = generate_request.prompt.syntax.version = 1
        generate_request.prompt.syntax.root.CopyFrom(text)
        with error_paths(places.original):
            check(request_from_wire(generate_request))
    except PromptweaveError as error:
        return error
    return None


def chat(body: JsonObject) -> Translation:
    return translate_chat(read_chat_body(body))


def responses(body: JsonObject) -> Translation:
    return from_response_request(body, read_body(ResponsesBody, body), HISTORY if "previous_response_id" in body else [])


def messages(body: JsonObject) -> Translation:
    return from_messages(body, read_body(MessagesBody, body))


def text(words: str, kind: str = "text") -> JsonObject:
    return {"type": kind, "text": words}


# -- valid requests: turns, of one or several messages, and tools --

Turn = Sequence[JsonObject]

CHAT_TURNS: Sequence[Turn] = (
    [{"role": "user", "content": "hi"}],
    [{"role": "user", "content": [text("a"), text("b")]}],
    [{"role": "assistant", "content": "so"}],
    [{"role": "assistant", "refusal": "no"}],
    [
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "t0", "arguments": '{"a": 1}'}}]},
        {"role": "tool", "tool_call_id": "1", "content": "done"},
    ],
)
LEGACY_TURNS: Sequence[Turn] = (
    *CHAT_TURNS[:4],
    [
        {"role": "assistant", "function_call": {"name": "t0", "arguments": "{}"}},
        {"role": "function", "name": "t0", "content": "done"},
    ],
)
RESPONSE_TURNS: Sequence[Turn] = (
    [{"role": "user", "content": "hi"}],
    [{"role": "user", "content": [text("a", "input_text"), text("b", "input_text")]}],
    [{"type": "reasoning", "summary": [text("so", "summary_text")]}, {"role": "assistant", "content": "so"}],
    [
        {"type": "function_call", "call_id": "1", "name": "t0", "arguments": "{}"},
        {"type": "function_call", "call_id": "2", "name": "t0", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": "done"},
        {"type": "function_call_output", "call_id": "2", "output": [text("done", "input_text")]},
    ],
)
MESSAGE_TURNS: Sequence[Turn] = (
    [{"role": "user", "content": "hi"}],
    [{"role": "user", "content": [text("a"), text("b")]}],
    [{"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, text("so")]}],
    [
        {"role": "assistant", "content": [text("so"), {"type": "tool_use", "id": "1", "name": "t0", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": [text("done")]}, text("and?")]},
    ],
)


def chat_tool(name: str, **more: Any) -> JsonObject:
    return {"type": "function", "function": {"name": name, **more}}


def flat_tool(name: str, **more: Any) -> JsonObject:
    return {"type": "function", "name": name, **more}


def named_tool(name: str, **more: Any) -> JsonObject:
    return {"name": name, **more}


# -- faults --


def put(body: JsonObject, field: str, at: int, *items: JsonObject) -> int:
    """Insert items at an index, or at the end, but not between a call and its result. Returns the index of the first."""
    listed = body.setdefault(field, [])
    at = min(at, len(listed))
    while field in ("messages", "input") and at < len(listed) and is_result(listed[at]):
        at += 1
    listed[at:at] = items
    return at


def is_result(item: JsonObject) -> bool:
    """Return whether no message or item may precede this one except those of its turn."""
    if item.get("role") in ("tool", "function") or item.get("type", "message") not in ("message", "reasoning"):
        return True
    return any(part["type"] == "tool_result" for part in item["content"]) if isinstance(item.get("content"), list) else False


def user(*content: JsonObject) -> JsonObject:
    return {"role": "user", "content": [*content]}


def chat_image(url: str, inside: str = ".image_url.url") -> Fault:
    def fault(body: JsonObject, at: int) -> str:
        image = {"type": "image_url", "image_url": {"url": url}}
        return f"messages[{put(body, 'messages', at, user(text('see'), image))}].content[1]{inside}"

    return fault


def chat_custom(**fields: Any) -> JsonObject:
    return {"type": "custom", "custom": {"name": "c", **fields}}


def grammar(definition: str, syntax: str = "regex") -> JsonObject:
    return {"syntax": syntax, "definition": definition}


def tool(made: JsonObject, inside: str, field: str = "tools") -> Fault:
    """Add a tool with a fault at `inside`."""

    def fault(body: JsonObject, at: int) -> str:
        return f"{field}[{put(body, field, at, made)}].{inside}"

    return fault


def hosted_before(made: JsonObject) -> Fault:
    """Add a tool with a fault in its schema after one that is left out."""

    def fault(body: JsonObject, at: int) -> str:
        return f"tools[{put(body, 'tools', at, {'type': 'web_search'}, made) + 1}].function.parameters.{IN_SCHEMA}"

    return fault


def fields(position: str, **more: Any) -> Fault:
    """Set fields of the request, which has a fault at `position` then."""

    def fault(body: JsonObject, at: int) -> str:
        body.update(more)
        return position

    return fault


def call_of_nobody(body: JsonObject, at: int) -> str:
    body["function_call"] = {"name": "nobody"}
    body["functions"] = body.get("functions") or [{"name": "t0"}]
    return "function_call"


def json_schema(**more: Any) -> JsonObject:
    return {"type": "json_schema", **more}


BIASES = {"logit_bias": {"7": 1, "x/y~z": 101}}

EVERYWHERE: Mapping[str, Fault] = {
    "template-variable": fields("chat_template_kwargs.messages", chat_template_kwargs={"messages": 1}),
    "style": fields("tool_style", tool_style="klingon"),
    "temperature": fields("temperature", temperature=-1),
    "sampler": fields("samplers[1]", samplers=["top_k", "dice"]),
    "top-k-a-text": fields("top_k", top_k="many"),
    "parent": fields("parent_session_id", parent_session_id="p"),
    "bias": fields("logit_bias.x/y~z", **BIASES),
}
OF_CHAT: Mapping[str, Fault] = {
    **EVERYWHERE,
    "stop": fields("stop[1]", stop=["a", ""]),
    "format-nested": fields(
        f"response_format.json_schema.schema.{IN_SCHEMA}",
        response_format=json_schema(json_schema={"schema": SCHEMA, "strict": True}),
    ),
    "format-flat": fields(f"response_format.schema.{IN_SCHEMA}", response_format=json_schema(schema=SCHEMA, strict=True)),
    "format-without-schema": fields("response_format.schema", response_format=json_schema()),
    "format-regex": fields("response_format.pattern", response_format={"type": "regex", "pattern": "(a"}),
    "format-gbnf": fields("response_format.grammar", response_format={"type": "grammar", "grammar": "root ::= <a>"}),
    "format-lark": fields(
        "response_format.grammar.definition", response_format={"type": "grammar", "grammar": grammar('start: "a', "lark")}
    ),
    "grammar": fields("grammar", grammar="root ::= <a>"),
    "guided-schema": fields(f"guided_json.{IN_SCHEMA}", guided_json=SCHEMA),
    "structured-regex": fields("structured_outputs.regex", structured_outputs={"regex": "(a"}),
    "extra-body": fields("extra_body.ebnf", extra_body={"ebnf": "root ::= <a>"}),
    "two-constraints": fields("regex", regex="a", response_format={"type": "json_object"}),
    "format-and-grammar": fields("grammar", grammar='root ::= "a"', response_format={"type": "json_object"}),
    "logprobs": fields("top_logprobs", top_logprobs=1),
    "image-remote": chat_image(REMOTE),
    "image-damaged": chat_image(DAMAGED),
    "unaccepted-image": chat_image(DAMAGED, ""),
}

CHAT_FAULTS: Mapping[str, Mapping[str, Fault]] = {
    "chat": {
        **OF_CHAT,
        "tool-schema": tool(chat_tool("w", parameters=SCHEMA, strict=True), f"function.parameters.{IN_SCHEMA}"),
        "tool-flat-schema": tool(flat_tool("w", parameters=SCHEMA, strict=True), f"parameters.{IN_SCHEMA}"),
        "tool-after-hosted-ones": hosted_before(chat_tool("w", parameters=SCHEMA, strict=True)),
        "tool-empty": tool({"type": "function"}, "function"),
        "custom-empty": tool({"type": "custom"}, "custom"),
        "custom-grammar": tool(
            chat_custom(format={"type": "grammar", "grammar": grammar("(a")}), "custom.format.grammar.definition"
        ),
        "choice": fields("tool_choice", tool_choice=chat_tool("nobody")),
        "choice-nothing": fields("tool_choice", tool_choice={"type": "function"}),
        "allowed-none": fields(
            "tool_choice.allowed_tools.tools",
            tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}},
        ),
        "allowed-none-flat": fields("tool_choice.tools", tool_choice={"type": "allowed_tools", "mode": "auto", "tools": []}),
        "allowed-hosted": fields(
            "tool_choice.tools",
            tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]},
        ),
    },
    "functions": {
        **OF_CHAT,
        "schema": tool(named_tool("w", parameters=SCHEMA, strict=True), f"parameters.{IN_SCHEMA}", "functions"),
        "choice": call_of_nobody,
    },
}


def response_item(item: JsonObject, inside: str) -> Fault:
    def fault(body: JsonObject, at: int) -> str:
        return f"input[{put(body, 'input', at, item)}].{inside}"

    return fault


def response_image(url: str) -> JsonObject:
    return user(text("see", "input_text"), {"type": "input_image", "image_url": url})


def response_call(arguments: str) -> JsonObject:
    return {"type": "function_call", "call_id": "9", "name": "t0", "arguments": arguments}


def message(role: str, block: JsonObject, inside: str) -> Fault:
    def fault(body: JsonObject, at: int) -> str:
        at = put(body, "messages", at, {"role": role, "content": [text("so"), block]}, user(text("and?")))
        return f"messages[{at}].content[1].{inside}".removesuffix(".")

    return fault


def source(url: str) -> JsonObject:
    data = url.partition(",")[2]
    return {"type": "base64", "media_type": "image/png", "data": data} if data else {"type": "url", "url": url}


def image_block(url: str) -> JsonObject:
    return {"type": "image", "source": source(url)}


CUSTOM_GRAMMAR = {"type": "custom", "name": "c", "format": {"type": "grammar", **grammar("(a")}}

FAULTS: Mapping[str, Mapping[str, Fault]] = {
    **CHAT_FAULTS,
    "responses": {
        **EVERYWHERE,
        "stop": fields("stop[1]", stop=["a", ""]),
        "grammar": fields("grammar", grammar="root ::= <a>"),
        "format": fields(f"text.format.schema.{IN_SCHEMA}", text={"format": json_schema(schema=SCHEMA, strict=True)}),
        "format-without-schema": fields("text.format.schema", text={"format": json_schema()}),
        "format-regex": fields("text.format.pattern", text={"format": {"type": "regex", "pattern": "(a"}}),
        "format-gbnf": fields("text.format.grammar", text={"format": {"type": "grammar", "grammar": "root ::= <a>"}}),
        "image-remote": response_item(response_image(REMOTE), "content[1].image_url"),
        "image-damaged": response_item(response_image(DAMAGED), "content[1].image_url"),
        "unaccepted-image": response_item(response_image(DAMAGED), "content[1]"),
        "item": response_item({"type": 3}, "type"),
        "tool-schema": tool(flat_tool("w", parameters=SCHEMA, strict=True), f"parameters.{IN_SCHEMA}"),
        "tool-type": tool({"name": "w"}, "type"),
        "custom-grammar": tool(CUSTOM_GRAMMAR, "format.definition"),
        "choice": fields("tool_choice", tool_choice=flat_tool("nobody")),
        "choice-without-name": fields("tool_choice.name", tool_choice={"type": "function"}),
        "allowed-none": fields("tool_choice.tools", tool_choice={"type": "allowed_tools", "mode": "auto", "tools": []}),
    },
    "messages": {
        **EVERYWHERE,
        "stop": fields("stop_sequences[1]", stop_sequences=["a", ""]),
        "format": fields(f"output_config.format.schema.{IN_SCHEMA}", output_config={"format": json_schema(schema=SCHEMA)}),
        "format-without-schema": fields("output_config.format.schema", output_config={"format": json_schema()}),
        "image-remote": message("user", image_block(REMOTE), "source"),
        "image-damaged": message("user", image_block(DAMAGED), "source"),
        "unaccepted-image": message("user", image_block(DAMAGED), ""),
        "image-of-a-result": message(
            "user",
            {"type": "tool_result", "tool_use_id": "1", "content": [text("see"), image_block(DAMAGED)]},
            "content[1].source",
        ),
        "block": message("user", {"text": "so"}, "type"),
        "block-of-the-model": message("assistant", {"type": "server_tool_use", "name": 5}, "name"),
        "tool-name": tool(named_tool(""), "name"),
        "tool-schema": tool(named_tool("w", input_schema=SCHEMA, strict=True), f"input_schema.{IN_SCHEMA}"),
        "budget": fields("thinking.budget_tokens", thinking={"type": "enabled", "budget_tokens": 2**32}),
        "choice": fields("tool_choice", tool_choice={"type": "tool", "name": "nobody"}),
        "choice-without-name": fields("tool_choice.name", tool_choice={"type": "tool"}),
    },
}

WIRES: Mapping[str, tuple[Callable[[JsonObject], Translation], str, Sequence[Turn], str, Callable[[str], JsonObject]]] = {
    "chat": (chat, "messages", CHAT_TURNS, "tools", chat_tool),
    "functions": (chat, "messages", LEGACY_TURNS, "functions", named_tool),
    "responses": (responses, "input", RESPONSE_TURNS, "tools", flat_tool),
    "messages": (messages, "messages", MESSAGE_TURNS, "tools", named_tool),
}
MORE: Mapping[str, JsonObject] = {
    "responses": {"instructions": "Be kind.", "previous_response_id": "resp_1"},
    "messages": {"system": [text("Be kind.")]},
}
"""Fields that become additional messages of the chat request."""


@st.composite
def requests(draw: st.DrawFn, wire: str) -> JsonObject:
    """Draw a valid request."""
    _, field, turns, tools, make_tool = WIRES[wire]
    chosen = draw(st.lists(st.sampled_from(turns), max_size=4))
    body: JsonObject = {
        field: [{**item} for turn in chosen for item in turn] + [*turns[0]],
        tools: [make_tool(f"t{number}") for number in range(draw(st.integers(1, 3)))],
    }
    if wire == "messages":
        body["max_tokens"] = 5
    for name, value in MORE.get(wire, {}).items():
        if draw(st.booleans()):
            body[name] = value
    return body


@pytest.mark.parametrize("wire", WIRES)
@settings(max_examples=25)
@given(data=st.data())
def test_requests_without_a_fault_are_accepted(wire: str, data: st.DataObject) -> None:
    body = data.draw(requests(wire))
    assert refusal(WIRES[wire][0](body)) is None


@pytest.mark.parametrize(("wire", "kind"), [(wire, kind) for wire, faults in FAULTS.items() for kind in faults])
@settings(max_examples=8)
@given(data=st.data())
def test_the_error_names_the_position_of_the_fault(wire: str, kind: str, data: st.DataObject) -> None:
    body = data.draw(requests(wire))
    position = FAULTS[wire][kind](body, data.draw(st.integers(0, 8)))
    try:
        error = refusal(WIRES[wire][0](body), images=not kind.startswith("unaccepted"))
    except PromptweaveError as refused:
        error = refused
    assert error is not None
    assert to_param(error.path) == position, error.message
