"""Requests of every type that the SDKs describe: each part is served, mapped, left out with a warning, or refused by a rule.

The newest versions of `openai` and `anthropic` list what unmodified clients send. Each alternative of each field, at any
depth, is put into a smallest request. Then the translation must differ from that of the request without it, or a warning
must name its position, or it is one of the fields that have no effect on a prompt, which are listed here with the reason.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import httpx
import pytest
from anthropic.types import ContentBlock as ContentBlock
from anthropic.types.beta import BetaContentBlock
from anthropic.types.beta.message_count_tokens_params import MessageCountTokensParams as BetaCount
from anthropic.types.beta.message_create_params import MessageCreateParamsBase as BetaMessages
from anthropic.types.message_count_tokens_params import MessageCountTokensParams as Count
from anthropic.types.message_create_params import MessageCreateParamsBase as Messages
from openai.types.beta.response_create_params import ResponseCreateParamsBase as BetaResponses
from openai.types.chat.completion_create_params import CompletionCreateParamsBase as Chat
from openai.types.responses import ResponseOutputItem
from openai.types.responses.response_create_params import ResponseCreateParamsBase as Responses

from promptweave.facade.errors import RequestError, UnsupportedError, to_param
from promptweave.facade.policy import chat, completions, embeddings, llama_cpp, messages, responses
from promptweave.facade.policy.rules import FieldRule, TypeRule
from tests.support.facade.translations import Translated, translate
from tests.support.images import data_url, image_file
from tests.support.serving import Serving
from tests.support.typed_dicts import Named, Variant, alternatives, example, fields_of, variants

PICTURE = data_url(image_file())
SCHEMA = {"type": "object", "properties": {"x": {"type": "string"}}}
FORMS: Named = {
    "image_url": PICTURE,
    "url": PICTURE,
    "data": PICTURE.partition(",")[2],
    "media_type": "image/png",
    "arguments": '{"x": "x"}',
    "input": {"x": "x"},
    "parameters": SCHEMA,
    "input_schema": SCHEMA,
    "schema": SCHEMA,
    "definition": "x",
    "syntax": "regex",
    "logit_bias": {"1": 1},
    "metadata": {"x": "x"},
    "max_tokens": 3,
    "tools": [{"type": "function", "name": "x", "function": {"name": "x"}}],
}
"""Values of fields that have a form. A field of another type than the value's is not set from here."""


@dataclass(frozen=True)
class Surface:
    """An API, with one of the SDKs' descriptions of its requests."""

    api: str
    described: Any
    least: Mapping[str, Any]
    """The smallest request."""
    policy: ModuleType
    no_effect: Mapping[str, str] = field(default_factory=dict)
    """Fields that change no prompt, by name or path, with the reason."""


_RECORDS = "for the provider's records, of which there are none"
_SPEED = "asks for speed, not for another answer"
_ANSWER = "changes how the answer is returned, not the prompt"
_OPAQUE = "only the provider can read it"
_LABEL = "a label that no template shows"

