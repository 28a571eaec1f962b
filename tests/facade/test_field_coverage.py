"""Every field of OpenAI's description, at any depth, is read, rejected by name, or ignored for a reason listed here."""

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import pytest
from pydantic import BaseModel

from promptweave.facade.anthropic.body import MessagesBody
from promptweave.facade.anthropic.to_chat import to_chat as from_messages
from promptweave.facade.bodies.body import read_body
from promptweave.facade.errors import RequestError, UnsupportedError, to_param
from promptweave.facade.openai.chat.translated import Notes
from promptweave.facade.policy import chat, embeddings
from promptweave.facade.policy import completions as completions_policy
from promptweave.facade.policy import messages as messages_policy
from promptweave.facade.policy import responses as responses_policy
from promptweave.facade.policy.rules import NOTHING, Decision, FieldRule
from promptweave.facade.openai.chat.body import ChatBody
from promptweave.facade.openai.chat.to_grpc import compile_request_from_openai, to_compile_request
from promptweave.facade.openai.completions.body import CompletionBody
from promptweave.facade.openai.completions.routes import check_served as check_completion
from promptweave.facade.openai.embeddings.body import EmbeddingsBody
from promptweave.facade.openai.responses.body import (
    CallOutputItem,
    CustomCallItem,
    CustomTool,
    FunctionCallItem,
    FunctionTool,
    ItemReference,
    MessageItem,
    ReasoningItem,
    ResponsesBody,
    ToolFormat,
)
from promptweave.facade.openai.responses.to_chat import check_served as check_response
from promptweave.facade.openai.responses.to_chat import to_chat as from_responses
from promptweave.v1 import inference_pb2
from tests.support.facade.openai_fields import fields
from tests.support.facade.openai_spec import described, document

_RECORDS = "for the provider's records, of which there are none"
_SPEED = "asks for speed, not for another answer"
_SAMPLERS = {field.name for field in inference_pb2.Sampling.DESCRIPTOR.fields}

TOLERATED: dict[str, dict[str, str]] = {
    "chat": {
        **dict.fromkeys(("metadata", "store", "user", "safety_identifier"), _RECORDS),
        **dict.fromkeys(("prediction", "prompt_cache_retention", "prompt_cache_options"), _SPEED),
        "messages[].content[].prompt_cache_breakpoint": _SPEED,
        "messages[].content[].image_url.detail": "how closely it looks at a picture is the model's own",
    },
    "completions": {"user": _RECORDS},
    "embeddings": {"user": _RECORDS},
    "responses": {
        **dict.fromkeys(("prompt_cache_retention", "prompt_cache_options"), _SPEED),
        "input[].content[].prompt_cache_breakpoint": _SPEED,
        "input[].output[].prompt_cache_breakpoint": _SPEED,
        "input[].content[].annotations": "what is cited is said in the text as well",
        "input[].content[].logprobs": "of an answer that comes back",
        "input[].content[].detail": "how closely it looks at a picture is the model's own",
        "input[].output[].detail": "how closely it looks at a picture is the model's own",
        "input[].content[].file_id": "a picture without an image_url is refused, and its place is told",
        "input[].output[].file_id": "a picture without an image_url is refused, and its place is told",
        "input[].phase": "a label, which no template has",
        "input[].name": "of a call's output: the call says it",
        "tools[].output_schema": "the answer's warnings tell of it",
    },
}

ITEMS: dict[str, type[BaseModel]] = {
    "message": MessageItem,
    "function_call": FunctionCallItem,
    "function_call_output": CallOutputItem,
    "custom_tool_call": CustomCallItem,
    "custom_tool_call_output": CallOutputItem,
    "reasoning": ReasoningItem,
}
TOOLS = ("function", "custom")


def of_model(kind: type[BaseModel]) -> set[str]:
    """The places that a body has."""
    schema = kind.model_json_schema()
    return fields({**schema.get("$defs", {}), "": schema}, "")


