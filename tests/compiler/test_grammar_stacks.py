"""Schemas whose grammars could slow engines down: few stacks at a time, since alternatives share their prefixes."""

import random
from typing import Any

import jsonschema
import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.json_schema.emit import objects
from promptweave.compiler.json_text import dumps, loads
from promptweave.compiler.request import ChatRequest, Message, Role, Tool, ToolChoice
from tests.support.compiler.schema_grammar import grammar_of
from tests.support.compiler.templates import template
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts, most_stacks, sample

OPTIONAL = {"type": "object", "properties": {f"p{n}": {"type": "integer"} for n in range(200)}}
KINDS = [
    {"type": "object", "properties": {"x": {"type": "null"}, "kind": {"const": f"k{n}"}}, "required": ["x", "kind"]}
    for n in range(100)
]

VARIANTS = [
    {
        "type": "object",
        "properties": {f"Kind{n}": {"type": "integer"}},
        "required": [f"Kind{n}"],
        "additionalProperties": {"type": "null"} if n == 7 else False,
    }
    for n in range(300)
]

SHAPES = [
    pytest.param({**OPTIONAL, "additionalProperties": False}, ['{"p3": 1, "p150": 2}', "{}"], 11, id="optional-properties"),
    # Names that are not declared, and the characters between them, are ways of their own.
    pytest.param(OPTIONAL, ['{"p3": 1, "p150": 2, "q": null}', "{}"], 25, id="optional-properties-of-an-open-object"),
    pytest.param(
        {**OPTIONAL, "required": ["p100"], "additionalProperties": False},
        ['{"p3": 1, "p100": 0, "p199": 2}'],
        11,
        id="one-is-required",
    ),
    pytest.param({"enum": [f"value number {n}" for n in range(2000)]}, ['"value number 1234"'], 11, id="enum"),
    pytest.param({"oneOf": KINDS}, ['{"x": null, "kind": "k77"}'], 25, id="one-of-kinds"),
    pytest.param({"anyOf": VARIANTS}, ['{"Kind3": 1}', '{"Kind7": 1, "Kind8": null}', '{"Kind299": 0}'], 30, id="variants"),
    pytest.param({"oneOf": VARIANTS[8:]}, ['{"Kind8": 1}', '{"Kind299": 0}'], 25, id="one-of-variants"),
    pytest.param({"pattern": "^[a-z]{0,50}[a-z]{0,50}$", "type": "string"}, [f'"{"x" * 70}"'], 2, id="adjacent-repeats"),
]


@pytest.mark.parametrize(("schema", "texts", "most"), SHAPES)
def test_few_ways_are_followed(schema: Any, texts: list[str], most: int) -> None:
    grammar = grammar_of(schema)
    for text in texts:
        assert accepts(grammar, text)
        assert most_stacks(grammar, text) <= most


def test_few_ways_are_followed_among_many_tools() -> None:
    names = [f"{verb}_{noun}_{n}" for verb in ("get", "list", "set") for noun in ("user", "team") for n in range(40)]
    tools = tuple(Tool(name, "", {"properties": {"id": {"type": "integer"}}, "required": ["id"]}) for name in names)
    for style in ("native", "hermes", "generic"):
        request = ChatRequest((Message(Role.USER, "?"),), tools, tool_choice=ToolChoice(required=True), style=style)
        compiled = compile_prompt(request, template("tagged"))
        assert compiled.grammar
        grammar = grammar_from_gbnf(compiled.grammar)
        assert most_stacks(grammar, sample(grammar, random.Random(1), budget=40)) <= 20


@pytest.mark.parametrize("sharing", [(1500, 250), (1500, 4), (5, 250)], ids=["one-trie", "several", "a-chain"])
def test_optional_properties_keep_their_order_and_come_once(
    sharing: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "MAX_SHARED", sharing[0])
    monkeypatch.setattr(objects, "MAX_SHARING", sharing[1])
    names = ["a", "ab", "abc", "b", 'a"', 'a": 1, "b', "", "ä", "a\\"]
    schema = {"type": "object", "properties": {name: {"type": "null"} for name in names}, "additionalProperties": False}
    grammar = grammar_of(schema)
    rng = random.Random(5)
    for _ in range(200):
        chosen = [name for name in names if rng.random() < 0.4]
        assert accepts(grammar, dumps(dict.fromkeys(chosen)))
        if len(chosen) > 1:
            assert not accepts(grammar, dumps(dict.fromkeys(reversed(chosen))))
            assert not accepts(grammar, dumps(dict.fromkeys(chosen))[:-1] + ", " + dumps({chosen[-1]: None})[1:])
    for number in range(50):
        jsonschema.validate(loads(sample(grammar, random.Random(number))), schema)
