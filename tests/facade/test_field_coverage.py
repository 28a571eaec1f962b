"""Every field of OpenAI's description, at any depth, is read, subject to a rule, or ignored for a reason listed here."""

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import pytest
from pydantic import BaseModel

from promptweave.facade.bodies.body import Body, read_body
from promptweave.facade.errors import RequestError, UnsupportedError, to_param
from promptweave.facade.openai.chat.request.body import ChatBody
from promptweave.facade.openai.chat.request.translated import Notes
from promptweave.facade.openai.completions.body import CompletionBody
from promptweave.facade.openai.completions.routes import check_served as check_completion
from promptweave.facade.openai.embeddings.body import EmbeddingsBody
from promptweave.facade.openai.embeddings.routes import check_served as check_embeddings
from promptweave.facade.openai.responses.request.body import ResponsesBody
from promptweave.facade.openai.responses.request.item_body import (
    AdditionalToolsItem,
    CallOutputItem,
    CompactionItem,
    ConfigurationUpdateItem,
    CustomCallItem,
    FunctionCallItem,
    ItemReference,
    MessageItem,
    ReasoningItem,
    ToolSearchCallItem,
    ToolSearchOutputItem,
)
from promptweave.facade.openai.responses.request.tool_body import (
    CustomTool,
    FunctionTool,
    NamespaceTool,
    ToolFormat,
    ToolSearchTool,
)
from promptweave.facade.policy import chat
from promptweave.facade.policy import completions as completions_policy
from promptweave.facade.policy import embeddings as embeddings_policy
from promptweave.facade.policy import messages as messages_policy
from promptweave.facade.policy import responses as responses_policy
from promptweave.facade.policy.rules import NOTHING, Decision, FieldRule
from promptweave.v1 import inference_pb2, prompt_compiler_pb2
from tests.support.facade.openai_fields import fields
from tests.support.facade.openai_spec import described, document
from tests.support.facade.translations import TRANSLATIONS, translate

_SPEED = "asks for speed, not for another answer"
_LOOK = "how closely it looks at a picture is the model's own"
_NO_FILES = "a picture without an image_url is left out, with a warning"
_SAMPLERS = {field.name for field in inference_pb2.Sampling.DESCRIPTOR.fields}