def read(route: str) -> set[str]:
    """The places that are read."""
    match route:
        case "chat":
            return of_model(ChatBody) | _SAMPLERS
        case "completions":
            return of_model(CompletionBody) | _SAMPLERS
        case "embeddings":
            return of_model(EmbeddingsBody)
    items = {f"input[].{place}" for kind in (ItemReference, *ITEMS.values()) for place in (*of_model(kind), "type")}
    tools = {f"tools[].{place}" for kind in (FunctionTool, CustomTool) for place in (*of_model(kind), "type")}
    grammar = {f"tools[].format.{place}" for place in (*of_model(ToolFormat), "syntax", "definition")}
    return of_model(ResponsesBody) | items | tools | grammar


REFUSED_TYPES: dict[str, Sequence[tuple[str, Sequence[str]]]] = {
    "chat": [("messages[].content[]", ("file", "input_audio"))],
    "completions": [],
    "embeddings": [],
    "responses": [
        (
            "input[]",
            (
                *("additional_tools", "apply_patch_call", "apply_patch_call_output", "code_interpreter_call", "compaction"),
                *(
                    "compaction_trigger",
                    "computer_call",
                    "computer_call_output",
                    "file_search_call",
                    "image_generation_call",
                ),
                *(
                    "local_shell_call",
                    "local_shell_call_output",
                    "mcp_approval_request",
                    "mcp_approval_response",
                    "mcp_call",
                ),
                *("mcp_list_tools", "program", "program_output", "shell_call", "shell_call_output", "tool_search_call"),
                *("tool_search_output", "web_search_call"),
            ),
        ),
        ("input[]<message>.content[]", ("input_file",)),
        ("input[]<function_call_output>.output[]", ("input_file",)),
        ("input[]<custom_tool_call_output>.output[]", ("input_file",)),
        (
            "tools[]",
            (
                *("apply_patch", "code_interpreter", "computer", "computer_use_preview", "file_search", "image_generation"),
                *("local_shell", "mcp", "namespace", "programmatic_tool_calling", "shell", "tool_search", "web_search"),
                *("web_search_preview",),
            ),
        ),
        ("tool_choice", ("mcp", "shell", "apply_patch", "file_search", "code_interpreter")),
    ],
}
"""What has one of these types is refused, whatever its other fields say."""

TABLES = {"chat": CHAT, "completions": COMPLETIONS, "embeddings": EMBEDDINGS, "responses": RESPONSES, "messages": MESSAGES}
SCHEMAS = {
    "chat": "CreateChatCompletionRequest",
    "completions": "CreateCompletionRequest",
    "embeddings": "CreateEmbeddingRequest",
    "responses": "CreateResponse",
}


def plain(place: str) -> str:
    return re.sub(r"<[^>]*>", "", place)


def is_below(place: str, known: set[str]) -> bool:
    return any(place == one or place.startswith((f"{one}.", f"{one}[]")) for one in known)


# The description gives the search tools two names each, so their types are not told apart by one value.
WEB_SEARCH = {"external_web_access", "filters", "search_content_types", "search_context_size", "user_location"}


@described
@pytest.mark.parametrize("route", SCHEMAS)
def test_no_field_is_dropped_in_silence(route: str) -> None:
    theirs = fields(document()["components"]["schemas"], SCHEMAS[route])
    typed = {f"{place}<{kind}>" for place, kinds in REFUSED_TYPES[route] for kind in kinds}
    answered = {plain(place) for place in read(route)}
    refused = {field.path for field in TABLES[route]}
    if route == "responses":
        refused |= {f"tools[].{name}" for name in WEB_SEARCH}
    left = {
        place
        for place in theirs
        if plain(place) not in answered
        and not is_below(plain(place), refused | TOLERATED[route].keys())
        and not is_below(place, typed)
    }
    assert not left
    assert {plain(place) for place in theirs} >= TOLERATED[route].keys(), "a reason without a field"


# -- what the tables say, with requests of our own --


