"""`promptweave compile`, and its way back: `promptweave parse`."""

import json
import random
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from promptweave.cli.commands import compile as compile_module
from tests.support.cli.invoke import REQUEST, TEMPLATES, WEATHER, answers, lines, run, tagged
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import sample

SCHEMA = {
    "type": "object",
    "properties": {"degrees": {"type": "number"}},
    "required": ["degrees"],
    "additionalProperties": False,
}
JSON_ANSWER = {"type": "json_schema", "json_schema": {"name": "weather", "schema": SCHEMA, "strict": True}}


def compiled(request: dict[str, Any], *options: str | Path) -> dict[str, Any]:
    result = run("compile", *(options or tagged()), stdin=request)
    assert (result.exit_code, result.stderr) == (0, "")
    assert len(result.stdout.splitlines()) == 1
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_prints_what_is_pinned() -> None:
    document = compiled(REQUEST)
    assert list(document)[:7] == ["prompt", "segments", "grammar", "stop", "syntax", "style", "warnings"]
    assert document["prompt"].startswith("<s>")
    assert document["prompt"].endswith("<|turn|>assistant\n")
    assert "".join(segment["text"] for segment in document["segments"]) == document["prompt"]
    assert document["grammar"].startswith("root ::= ")
    assert document["stop"] == ["<|end|>"]
    assert document["style"] == "native"
    assert document["syntax"]["version"] == 1
    assert document["warnings"] == []


def test_free_text_needs_no_grammar() -> None:
    assert compiled({"messages": REQUEST["messages"]})["grammar"] is None


def test_takes_the_template_of_a_model(demo_model: Path) -> None:
    document = compiled(REQUEST, "--model", demo_model)
    assert "<|im_start|>user\nHow is the weather in Zürich?<|im_end|>" in document["prompt"]
    assert document["stop"] == ["<|im_end|>"]


def test_a_request_may_bring_its_template() -> None:
    source = "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"
    messages = [{"role": "user", "content": "hi"}]
    own = {"messages": messages, "template": source, "bos_token": "<b>", "eos_token": "<e>"}
    assert json.loads(run("compile", stdin=own).stdout)["prompt"] == "<b>hi<e>"
    # Before the options' one; and tokens alone go with that.
    assert compiled({"messages": messages, "template": "T{{ messages[0].content }}"})["prompt"] == "Thi"
    assert compiled({"messages": messages, "bos_token": "<b>", "eos_token": None})["prompt"].startswith("<b>")


def test_a_style_and_how_schemas_are_shown() -> None:
    document = compiled(REQUEST, *tagged(), "--style", "generic", "--schema-style", "typescript")
    assert document["style"] == "generic"
    assert 'unit?: "celsius" | "fahrenheit",' in document["prompt"]
    # What a request says itself goes first.
    assert compiled({**REQUEST, "tool_style": "hermes"}, *tagged(), "--style", "generic")["style"] == "hermes"


REFUSED = [
    pytest.param({"messages": []}, "invalid: /messages: ", id="no-messages"),
    pytest.param({}, "invalid: /messages: ", id="nothing"),
    pytest.param([], "invalid: /: a chat request must be a JSON object", id="array"),
    pytest.param("{", "invalid: the chat request on stdin is not JSON: ", id="not-json"),
    pytest.param(b'"\xff"', "invalid: the chat request on stdin is not UTF-8: ", id="bytes"),
    pytest.param({"messages": [{"role": 3, "content": "x"}]}, "invalid: /messages/0/role: ", id="role"),
    pytest.param({**REQUEST, "template": 3}, "invalid: /template: ", id="template"),
    pytest.param({**REQUEST, "template": "{% if %}"}, "invalid: the chat template cannot be parsed: ", id="broken-template"),
    pytest.param(
        {**REQUEST, "tools": [WEATHER, {**WEATHER, "function": {**WEATHER["function"], "description": "another"}}]},
        "invalid: /tools/1/function/name: ",
        id="two-tools-of-a-name",
    ),
    pytest.param(
        {
            **REQUEST,
            "tools": [
                {
                    "type": "function",
                    "function": {"name": "f", "strict": True, "parameters": {"properties": {"a": {"uniqueItems": True}}}},
                }
            ],
        },
        "unsupported: /tools/0/function/parameters/properties/a/uniqueItems: ",
        id="schema-of-a-tool",
    ),
    pytest.param(
        {**REQUEST, "tool_choice": {"type": "function", "function": {"name": "f"}}}, "invalid: /tool_choice", id="choice"
    ),
    pytest.param({**REQUEST, "tool_style": "morse"}, "unsupported: /tool_style: ", id="style"),
    pytest.param(
        {
            **REQUEST,
            "response_format": {"type": "json_schema", "json_schema": {"schema": {"uniqueItems": True}, "strict": True}},
        },
        "unsupported: /response_format/json_schema/schema/uniqueItems: ",
        id="schema-of-the-answer",
    ),
    pytest.param(
        {"messages": [{"role": "user", "content": "x"}], "modalities": ["audio"]},
        "unsupported: /modalities",
        id="audio",
    ),
    pytest.param('{"messages": [{"role": "user", "content": "\\ud800"}]}', "invalid: /", id="half-a-pair"),
]


