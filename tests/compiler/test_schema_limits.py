"""No schema hangs the compiler or blows it up: it becomes a grammar of bearable size, or an error says what is too much."""

import json
import random
import threading
from typing import Any

import pytest

from promptweave.compiler import SchemaError
from promptweave.compiler.deadline import deadline
from promptweave.compiler.json_schema.compile import compile_schema, embed_schema, load_schema
from promptweave.output.grammar.expr import Alt, Grammar, Lit, Ref, Rep, Rules, Seq
from promptweave.output.grammar.gbnf import MAX_CHARACTERS
from promptweave.output.grammar.safety import UnsafeGrammarError, check_safe
from promptweave.output.parse.schema_check import find_violation
from tests.support.compiler.schema_grammar import grammar_of
from tests.support.output.grammar_matcher import accepts, sample


def _doubled(levels: int, level: Any, last: Any) -> dict[str, Any]:
    """Schemas that each refer to the next one, more than once."""
    return {
        "$ref": "#/$defs/a0",
        "$defs": {**{f"a{n}": level({"$ref": f"#/$defs/a{n + 1}"}) for n in range(levels)}, f"a{levels}": last},
    }


def _nested(levels: int, level: Any, inner: Any) -> Any:
    for _ in range(levels):
        inner = level(inner)
    return inner


HOSTILE = [
    pytest.param(_doubled(40, lambda ref: {"allOf": [ref, ref]}, {"type": "string"}), "ok", id="all-of-doubled"),
    pytest.param(
        _doubled(60, lambda ref: {"properties": {"x": ref, "y": ref}}, {"type": "null"}), "ok", id="properties-doubled"
    ),
    pytest.param(_doubled(40, lambda ref: {"oneOf": [ref, {"not": ref}]}, {"required": ["x"]}), "ok", id="one-of-doubled"),
    pytest.param(_doubled(3000, lambda ref: ref, {"type": "null"}), "ok", id="long-chain-of-references"),
    pytest.param(
        _doubled(3000, lambda ref: {**ref, "type": "null"}, {}), "reference each other", id="long-chain-in-one-place"
    ),
    pytest.param({"not": {"enum": list(range(3000))}}, "ok", id="none-of-many-numbers"),
    pytest.param(
        _doubled(1500, lambda ref: {"type": "array", "items": ref}, {"type": "null"}), "ok", id="long-chain-of-arrays"
    ),
    pytest.param(_nested(500, lambda inner: {"not": inner}, {}), "deep", id="deep-not"),
    pytest.param(
        _nested(90, lambda inner: {"type": "object", "properties": {"a": inner}}, {}), "ok", id="nested-properties"
    ),
    pytest.param({"type": "string", "maxLength": 10**9}, "ok", id="max-length"),
    pytest.param({"type": "string", "minLength": 10**9}, "ok", id="min-length"),
    pytest.param({"type": "string", "pattern": "^[a-z]+$", "maxLength": 10**9}, "ok", id="pattern-and-max-length"),
    pytest.param({"type": "string", "pattern": "^[a-z]+$", "minLength": 10**9}, "states", id="pattern-and-min-length"),
    pytest.param({"type": "array", "maxItems": 10**9, "minItems": 10**6}, "ok", id="items"),
    pytest.param({"type": "array", "contains": {"type": "null"}, "minContains": 10**6}, "states", id="contains"),
    pytest.param({"type": "object", "maxProperties": 10**9}, "ok", id="max-properties"),
    pytest.param({"pattern": "^(a{1000}){1000}$"}, "states", id="counts-of-counts"),
    pytest.param({"pattern": "^(((((a{0,9}){0,9}){0,9}){0,9}){0,9}){0,9}$"}, "states", id="nested-counts"),
    pytest.param({"pattern": "^(a|aa)+$"}, "ok", id="ambiguous"),
    pytest.param({"pattern": "(x+x+)+y"}, "ok", id="backtracking"),
    pytest.param({"pattern": "a.{25}$"}, "states", id="exponential-automaton"),
    pytest.param({"pattern": "(" * 500 + ")" * 500}, "nested", id="nested-groups"),
    pytest.param({"enum": [f"value number {n}" for n in range(20_000)]}, "ok", id="enum"),
    pytest.param({"oneOf": [{"const": f"k{n}"} for n in range(1000)]}, "ok", id="one-of-constants"),
    pytest.param(
        {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(3000)}}, "ok", id="properties"
    ),
    pytest.param(
        {
            "allOf": [{"anyOf": [{"required": [f"a{n}"]}, {"required": [f"b{n * 7 % 30}"]}]} for n in range(30)],
            "type": "object",
        },
        "ok",
        id="crossed-alternatives",
    ),
    pytest.param({"type": "integer", "minimum": 10**3000}, "ok", id="huge-bound"),
    pytest.param({"type": "number", "minimum": -1e308, "maximum": 1e308, "multipleOf": 0.001}, "ok", id="huge-range"),
]