def completions(body: dict[str, Any]) -> None:
    check_completion(read_body(CompletionBody, body))


def responses(body: dict[str, Any]) -> None:
    read = read_body(ResponsesBody, body)
    check_response(read)
    to_compile_request(from_responses(body, read, []))


def messages(body: dict[str, Any]) -> None:
    to_compile_request(from_messages(body, read_body(MessagesBody, body)))


USER = {"role": "user", "content": [{"type": "text", "text": "hi"}]}
FUNCTION = {"type": "function", "name": "f"}
ROUTES: dict[str, tuple[Callable[[dict[str, Any]], Any], dict[str, Any]]] = {
    "chat": (compile_request_from_openai, {"messages": [USER]}),
    "completions": (completions, {"prompt": "hi"}),
    "responses": (responses, {"input": [{"role": "user", "content": "hi"}], "tools": [FUNCTION]}),
    "messages": (messages, {"max_tokens": 5, "messages": [USER], "tools": [{"name": "f"}], "thinking": {"type": "enabled"}}),
}
SAMPLES: Sequence[Any] = ("x", True, 5, {"x": "y"}, ["x"])


def with_field(body: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The body, with the value at the path, in the first of each list."""
    made: Any = deepcopy({**body})
    at = made
    *steps, last = path.replace("[]", ".0").split(".")
    for step in steps:
        at = at[int(step)] if step.isdecimal() else at.setdefault(step, {})
    at[last] = value
    result: dict[str, Any] = made
    return result


CASES = [pytest.param(route, field, id=f"{route}-{field.path}") for route in ROUTES for field in TABLES[route]]


@pytest.mark.parametrize(("route", "field"), CASES)
def test_it_is_refused_by_its_name_and_what_asks_for_nothing_is_taken(route: str, field: UnsupportedParam) -> None:
    ask, body = ROUTES[route]
    refusals = []
    for value in (value for value in SAMPLES if not field.takes(value)):
        # Some are of no type that the field can have.
        with pytest.raises((RequestError, UnsupportedError)) as refused:
            ask(with_field(body, field.path, value))
        if isinstance(refused.value, UnsupportedError):
            refusals.append(to_param(refused.value.path))
    assert refusals
    assert set(refusals) == {field.path.replace("[]", "[0]")}
    for value in (None, *field.allowed):
        if field.allowed != NOTHING or value is False:
            ask(with_field(body, field.path, value))


TYPED: dict[str, dict[str, Any]] = {
    "messages[].content[]": {"messages": [{"role": "user", "content": [{}]}]},
    "input[]": {"input": [{}]},
    "input[]<message>.content[]": {"input": [{"role": "user", "content": [{}]}]},
    "input[]<function_call_output>.output[]": {"input": [{"type": "function_call_output", "call_id": "c", "output": [{}]}]},
    "input[]<custom_tool_call_output>.output[]": {
        "input": [{"type": "custom_tool_call_output", "call_id": "c", "output": [{}]}]
    },
    "tools[]": {"input": "hi", "tools": [{}]},
    "tool_choice": {"input": "hi", "tools": [FUNCTION], "tool_choice": {}},
}


@pytest.mark.parametrize(
    ("route", "place", "kind"),
    [(route, place, kind) for route, table in REFUSED_TYPES.items() for place, kinds in table for kind in kinds],
)
def test_types_that_are_not_served_are_refused_by_name(route: str, place: str, kind: str) -> None:
    path = plain(place)
    with pytest.raises(UnsupportedError, match=kind) as refused:
        ROUTES[route][0](with_field(TYPED[place], f"{path}.type", kind))
    param = to_param(refused.value.path) or ""
    assert param.removesuffix(".type") == path.replace("[]", "[0]")


def test_what_nobody_knows_is_tolerated() -> None:
    for ask, body in ROUTES.values():
        ask({**body, "x_unknown": {"a": 1}})
    compile_request_from_openai({"messages": [{**USER, "x_unknown": 1}]})
