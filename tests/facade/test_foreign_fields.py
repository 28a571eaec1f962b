"""Fields of vLLM, SGLang and Ollama constrain the answer as they do there: none is dropped in silence."""

import json
import re
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from promptweave.errors import PromptweaveError
from promptweave.facade.openai.chat.request.body import read_chat_body
from promptweave.facade.openai.chat.request.to_grpc import to_compile_request
from promptweave.facade.openai.chat.request.translate import translate_chat
from promptweave.v1 import chat_pb2, prompt_compiler_pb2
from tests.support.serving import Serving

ASKED = [{"role": "user", "content": "hi"}]
SCHEMA = {"type": "object", "properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"], "additionalProperties": False}
CHOICES = ["a.b (c)", "d|e/f", "[g]*\\h", "1+1?"]
GBNF = 'root ::= "x" [0-9]'
LARK = "start: /x[0-9]/"


def compiled(**fields: Any) -> prompt_compiler_pb2.CompileRequest:
    return to_compile_request(translate_chat(read_chat_body({"messages": ASKED, **fields})))[0]


def grammar(syntax: str, definition: str) -> chat_pb2.ResponseFormat:
    return chat_pb2.ResponseFormat(
        grammar=chat_pb2.TextGrammar(syntax=chat_pb2.TextGrammar.Syntax.Value(f"SYNTAX_{syntax}"), definition=definition)
    )


OF_SCHEMA = chat_pb2.ResponseFormat(json_schema=chat_pb2.ResponseFormat.JsonSchema(schema=json.dumps(SCHEMA)))
ANY_OBJECT = chat_pb2.ResponseFormat(json_object=chat_pb2.ResponseFormat.JsonObject())

MAPPED: Sequence[tuple[dict[str, Any], chat_pb2.ResponseFormat]] = (
    ({"guided_json": SCHEMA}, OF_SCHEMA),
    ({"guided_json": json.dumps(SCHEMA)}, OF_SCHEMA),
    ({"json_schema": json.dumps(SCHEMA)}, OF_SCHEMA),
    ({"structured_outputs": {"json": SCHEMA}}, OF_SCHEMA),
    ({"format": SCHEMA}, OF_SCHEMA),
    ({"extra_body": {"guided_json": SCHEMA}}, OF_SCHEMA),
    ({"format": "json"}, ANY_OBJECT),
    ({"structured_outputs": {"json_object": True}}, ANY_OBJECT),
    ({"guided_regex": "x[0-9]"}, grammar("REGEX", "x[0-9]")),
    ({"regex": "x[0-9]"}, grammar("REGEX", "x[0-9]")),
    ({"structured_outputs": {"regex": "x[0-9]"}}, grammar("REGEX", "x[0-9]")),
    ({"guided_grammar": GBNF}, grammar("GBNF", GBNF)),
    ({"guided_grammar": LARK}, grammar("LARK", LARK)),
    ({"ebnf": GBNF}, grammar("GBNF", GBNF)),
    ({"structured_outputs": {"grammar": LARK}}, grammar("LARK", LARK)),
)


@pytest.mark.parametrize(("fields", "expected"), MAPPED, ids=[json.dumps(fields)[:40] for fields, _ in MAPPED])
def test_constraints_are_formats(fields: dict[str, Any], expected: chat_pb2.ResponseFormat) -> None:
    assert compiled(**fields).response_format == expected


@pytest.mark.parametrize("fields", [{"format": ""}, {"structured_outputs": {"json_object": False}}, {"extra_body": {}}])
def test_what_requests_nothing_is_no_constraint(fields: dict[str, Any]) -> None:
    assert not compiled(**fields).HasField("response_format")


@pytest.mark.parametrize(
    ("fields", "enabled", "effort"),
    [
        ({"think": False}, False, ""),
        ({"think": True}, True, ""),
        ({"think": "high"}, None, "high"),
        ({"enable_thinking": False}, False, ""),
        ({"reasoning": {"enabled": True}}, True, ""),
        ({"reasoning": {"effort": "low"}}, None, "low"),
        ({"reasoning": {"effort": "none"}}, False, "none"),
        ({"reasoning_effort": "high", "think": "low"}, None, "high"),
    ],
)
def test_reasoning(fields: dict[str, Any], enabled: bool | None, effort: str) -> None:
    reasoning = compiled(**fields).reasoning
    assert (reasoning.enabled if reasoning.HasField("enabled") else None, reasoning.effort) == (enabled, effort)


