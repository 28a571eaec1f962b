"""`promptweave schema`."""

from typing import Any

import pytest

from promptweave.compiler.json_schema.compile import Dialect, compile_schema
from promptweave.compiler.json_text import COMPACT
from tests.support.cli.invoke import answers, lines, run
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}


def test_prints_a_grammar() -> None:
    result = run("schema", stdin=CITY)
    assert (result.exit_code, result.stderr) == (0, "")
    grammar = grammar_from_gbnf(result.stdout)
    assert accepts(grammar, '{"city": "Zürich"}')
    assert not accepts(grammar, '{"town": "Zürich"}')


def test_objects_are_open_as_in_json_schema() -> None:
    result = run("schema", stdin={"type": "object"})
    assert accepts(grammar_from_gbnf(result.stdout), '{"anything": [1, {}]}')


def test_a_byte_order_mark_means_nothing() -> None:
    assert run("schema", stdin=b"\xef\xbb\xbftrue").exit_code == 0


REFUSED = [
    pytest.param({"properties": {"a": {"uniqueItems": True}}}, "unsupported: /properties/a/uniqueItems: ", id="keyword"),
    pytest.param({"type": "strin"}, "invalid: /type", id="invalid"),
    pytest.param({"$ref": "#/$defs/none"}, "invalid: /$ref", id="reference"),
    pytest.param("3", "invalid: /: ", id="no-schema"),
    pytest.param('{"type": ', "invalid: /: not valid JSON: ", id="not-json"),
    pytest.param("", "invalid: /: not valid JSON: ", id="nothing"),
    pytest.param("[" * 100_000, "invalid: /: not valid JSON: nested too deeply", id="deep"),
    pytest.param(b'{"enum": ["\xff"]}', "invalid: the schema on stdin is not UTF-8: ", id="bytes"),
    pytest.param('{"enum": ["\\ud800"]}', "unsupported: /enum/0: ", id="half-a-pair"),
    pytest.param('{"enum": [NaN]}', "invalid: /: not valid JSON: ", id="nan"),
]


@pytest.mark.parametrize(("schema", "line"), REFUSED)
def test_refuses_in_one_line(schema: Any, line: str) -> None:
    result = run("schema", stdin=schema)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(line)
    assert len(result.stderr.splitlines()) == 1


def test_says_what_is_not_enforced() -> None:
    result = run("schema", "--no-strict", stdin={"properties": {"a": {"uniqueItems": True}}})
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: /properties/a/uniqueItems: ")
    assert result.stdout.startswith("root ::= ")


def test_writes_the_other_dialect() -> None:
    result = run("schema", "--dialect", "llguidance", stdin=CITY)
    assert result.exit_code == 0
    assert result.stdout.startswith("start: ")


@pytest.mark.parametrize("dialect", ["gbnf", "llguidance"])
def test_writes_compact_values(dialect: Dialect) -> None:
    schema = {"properties": {"a": {"enum": [[1, {"b": 2}]]}}, "additionalProperties": False, "type": "object"}
    result = run("schema", "--compact", "--dialect", dialect, stdin=schema)
    assert result.stdout == compile_schema(schema, dialect=dialect, separators=COMPACT).grammar
    by_environment = run("schema", "--dialect", dialect, stdin=schema, env={"PROMPTWEAVE_COMPACT": "1"})
    assert by_environment.stdout == result.stdout
    first, second, third = answers(
        run(
            "schema",
            "--jsonl",
            "--compact",
            "--dialect",
            dialect,
            stdin=lines({"schema": schema}, {"schema": schema, "compact": False}, {"schema": schema, "compact": 1}),
        )
    )
    assert first["result"]["grammar"] == result.stdout
    assert second["result"]["grammar"] == run("schema", "--dialect", dialect, stdin=schema).stdout != result.stdout
    assert third["error"]["path"] == "/compact"


def test_answers_line_by_line() -> None:
    unique = {"uniqueItems": True}
    given = lines(
        {"schema": CITY},
        {"schema": unique},
        "",
        {"schema": unique, "strict": False},
        {"schema": unique, "strict": "no"},
        {"schema": "{}"},
        {"schema": CITY, "dialect": "llguidance"},
        {"schema": CITY, "dialect": ["gbnf"]},
        {"schema": {"enum": [float("nan")]}},
        {},
        [],
        "{",
        "[" * 100_000,
        {"schema": True},
    )
    got = answers(run("schema", "--jsonl", stdin=given))
    # An empty line is no input.
    assert len(got) == 13
    grammar, refused, warned, strict, text, dialect, dialects, nan, no_schema, array, broken, deep, anything = got
    assert accepts(grammar_from_gbnf(grammar["result"]["grammar"]), '{"city": ""}')
    assert grammar["result"]["warnings"] == []
    assert refused["error"]["reason"] == "ERROR_REASON_SCHEMA_UNSUPPORTED"
    assert refused["error"]["path"] == "/uniqueItems"
    assert refused["error"]["message"].startswith("unsupported: /uniqueItems: ")
    assert [warning["path"] for warning in warned["result"]["warnings"]] == ["/uniqueItems"]
    assert strict["error"]["path"] == "/strict"
    assert "grammar" in text["result"]  # A schema's text, as in Python.
    assert dialect["result"]["grammar"].startswith("start: ")
    assert dialects["error"]["path"] == "/dialect"
    for answer in (nan, no_schema, array, broken, deep):
        assert answer["error"]["reason"] == "ERROR_REASON_REQUEST_INVALID"
        assert answer["error"]["path"] == ""
    assert "grammar" in anything["result"]


def test_the_option_is_the_default_of_the_lines() -> None:
    given = lines({"schema": {"uniqueItems": True}}, {"schema": {"uniqueItems": True}, "strict": True})
    first, second = answers(run("schema", "--jsonl", "--no-strict", stdin=given))
    assert "result" in first
    assert "error" in second