@pytest.mark.parametrize(("request_", "line"), REFUSED)
def test_refuses_in_one_line_with_the_place(request_: Any, line: str) -> None:
    result = run("compile", *tagged(), stdin=request_)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(line)
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "line"),
    [
        pytest.param([], "invalid: /template: no chat template; pass --model", id="none"),
        pytest.param(["--model", "a", "--template", "b"], "invalid: --model and --template cannot be combined", id="two"),
        pytest.param(["--model", "a", "--bos", "b"], "invalid: --bos and --eos require --template", id="bos"),
        pytest.param(["--model", "/nowhere"], "invalid: /nowhere: No such file or directory", id="no-model"),
        pytest.param(["--model", __file__], f"invalid: {__file__}: not a GGUF file", id="no-gguf"),
        pytest.param(["--template", "/nowhere"], "invalid: /nowhere: No such file or directory", id="no-template"),
    ],
)
def test_refuses_a_template_that_is_not_there(options: list[str], line: str) -> None:
    result = run("compile", *options, stdin=REQUEST)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(line)
    assert len(result.stderr.splitlines()) == 1


def test_answers_line_by_line() -> None:
    messages = [{"role": "user", "content": "hi"}]
    given = lines(
        REQUEST,
        {"messages": messages, "template": "{{ bos_token }}{{ messages[0].content }}!", "bos_token": "<b>"},
        {"messages": messages},
        {"messages": []},
        "{",
        [],
        '{"messages": [{"role": "user", "content": "\\udc00"}]}',
        {"messages": messages, "template": "{{ raise_exception('no') }}"},
        {
            **REQUEST,
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"x": {}}}}}}],
        },
        {
            **REQUEST,
            "tools": [
                {"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"type": "strin"}}}}}
            ],
        },
        REQUEST,
    )
    got = answers(run("compile", "--jsonl", *tagged(), stdin=given))
    assert len(got) == 11
    assert got[0] == got[-1]
    assert got[0]["result"] == compiled(REQUEST)
    assert got[1]["result"]["prompt"] == "<b>hi!"
    assert got[2]["result"]["prompt"].startswith("<s>")
    errors = [(answer["error"]["reason"], answer["error"]["path"]) for answer in (*got[3:8], got[9])]
    assert errors == [
        ("ERROR_REASON_REQUEST_INVALID", "/messages"),
        ("ERROR_REASON_REQUEST_INVALID", ""),
        ("ERROR_REASON_REQUEST_INVALID", ""),
        ("ERROR_REASON_REQUEST_INVALID", got[6]["error"]["path"]),
        ("ERROR_REASON_TEMPLATE_FAILED", None),
        ("ERROR_REASON_SCHEMA_INVALID", "/tools/0/function/parameters/properties/a/type"),
    ]


def test_a_line_without_any_template_is_told_so() -> None:
    (answer,) = answers(run("compile", "--jsonl", stdin=lines(REQUEST)))
    assert (answer["error"]["reason"], answer["error"]["path"]) == ("ERROR_REASON_REQUEST_INVALID", "/template")


def test_a_fault_of_our_own_ends_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise LookupError("a secret")

    monkeypatch.setattr(compile_module, "compile_prompt", fail)
    result = run("compile", "--jsonl", *tagged(), stdin=lines(REQUEST, REQUEST))
    first, second = answers(result)
    assert first == second
    assert first["error"]["reason"] == "ERROR_REASON_INTERNAL"
    assert "secret" not in first["error"]["message"]
    assert "a secret" in result.stderr


# -- there and back --


@pytest.mark.parametrize("template", ["tagged", "listed", "bare"])
@pytest.mark.parametrize(
    "extra",
    [
        pytest.param({}, id="auto"),
        pytest.param({"tool_choice": "required"}, id="required"),
        pytest.param({"tool_choice": {"type": "function", "function": {"name": "get_weather"}}}, id="named"),
        pytest.param({"response_format": JSON_ANSWER}, id="schema"),
        pytest.param({"tools": [], "response_format": JSON_ANSWER}, id="schema-alone"),
    ],
)
def test_what_the_grammar_allows_is_read_back(tmp_path: Path, template: str, extra: dict[str, Any]) -> None:
    result = run("compile", "--template", TEMPLATES / f"{template}.jinja", stdin={**REQUEST, **extra})
    (tmp_path / "compiled.json").write_text(result.stdout, encoding="utf-8")
    grammar = grammar_from_gbnf(json.loads(result.stdout)["grammar"])
    for seed in range(10):
        text = sample(grammar, random.Random(seed), budget=100)
        read = run("parse", "--compiled", tmp_path / "compiled.json", stdin=text.encode())
        assert (read.exit_code, read.stderr) == (0, "")
        answer = json.loads(read.stdout)
        assert answer["complete"], text
        calls = answer["message"]["tool_calls"]
        assert answer["finish_reason"] == ("tool_calls" if calls else "stop")
        for call in calls:
            assert call["function"]["name"] == "get_weather"
            jsonschema.validate(json.loads(call["function"]["arguments"]), WEATHER["function"]["parameters"])  # type: ignore[index]
        assert calls or "tool_choice" not in extra
        if "response_format" in extra and not calls:
            jsonschema.validate(json.loads(answer["message"]["content"]), SCHEMA)


def test_explains_itself_to_a_person() -> None:
    result = run("compile", *tagged(), "--explain", stdin=REQUEST)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "⟦/messages/1/content⟧How is the weather in Zürich?" in result.stdout
    assert "\n# /tools/0/function/parameters\nvalue ::= " in result.stdout
    refused = run("compile", *tagged(), "--explain", "--jsonl", stdin="")
    assert (refused.exit_code, refused.stdout) == (2, "")