REFUSED: Sequence[tuple[dict[str, Any], str]] = (
    ({"guided_regex": "a", "guided_json": {}}, "/guided_regex"),
    ({"regex": "a", "response_format": {"type": "json_object"}}, "/regex"),
    ({"ebnf": GBNF, "grammar": GBNF}, "/ebnf"),
    ({"structured_outputs": {"regex": "a", "choice": ["a"]}}, "/structured_outputs/choice"),
    ({"structured_outputs": {"structural_tag": "{}"}}, "/structured_outputs/structural_tag"),
    ({"structural_tag": {"format": {}}}, "/structural_tag"),
    ({"structured_outputs": 5}, "/structured_outputs"),
    ({"response_format": {"type": "structural_tag"}}, "/response_format/type"),
    ({"guided_json": "{"}, "/guided_json"),
    ({"guided_json": 5}, "/guided_json"),
    ({"guided_regex": 5}, "/guided_regex"),
    ({"guided_choice": []}, "/guided_choice"),
    ({"guided_choice": [5]}, "/guided_choice"),
    ({"format": "xml"}, "/format"),
    ({"think": 5}, "/think"),
    ({"enable_thinking": "yes"}, "/enable_thinking"),
    ({"extra_body": {"guided_regex": 5}}, "/extra_body/guided_regex"),
    ({"extra_body": {"max_tokens": "many"}}, "/extra_body/max_tokens"),
)


@pytest.mark.parametrize(("fields", "path"), REFUSED, ids=[json.dumps(fields)[:50] for fields, _ in REFUSED])
def test_conflicts_and_wrong_types_name_the_field(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(PromptweaveError) as refused:
        compiled(**fields)
    assert refused.value.path == path


def test_what_is_left_out_of_structured_outputs_is_said() -> None:
    fields = {"structured_outputs": {"json": SCHEMA, "whitespace_pattern": " "}, "guided_decoding_backend": "auto"}
    warnings = translate_chat(read_chat_body({"messages": ASKED, **fields})).warnings
    assert [(each.code, each.path) for each in warnings] == [("not_applied", "/structured_outputs/whitespace_pattern")]


# -- on a real engine --

ANSWERS: Sequence[tuple[dict[str, Any], str]] = (
    ({"guided_json": SCHEMA}, r'\{"a": ?"[xy]"\}'),
    ({"guided_regex": "x[0-9]{2}"}, "x[0-9]{2}"),
    ({"guided_choice": CHOICES}, "|".join(map(re.escape, CHOICES))),
    ({"structured_outputs": {"grammar": GBNF}}, "x[0-9]"),
    ({"extra_body": {"structured_outputs": {"choice": CHOICES[:1]}}}, re.escape(CHOICES[0])),
)


@pytest.mark.parametrize(("fields", "pattern"), ANSWERS, ids=[json.dumps(fields)[:40] for fields, _ in ANSWERS])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_answers_comply(served: Serving, fields: dict[str, Any], pattern: str, stream: bool) -> None:
    body = {"messages": ASKED, "max_tokens": 60, "seed": 3, "stream": stream, **fields}
    answer = httpx.post(f"{served.url}/chat/completions", json=body, timeout=120)
    assert answer.status_code == 200, answer.text
    if stream:
        events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
        content = "".join(event["choices"][0]["delta"].get("content") or "" for event in events)
    else:
        content = answer.json()["choices"][0]["message"]["content"]
    assert re.fullmatch(pattern, content)


def test_positions_in_a_schema_are_those_of_the_field(served: Serving) -> None:
    body = {"messages": ASKED, "extra_body": {"guided_json": {"properties": {"a": {"type": "thing"}}}}}
    error = httpx.post(f"{served.url}/chat/completions", json=body, timeout=60).json()["error"]
    assert (error["code"], error["param"]) == ("schema_invalid", "extra_body.guided_json.properties.a.type")


def test_fields_in_extra_body_count(served: Serving) -> None:
    body = {"messages": ASKED, "max_tokens": 3, "extra_body": {"n": 2, "max_tokens": 50}}
    answer = httpx.post(f"{served.url}/chat/completions", json=body, timeout=60).json()
    assert len(answer["choices"]) == 2
    assert answer["usage"]["completion_tokens"] <= 6, "the request's own field precedes"