TOLERATED: dict[str, dict[str, str]] = {
    "chat": {
        "messages[].content[].prompt_cache_breakpoint": _SPEED,
        "messages[].content[].image_url.detail": _LOOK,
    },
    "completions": {},
    "embeddings": {},
    "responses": {
        "input[].content[].prompt_cache_breakpoint": _SPEED,
        "input[].output[].prompt_cache_breakpoint": _SPEED,
        "input[].content[].annotations": "what is cited is said in the text as well",
        "input[].content[].logprobs": "of an answer that comes back",
        "input[].content[].detail": _LOOK,
        "input[].output[].detail": _LOOK,
        "input[].content[].file_id": _NO_FILES,
        "input[].output[].file_id": _NO_FILES,
        "input[].execution": "who ran a search is not in the prompt",
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
    "tool_search_call": ToolSearchCallItem,
    "tool_search_output": ToolSearchOutputItem,
    "additional_tools": AdditionalToolsItem,
    "compaction": CompactionItem,
    "configuration_update": ConfigurationUpdateItem,
}
"""Types of items that are read field by field. For the others, `test_sdk_types.py` looks at each value."""
TOOLS: dict[str, type[BaseModel]] = {
    "function": FunctionTool,
    "custom": CustomTool,
    "namespace": NamespaceTool,
    "tool_search": ToolSearchTool,
}


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
    tools = {f"tools[].{place}" for kind in TOOLS.values() for place in (*of_model(kind), "type")}
    grammar = {f"tools[].format.{place}" for place in (*of_model(ToolFormat), "syntax", "definition")}
    return of_model(ResponsesBody) | items | tools | grammar


RULES: Mapping[str, Sequence[FieldRule]] = {
    "chat": chat.FIELDS,
    "completions": completions_policy.FIELDS,
    "embeddings": embeddings_policy.FIELDS,
    "responses": responses_policy.FIELDS,
    "messages": messages_policy.FIELDS,
}
HOUSEKEEPING = {
    "chat": chat.HOUSEKEEPING,
    "completions": completions_policy.HOUSEKEEPING,
    "embeddings": embeddings_policy.HOUSEKEEPING,
    "responses": responses_policy.HOUSEKEEPING,
}
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


def is_of_unread_type(route: str, place: str) -> bool:
    """Whether the place is in an item, a tool or a part of a type that is left out, or becomes text, as a whole."""
    if route == "chat":
        return bool(re.match(r"messages\[\].content\[\]<(file|input_audio)>", place))
    if route != "responses":
        return False
    item, tool = re.match(r"input\[\]<(\w+)>", place), re.match(r"tools\[\]<(\w+)>", place)
    return bool(
        (item and item[1] not in ITEMS)
        or (tool and tool[1] not in TOOLS)
        or re.match(r"input\[\].*<input_(file|audio)>", place)
        or re.match(r"input\[\]<(additional_tools|tool_search_output)>\.tools\[\]", place)  # as the request's tools
        or re.match(r"tool_choice<(?!allowed_tools|function|custom)\w+>", place)
    )


# The description gives the search tools two names each, so their types are not told apart by one value.
WEB_SEARCH = {"external_web_access", "filters", "search_content_types", "search_context_size", "user_location"}


@described
@pytest.mark.parametrize("route", SCHEMAS)
def test_no_field_is_dropped_in_silence(route: str) -> None:
    # Tools of a namespace are read as those of the request.
    found = fields(document()["components"]["schemas"], SCHEMAS[route])
    theirs = {place.replace("tools[]<namespace>.tools[]", "tools[]") for place in found}
    answered = {plain(place) for place in read(route)}
    ruled = {rule.path for rule in RULES[route]} | HOUSEKEEPING[route]
    if route == "responses":
        ruled |= {f"tools[].{name}" for name in WEB_SEARCH}
    left = {
        place
        for place in theirs
        if plain(place) not in answered
        and not is_below(plain(place), ruled | TOLERATED[route].keys())
        and not is_of_unread_type(route, place)
    }
    assert not left
    assert {plain(place) for place in theirs} >= TOLERATED[route].keys(), "a reason without a field"


# -- what the tables say, with requests of our own --


def _checked(kind: type[Body], check: Callable[[Any, Notes], None]) -> Callable[[dict[str, Any]], Notes]:
    def warnings_of(body: dict[str, Any]) -> Notes:
        notes = Notes()
        check(read_body(kind, body), notes)
        return notes

    return warnings_of


_CHECKS = {
    "completions": _checked(CompletionBody, check_completion),
    "embeddings": _checked(EmbeddingsBody, check_embeddings),
}


def warned(route: str, body: dict[str, Any]) -> Sequence[prompt_compiler_pb2.Warning]:
    """The warnings about a request. Raises RequestError and UnsupportedError."""
    return translate(route, body).warnings if route in TRANSLATIONS else _CHECKS[route](body).warnings


USER = {"role": "user", "content": [{"type": "text", "text": "hi"}]}
FUNCTION = {"type": "function", "name": "f"}
REQUESTS: Mapping[str, dict[str, Any]] = {
    "chat": {"messages": [USER]},
    "completions": {"prompt": "hi"},
    "embeddings": {"input": "hi"},
    "responses": {"input": [{"role": "user", "content": "hi"}], "tools": [FUNCTION]},
    "messages": {"max_tokens": 5, "messages": [USER], "tools": [{"name": "f"}], "thinking": {"type": "enabled"}},
}
SAMPLES: Sequence[Any] = ("x", True, 5, {"x": "y"}, ["x"], "structural_tag")


def with_field(body: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The body, with the value at the path, in the first of each list."""
    made: Any = deepcopy({**body})
    at = made
    *steps, last = path.split(".")
    for step in steps:
        name = step.removesuffix("[]")
        at = at.setdefault(name, [{}])[0] if step != name else at.setdefault(name, {})
    at[last] = value
    result: dict[str, Any] = made
    return result


CASES = [pytest.param(route, rule, id=f"{route}-{rule.path}") for route in REQUESTS for rule in RULES[route]]


def treated(route: str, rule: FieldRule, value: Any) -> str:
    """What becomes of a request with the field: `refused` or `left out`, by its position; `taken`; or `invalid`."""
    path = rule.path.replace("[]", "[0]")
    try:
        warnings = warned(route, with_field(REQUESTS[route], rule.path, value))
    except UnsupportedError as error:
        return "refused" if to_param(error.path) == path and rule.why in error.message else f"another error: {error}"
    except RequestError:
        return "invalid"
    return "left out" if any(to_param(one.path) == path and rule.why in one.message for one in warnings) else "taken"


@pytest.mark.parametrize(("route", "rule"), CASES)
def test_rules_hold_and_what_asks_for_nothing_is_taken(route: str, rule: FieldRule) -> None:
    # Some samples have a type that the field cannot have.
    found = {treated(route, rule, value) for value in SAMPLES if not rule.allows(value)} - {"invalid"}
    assert found == {"refused" if rule.decision is Decision.REFUSED else "left out"}
    for value in (None, *rule.allowed):
        if rule.allowed != NOTHING or value is False:
            # A value may need another field, such as the schema of `json_schema`.
            assert treated(route, rule, value) in ("taken", "invalid")


@pytest.mark.parametrize("kind", ["file", "input_audio", "x_unknown"])
def test_content_parts_that_are_not_served_are_left_out(kind: str) -> None:
    parts = [{"type": "text", "text": "hi"}, {"type": kind, kind: {}}]
    translated = translate("chat", {"messages": [{"role": "user", "content": parts}]})
    assert [(one.code, one.path) for one in translated.warnings] == [("part_left_out", "/messages/0/content/1")]
    assert kind in translated.compile_request.messages[0].content[1].text


@pytest.mark.parametrize(
    ("route", "typo", "meant"),
    [
        ("chat", "tools_choice", "tool_choice"),
        ("completions", "max_token", "max_tokens"),
        ("embeddings", "dimension", "dimensions"),
        ("responses", "instruction", "instructions"),
        ("messages", "stop_sequence", "stop_sequences"),
    ],
)
def test_fields_that_nobody_knows_are_warnings(route: str, typo: str, meant: str) -> None:
    given = {**REQUESTS[route], "x_unknown_field": {"a": 1}, typo: "x"}
    found = {one.path: one.message for one in warned(route, given) if one.code == "unknown_field"}
    assert found.keys() == {"/x_unknown_field", f"/{typo}"}
    assert meant in found[f"/{typo}"]


@pytest.mark.parametrize("route", HOUSEKEEPING)
def test_housekeeping_is_taken_without_a_warning(route: str) -> None:
    for name in HOUSEKEEPING[route]:
        for value in ("x", {"user": "x"}):
            try:
                assert warned(route, {**REQUESTS[route], name: value}) == [], name
            except RequestError:
                continue