CHAT_NO_EFFECT = {
    "stream": _ANSWER,
    "stream_options": _ANSWER,
    "include_usage": _ANSWER,
    "prompt_cache_breakpoint": _SPEED,
    "detail": "the model's own way to look at an image decides",
    "messages[].name": _LABEL,
}
RESPONSES_NO_EFFECT = {
    **CHAT_NO_EFFECT,
    "include": _ANSWER,
    "background": _ANSWER,
    "previous_response_id": "tests/facade/test_responses_store.py",
    "conversation": "tests/facade/test_responses_store.py",
    "max_tool_calls": "limits tools that OpenAI runs",
    "status": "whether an item is complete: all of it is in the prompt",
    "id": _LABEL,
    "phase": _LABEL,
    "annotations": "what is cited is in the text, too",
    "logprobs": "of an answer that comes back",
    "file_id": "a picture without an image_url is left out, with a warning",
    "execution": "who runs the search is the client's affair",
    "reasoning.generate_summary": _ANSWER,
    "reasoning.summary": _ANSWER,
    "agent": "a label: one agent is in the prompt",
    "tools[]<tool_search>.description": "the server's own search has its own",
    "tools[]<tool_search>.parameters": "the server's own search has its own",
    "input[]<tool_search_output>.tools[].defer_loading": "what was found is loaded",
    "input[]<tool_search_output>.tools[].tools[].defer_loading": "what was found is loaded",
    "input[].tools[]<tool_search>": "a search finds no searches",
    "input[].async": "the results of calls are in the items",
    "input[]<function_call_output>.namespace": "the call has it",
    "input[]<function_call_output>.name": "the call has it",
    "input[].approval_request_id": _LABEL,
    "input[].container_id": "code is not executed",
    "input[].environment": "commands are not executed",
    "pending_safety_checks": "the client's affair",
    "acknowledged_safety_checks": "the client's affair",
    "input[].max_output_length": "commands are not executed",
}
INVALID = {"response_format.json_schema.schema": "the SDK's type says optional, but OpenAI requires it, too"}
"""Positions of values that are refused as invalid."""
DEFAULTS: Mapping[str, Any] = {
    "truncation": "disabled",
    "input[].type": "message",
    "format": {"type": "text"},
    "verbosity": "medium",
    "thinking": {"type": "adaptive"},
    "tools[].type": "custom",
    "definition.type": "custom",
    "environment": {"type": "local"},
}
"""Field, by name or path → the value that it has if it is not there."""

MESSAGES_NO_EFFECT = {
    "stream": _ANSWER,
    "cache_control": _SPEED,
    "signature": _OPAQUE,
    "eager_input_streaming": _SPEED,
    "id": _LABEL,
    "citations": "what is cited is in the text, too",
    "thinking.display": _ANSWER,
    "toolset_name": _LABEL,
    "block_binding": "reasoning is in the prompt, whatever precedes it",
    "encrypted_content": _OPAQUE,
    "encrypted_stdout": _OPAQUE,
    "encrypted_index": _OPAQUE,
    "retrieved_at": _LABEL,
    "stop_reason": _LABEL,
    "return_code": "the output of a command says what failed",
    **dict.fromkeys(("num_lines", "start_line", "total_lines"), "the lines are in the text"),
    "messages[].content[].content.content[].file_id": "files are not stored",
    "messages[].content[]<fallback>": "which models answered",
    "context_management": "tests/facade/test_anthropic_context_edits.py: there is nothing to remove here",
}

MESSAGES_NO_EFFECT |= {
    f"{place}<tool_search_tool_{kind}_20251119>.{name}": "the server's own search has its own"
    for place in ("tools[]", "messages[].content[].tool.definition", "messages[].content[].tool_changes[].tool.definition")
    for kind in ("bm25", "regex")
    for name in ("defer_loading", "strict")
}

USER = {"role": "user", "content": "hi"}
FUNCTION = {"type": "function", "name": "x", "parameters": SCHEMA}
SURFACES = {
    "chat": Surface("chat", Chat, {"messages": [USER]}, chat, CHAT_NO_EFFECT),
    "responses": Surface("responses", Responses, {"input": "hi"}, responses, RESPONSES_NO_EFFECT),
    "beta responses": Surface("responses", BetaResponses, {"input": "hi"}, responses, RESPONSES_NO_EFFECT),
    "messages": Surface("messages", Messages, {"max_tokens": 3, "messages": [USER]}, messages, MESSAGES_NO_EFFECT),
    "beta messages": Surface("messages", BetaMessages, {"max_tokens": 3, "messages": [USER]}, messages, MESSAGES_NO_EFFECT),
    "count": Surface("count", Count, {"messages": [USER]}, messages, MESSAGES_NO_EFFECT),
    "beta count": Surface("count", BetaCount, {"messages": [USER]}, messages, MESSAGES_NO_EFFECT),
}
"""Name → what is walked."""