@pytest.mark.parametrize(("schema", "outcome"), HOSTILE)
def test_hostile_schemas(schema: Any, outcome: str) -> None:
    try:
        grammar = compile_schema(json.loads(json.dumps(schema))).grammar
    except SchemaError as refusal:
        found = refusal.message
    else:
        found = "ok"
        assert len(grammar) <= MAX_CHARACTERS
    assert outcome in found


def test_time_is_limited() -> None:
    properties = {f"p{n}": {"type": "integer", "minimum": n} for n in range(3000)}
    with deadline(0.01), pytest.raises(SchemaError, match="seconds"):
        embed_schema({"type": "object", "properties": properties}, Rules())


def test_counts_beyond_the_engines_are_exact() -> None:
    grammar = grammar_of({"type": "string", "minLength": 2500, "maxLength": 6100})
    for length in (2499, 2500, 2501, 3000, 4500, 6099, 6100, 6101):
        assert accepts(grammar, f'"{"x" * length}"') == (2500 <= length <= 6100), length


def test_schemas_compile_in_threads() -> None:
    # Deeply nested ones need Python's stack; threads have the same limit as the main one.
    schema = _nested(80, lambda inner: {"type": "object", "properties": {"a": inner}}, {"type": "string"})
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(compile_schema(schema).grammar)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 4


UNSAFE = [
    pytest.param({"a": Ref("a")}, "left recursion", id="left-recursion"),
    pytest.param({"a": Seq((Rep(Lit("x")), Ref("b"))), "b": Ref("a")}, "left recursion", id="hidden-left-recursion"),
    pytest.param({"a": Rep(Ref("b")), "b": Rep(Lit("x"))}, "may be empty", id="nullable-repeat"),
    pytest.param({"a": Rep(Lit("x"), 0, 2001)}, "count", id="count"),
    pytest.param({"a": Rep(Lit("x"), 3, 2)}, "3 to 2", id="out-of-order"),
    pytest.param({"a": Ref("c")}, "not a rule", id="unknown"),
    pytest.param({"a": Alt(())}, "nothing", id="nothing"),
    pytest.param({"a": Lit("x"), "B": Lit("y")}, "name", id="name"),
]


@pytest.mark.parametrize(("rules", "message"), UNSAFE)
def test_unsafe_grammars_are_found(rules: Any, message: str) -> None:
    with pytest.raises(UnsafeGrammarError, match=message):
        check_safe(Grammar(Ref("a"), rules))


def test_what_is_loosened_is_marked_and_can_be_validated() -> None:
    schema = {
        "type": "object",
        "properties": {
            "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
            "x": {"$ref": "https://a.test/"},
        },
        "x-note": 1,
    }
    compiled = compile_schema(schema, strict=False)
    assert {(warning.pointer, warning.loosened) for warning in compiled.warnings} == {
        ("/properties/tags/uniqueItems", True),
        ("/properties/x/$ref", True),
        ("/x-note", False),
    }
    del schema["properties"]["x"]  # type: ignore[attr-defined]
    assert find_violation('{"tags": ["a", "b"]}', json.dumps(schema)) is None
    assert find_violation('{"tags": ["a", "a"]}', json.dumps(schema))


def test_a_schema_that_is_too_deep_is_loosened() -> None:
    schema = _nested(120, lambda inner: {"properties": {"a": inner}}, {})
    (warning,) = compile_schema(schema, strict=False).warnings
    assert (warning.pointer, warning.loosened) == ("/properties/a" * 101, True)


