"""Tools whose schemas say little, or much, about their values: each costs only its own parameter the native syntax."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from promptweave.compiler.compile import Compiled, compile_prompt
from promptweave.compiler.profile.profile import profile
from promptweave.compiler.request import ChatRequest, Message, Role, Tool, ToolCall, ToolChoice
from promptweave.compiler.template.chat_template import ChatTemplate
from tests.support.compiler.loose_schemas import ALL, VALUES, parameters
from tests.support.compiler.template_table import CORPUS
from tests.support.compiler.templates import template
from tests.support.compiler.tool_calls import check_samples, check_splits, read
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts

OWN = ("keyed", "typed", "code", "braces", "closed", "nested", "sections")
REAL = (
    *(
        "Qwen3-Coder",
        "GLM-4.6",
        "MiniMax-M2",
        "MiniMax-M3",
        "ByteDance-Seed-OSS",
        "LFM2.5-Instruct",
        "LFM2-8B-A1B",
        "Kimi-K3",
    ),
    *("google-gemma-4-31B-it", "deepseek-ai-DeepSeek-V3.2", "poolside-Laguna-S-2.1", "poolside-Laguna-XS-2.1"),
)
READ_FILE = Tool("read_file", "", {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]})
USER = Message(Role.USER, "hello")


def _real(name: str) -> ChatTemplate:
    path = Path(CORPUS / f"{name}.jinja")
    if not path.is_file():
        pytest.skip("shared/corpus/templates is not here")
    return ChatTemplate(path.read_text(), "<s>", "</s>")


def _request(schema: Any, *history: Message) -> ChatRequest:
    tools = (READ_FILE, Tool("set_value", "", schema))
    return ChatRequest((USER, *history), tools, tool_choice=ToolChoice(True, ("read_file", "set_value")))


def _check_native(given: ChatTemplate, kind: str, samples: int) -> None:
    request = _request(ALL[kind])
    compiled = compile_prompt(request, given)
    assert compiled.style == "native"
    assert all(warning.path.startswith("/tools/1/") for warning in compiled.warnings)
    checked = any(warning.code == "keyword_checked" for warning in compiled.warnings)
    if not checked:
        check_samples(request, compiled, samples)
    check_splits(compiled, 2)


@pytest.mark.parametrize("name", OWN)
def test_a_loose_schema_keeps_the_native_syntax(name: str) -> None:
    for kind in ALL:
        _check_native(template(name), kind, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_a_loose_schema_keeps_the_native_syntax_of_real_templates(name: str) -> None:
    given = _real(name)
    for kind in ALL:
        _check_native(given, kind, 5)


# -- what the history shows is what a model may write, and is read as the same value --

EXAMPLES: list[Any] = [
    *("text", "", "10", "12e4567", " 10", "true", "[1", '{"a": 1}', '"quoted"', "a\nb <c> 'd' \\", "auto", "2024-05", "{x"),
    *(10, -2.5, 0, True, False, None, [], ["a", "b"], [1, "a", None], [[1.5, 2]], [0, 1]),
    *({}, {"id": 7}, {"text": "a </parameter> b"}, {"name": "n", "more": {"a": [True, None]}}, {"a": "b"}, {"a": 1, "b": 2}),
    *(
        {"page_id": "p", "type": "page_id"},
        {"and": [{"field": "f", "equals": 1}]},
        {"title": [{"content": "c", "link": None}]},
    ),
]


def _read_by_type(value: Any) -> bool:
    """Return whether a string would be read as another value, if the schema allows that."""
    try:
        return isinstance(value, str) and not isinstance(json.loads(value), str)
    except ValueError:
        return value in ("True", "False", "None") if isinstance(value, str) else False


def _written(compiled: Compiled, given: ChatTemplate) -> str:
    calls = profile(given).calls
    assert calls
    text = compiled.prompt[compiled.prompt.rfind(calls.opening) :]
    return text[: text.find(calls.closing) + len(calls.closing)] if calls.closing else text


def _round_trips(given: ChatTemplate, lead: str = "") -> int:
    count = 0
    for schema in VALUES.values():
        request = _request(parameters(schema))
        compiled = compile_prompt(request, given)
        if any(warning.code in ("style_fallback", "keyword_checked") for warning in compiled.warnings):
            continue
        by_type = any(warning.code == "keyword_note" for warning in compiled.warnings)
        grammar = grammar_from_gbnf(compiled.grammar or "")
        for value in EXAMPLES:
            whole = {"path": "p", "value": value}
            mistaken = _read_by_type(value) and (by_type or not isinstance(schema.get("type", ""), str))
            closed = schema.get("type") == "object" and "additionalProperties" not in schema
            if mistaken or closed or not jsonschema.Draft202012Validator(parameters(schema)).is_valid(whole):
                continue
            call = Message(Role.ASSISTANT, None, tool_calls=(ToolCall("c", "set_value", json.dumps(whole)),))
            shown = compile_prompt(replace(request, messages=(USER, call, Message(Role.USER, "q"))), given)
            text = (lead + _written(shown, given)).removeprefix(compiled.syntax.prefix)
            message, complete = read(compiled, text)
            assert complete, (schema, value, text)
            assert json.loads(message.tool_calls[0].arguments) == whole, (schema, text)
            assert accepts(grammar, text), (schema, value, text)
            count += 1
    return count


@pytest.mark.parametrize("name", ["keyed", "typed", "code", "braces", "nested"])
def test_the_history_s_values_are_read_back(name: str) -> None:
    assert _round_trips(template(name)) > 50


@pytest.mark.parametrize("name", ["Qwen3-Coder", "GLM-4.6", "MiniMax-M2"])
def test_the_history_s_values_of_real_templates_are_read_back(name: str) -> None:
    assert _round_trips(_real(name)) > 100