NEEDS: Mapping[str, Mapping[str, Any]] = {
    "tool_choice": {
        "chat": {"tools": [{"type": "function", "function": {"name": "x"}}]},
        "responses": {"tools": [FUNCTION]},
        "messages": {"tools": [{"name": "x", "input_schema": SCHEMA}]},
    },
    "parallel_tool_calls": {
        "chat": {"tools": [{"type": "function", "function": {"name": "x"}}]},
        "responses": {"tools": [FUNCTION]},
    },
    "function_call": {"chat": {"functions": [{"name": "x"}]}},
    "top_logprobs": {"chat": {"logprobs": True}},
}
"""Field → other fields that it needs, by API."""

RULES = [
    rule
    for module in (chat, completions, embeddings, llama_cpp, messages, responses)
    for table in vars(module).values()
    for rule in (table.values() if isinstance(table, dict) else table if isinstance(table, tuple) else ())
    if isinstance(rule, FieldRule | TypeRule)
]
FIELDS = [(name, step) for name, surface in SURFACES.items() for step in fields_of(surface.described)]


def test_the_rules_are_found() -> None:
    assert {type(rule) for rule in RULES} == {FieldRule, TypeRule}


def request_with(surface: Surface, name: str, value: Any) -> dict[str, Any]:
    """The smallest request with the field."""
    api = "messages" if surface.api == "count" else surface.api
    return {**surface.least, **NEEDS.get(name, {}).get(api, {}), name: value}


def fault(surface: Surface, name: str, variant: Variant) -> str | None:
    """What is wrong with how a variant of a field is treated."""
    pointer = f"/{name}{variant.pointer}"
    try:
        translated = translate(surface.api, request_with(surface, name, variant.value))
    except UnsupportedError as error:
        return None if any(rule.why in error.message for rule in RULES) else f"refused without a rule: {error.message}"
    except RequestError as error:
        refused = {to_param(error.path), to_param(error.path).rpartition(".")[0]} if error.path else set()
        return None if refused & INVALID.keys() else f"refused: {error.path}: {error.message}"
    if any(f"{pointer}/".startswith(f"{path}/") or path.startswith(f"{pointer}/") for path in translated.warned):
        return None
    if variant.without is None or is_tolerated(surface, pointer, name, variant):
        return None
    without = {**request_with(surface, name, variant.value), name: variant.without}
    if variant.pointer == "" and variant.without == {}:
        without.pop(name)
    return None if differ(surface.api, translated, without) else "dropped in silence"


def differ(api: str, translated: Translated, body: Mapping[str, Any]) -> bool:
    try:
        return translate(api, body).requests != translated.requests
    except (RequestError, UnsupportedError):
        return True


def is_tolerated(surface: Surface, pointer: str, name: str, variant: Variant) -> bool:
    """Whether the tables of this test or the policy say that the value has no effect."""
    paths = list(paths_of({name: variant.value}, pointer))
    names = paths[0].replace("[]", "").split(".")
    ignored = surface.no_effect.keys()
    if ignored & set(names) or any(f"{path}.".startswith(f"{one}.") for one in ignored for path in paths):
        return True
    value = at(variant.value, variant.pointer)
    if name in surface.policy.HOUSEKEEPING:
        return True
    if value in (DEFAULTS.get(paths[0]), DEFAULTS.get(names[-1]), DEFAULTS.get(".".join(names[-2:]))):
        return True
    allowed = [rule for rule in RULES if isinstance(rule, FieldRule) and rule.path == paths[0] and rule.allows(value)]
    return bool(allowed) or value is None or value == [] or value == {} or value is False


def paths_of(value: Any, pointer: str) -> Iterator[str]:
    """Yield `/input/0/content/0` as `input[].content[]`, and as `input[]<message>.content[]` with each of the types."""
    path = ""
    typed: list[str] = []
    for step in filter(None, pointer.split("/")):
        value = value[int(step)] if isinstance(value, list) else value[step]
        more = "[]" if step.isdecimal() else f".{step}"
        path, typed = path + more, [one + more for one in typed]
        if isinstance(value, dict) and isinstance(value.get("type"), str):
            typed.append(f"{path}<{value['type']}>")
    yield from (one.removeprefix(".") for one in (path, *typed))