def test_one_of_that_cannot_be_told_apart_becomes_any_of_where_that_is_allowed() -> None:
    schema = {"oneOf": [{"type": "array", "uniqueItems": True}, {"type": "array", "minItems": 2}]}
    with pytest.raises(SchemaError):
        grammar_of(schema)
    compiled = compile_schema(schema, strict=False)
    assert any(warning.loosened for warning in compiled.warnings)
    grammar = grammar_of(schema, strict=False)
    assert json.loads(sample(grammar, random.Random(1))) is not None


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        pytest.param({"const": 1e23}, "99999999999999991611392", "1" + "0" * 23, id="a-float-is-the-integer-that-it-is"),
        pytest.param({"type": "number", "not": {"multipleOf": 0.07}}, "1", "561079264689639", id="large-quotients"),
        pytest.param({"enum": [*range(5000), "x"]}, "4999", "5000", id="a-long-enum-of-numbers"),
        pytest.param({"enum": [*range(5000)], "not": {"enum": [*range(4999)]}}, "4999", "7", id="long-lists"),
        pytest.param({"type": "string", "format": "uri-template"}, '"/{a}"', '"{%fa_A:1}"', id="uri-template"),
    ],
)
def test_what_an_adversary_found(schema: Any, good: str, bad: str) -> None:
    grammar = grammar_of(schema)
    assert accepts(grammar, good)
    assert not accepts(grammar, bad)


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        pytest.param({"pattern": r"\ba" * 1500}, "/pattern", id="a-long-pattern"),
        pytest.param({"const": _nested(900, lambda inner: [inner], 1)}, "/const", id="a-deep-value"),
        pytest.param({"enum": ["x", _nested(900, lambda inner: {"a": inner}, 1)]}, "/enum/1", id="a-deep-member"),
        pytest.param({"minimum": 10**5000}, "/minimum", id="a-long-bound"),
        pytest.param({"pattern": "(" * 500 + ")" * 500}, "/pattern", id="nested-groups"),
        pytest.param({"type": "array", "items": {"type": "string"}, "uniqueItems": True}, "/uniqueItems", id="unique"),
    ],
)
def test_refusals_name_the_keyword_wherever_it_is(schema: Any, pointer: str) -> None:
    with pytest.raises(SchemaError) as refusal:
        compile_schema({"type": "object", "properties": {"a": {"items": schema}}})
    assert refusal.value.pointer == "/properties/a/items" + pointer


def test_a_grammar_that_is_too_large_names_its_largest_part() -> None:
    rng = random.Random(1)
    long = {"enum": ["".join(rng.choices("abcdefghij", k=300)) for _ in range(9000)]}
    schema = {"properties": {"a": {"type": "string"}, "b": {"properties": {"x/y": long, "c": {"enum": [1, 2]}}}}}
    with pytest.raises(SchemaError, match="characters") as refusal:
        compile_schema(schema)
    assert refusal.value.pointer == "/properties/b/properties/x~1y"


@pytest.mark.parametrize("levels", [299, 500, 5_000], ids=str)
def test_deep_text_is_refused_with_its_place(levels: int) -> None:
    text = '{"properties": {"a": ' + '{"items": ' * levels + "{}" + "}" * levels + "}}"
    with pytest.raises(SchemaError, match="nested") as refusal:
        load_schema(text)
    assert refusal.value.pointer.startswith("/properties/a/items" if levels < 5_000 else "")
    assert len(str(refusal.value)) < 200
    load_schema('{"default": ' + '{"a": ' * 298 + "0" + "}" * 299)


def test_what_python_wrote_is_read_as_json() -> None:
    assert (
        compile_schema({"enum": [(1, 2)], "x": {1: 2}}).grammar
        == compile_schema('{"enum": [[1, 2]], "x": {"1": 2}}').grammar
    )
    assert "1" in compile_schema({"const": {1: 2}}).grammar
    with pytest.raises(SchemaError, match="not valid JSON"):
        compile_schema({"const": {1, 2}})


def test_what_is_unused_may_be_deep() -> None:
    unused = _nested(2000, lambda inner: {"items": inner}, {})
    schema = {"$dynamicRef": "#leaf", "$defs": {"unused": unused, "leaf": {"$dynamicAnchor": "leaf", "type": "null"}}}
    assert accepts(grammar_of(schema), "null")
    assert not accepts(grammar_of(schema), "1")


def test_a_reference_means_what_it_leads_to() -> None:
    address = {"type": "object", "properties": {f"line{n}": {"type": "string"} for n in range(9)}}
    schema = {
        "type": "object",
        "properties": {f"a{n}": {"$ref": "#/$defs/address", "description": "Where"} for n in range(20)},
        "additionalProperties": False,
        "$defs": {"address": address},
    }
    assert len(compile_schema(schema).grammar) < 4 * len(compile_schema(address).grammar)


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        pytest.param({"maximum": 10**5000}, "number too long", id="a-number-that-python-cannot-print"),
        pytest.param({"pattern": "\\ud83d\\ude00"}, "use the character itself", id="a-surrogate-pair-in-a-pattern"),
    ],
)
def test_what_an_adversary_found_is_refused(schema: Any, why: str) -> None:
    with pytest.raises(SchemaError, match=why):
        compile_schema(schema)


def test_decimal_multiples_are_said_to_be_decimal() -> None:
    (warning,) = compile_schema({"type": "number", "multipleOf": 0.01}).warnings
    assert (warning.pointer, warning.loosened) == ("/multipleOf", False)
    assert compile_schema({"type": "number", "multipleOf": 0.25}).warnings == ()