def at(value: Any, pointer: str) -> Any:
    for step in filter(None, pointer.split("/")):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def top_variants(surface: Surface, name: str) -> Iterator[Variant]:
    """The variants of a field of the request; `without` is {} where the field is not there."""
    for variant in variants(fields_of(surface.described)[name], FORMS):
        optional = variant.pointer == "" and name not in surface.least
        yield Variant(variant.pointer, variant.value, {} if optional else variant.without, variant.types)


@pytest.mark.parametrize(("name", "step"), FIELDS, ids=lambda value: value.replace(" ", "-"))
def test_nothing_is_refused_or_dropped_without_a_reason(name: str, step: str) -> None:
    surface = SURFACES[name]
    faults: defaultdict[str, list[str]] = defaultdict(list)
    count = 0
    for variant in top_variants(surface, step):
        count += 1
        if said := fault(surface, step, variant):
            faults[said].append(f"/{step}{variant.pointer} {'/'.join(variant.types)}".strip())
    assert count
    assert not faults, "\n".join(f"{said}: {', '.join(places[:6])} ({len(places)})" for said, places in faults.items())


# -- what answers contain, sent back --


def test_items_of_responses_can_be_sent_back() -> None:
    check_sent_back("responses", ResponseOutputItem, lambda item: {"input": [USER, item, USER]}, "/input/1")


@pytest.mark.parametrize("blocks", [ContentBlock, BetaContentBlock])
def test_blocks_of_messages_can_be_sent_back(blocks: Any) -> None:
    def body(block: Any) -> dict[str, Any]:
        return {"max_tokens": 3, "messages": [USER, {"role": "assistant", "content": [block]}, USER]}

    check_sent_back("messages", blocks, body, "/messages/1/content/0")


def check_sent_back(api: str, union: Any, body: Callable[[Any], dict[str, Any]], pointer: str) -> None:
    for kind in alternatives(union):
        block = example(kind, FORMS)
        given, other = translate(api, body(block)), translate(api, body(example(kind, FORMS, other=True)))
        warned = any(path.startswith(pointer) for path in given.warned)
        assert warned or given.requests != other.requests, block["type"]


# -- through the real services --

SAMPLES = [(name, step) for name, step in FIELDS if step in ("tools", "input", "messages", "system")]
ROUTES = {
    "chat": "/chat/completions",
    "responses": "/responses",
    "messages": "/messages",
    "count": "/messages/count_tokens",
}
LIMITS: Mapping[str, Mapping[str, Any]] = {"chat": {"max_completion_tokens": 3}, "responses": {"max_output_tokens": 16}}
BATCH = 10


@pytest.mark.parametrize(("name", "step"), SAMPLES, ids=lambda value: value.replace(" ", "-"))
def test_requests_with_all_types_are_served(name: str, step: str, default_served: Serving) -> None:
    surface = SURFACES[name]
    given = list(all_types(fields_of(surface.described)[step]))
    for start in range(0, len(given), BATCH):
        body = {**request_with(surface, step, given[start : start + BATCH]), **LIMITS.get(surface.api, {})}
        answer = httpx.post(default_served.url + ROUTES[surface.api], json=body, timeout=60)
        assert answer.status_code == 200, (body, answer.text)


def all_types(annotation: Any) -> Iterator[Any]:
    """Yield an example of each type that can be in a list, and messages with each type of content.

    Without images: the model has no projector.
    """
    number = 0
    for variant in variants(annotation, FORMS):
        if variant.pointer in ("/0", "/0/content/0", "/0/output/0") and PICTURE.partition(",")[2] not in str(variant.value):
            number += 1
            # Names of tools are unique.
            value = json.loads(json.dumps(variant.value[0]).replace('"name": "x"', f'"name": "x{number}"'))
            yield {**value, "name": f"x{number}"} if "name" in value else value
