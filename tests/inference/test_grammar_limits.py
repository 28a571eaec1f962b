"""Grammars that would take the engine down are refused; what our compiler writes is not."""

import re

import pytest

from promptweave.compiler import json_schema_to_gbnf
from promptweave.inference.errors import RequestError
from promptweave.inference.grammar.grammar_cache import derivative_of
from promptweave.inference.prompt.grammar_limits import GBNF, LARK, Notation, check_grammar


def nested(depth: int) -> str:
    return f"root ::= {'(' * depth}[(]{')' * depth}"


def chain(rules: int, begin: str = "") -> str:
    return f"root ::= r0\n{''.join(f'r{one} ::= {begin} r{one + 1}{chr(10)}' for one in range(rules))}r{rules} ::= [a]\n"


def lark_chain(rules: int) -> str:
    return f'start: r0\n{"".join(f"r{one}: /x:/ r{one + 1}{chr(10)}" for one in range(rules))}r{rules}: "a"\n'


@pytest.mark.parametrize(
    ("text", "notation", "why"),
    [
        pytest.param(" \n", GBNF, "the grammar is empty", id="empty"),
        pytest.param("x" * 2_000_001, GBNF, "2000001 characters; the maximum is 2000000", id="long"),
        pytest.param(nested(1001), GBNF, "parentheses are nested deeper than 1000 levels", id="nested"),
        pytest.param(chain(10_001), GBNF, "more than 10000 rules that begin with one another", id="chain"),
        pytest.param(chain(10_001, '("a")* ""'), GBNF, "more than 10000 rules that begin", id="chain-behind-nothing"),
        pytest.param(chain(10_001, '"a" | "b"?'), GBNF, "more than 10000 rules that begin", id="chain-behind-a-choice"),
        pytest.param('root ::= "a"{0,2001}', GBNF, "the repetition {0,2001} exceeds the maximum of 2000", id="count"),
        pytest.param(lark_chain(1001), LARK, "more than 1000 rules that reference one another", id="lark-chain"),
    ],
)
def test_refused(text: str, notation: Notation, why: str) -> None:
    with pytest.raises(RequestError, match=re.escape(why)) as raised:
        check_grammar(text, notation, "/prompt/gbnf")
    assert raised.value.path == "/prompt/gbnf"


@pytest.mark.parametrize(
    ("text", "notation"),
    [
        pytest.param(nested(1000), GBNF, id="nested"),
        pytest.param(chain(9_900), GBNF, id="chain"),
        pytest.param(chain(30_000, "[a]"), GBNF, id="chain-that-writes"),
        pytest.param('root ::= "((("' + ' "("' * 2000 + " [(]", GBNF, id="brackets-in-texts"),
        pytest.param('root ::= "{9999}" [{9999}] "\\"{9999}" # {9999}', GBNF, id="counts-in-texts"),
        pytest.param("root ::= root0 root0\n" + "root0 ::= root | [a]\n" * 2, GBNF, id="circle"),
        pytest.param(lark_chain(990), LARK, id="lark-chain"),
    ],
)
def test_taken(text: str, notation: Notation) -> None:
    check_grammar(text, notation, "/prompt/gbnf")


@pytest.mark.anyio
async def test_a_grammar_whose_paths_double_at_each_level_is_refused() -> None:
    levels = [
        f"a{level} ::= a{level - 1} | b{level - 1}\nb{level} ::= b{level - 1} | a{level - 1}" for level in range(1, 61)
    ]
    gbnf = "\n".join(["root ::= a60", *levels, "a0 ::= [a-z]+", "b0 ::= [0-9]+"])
    with pytest.raises(RequestError, match="too many parses") as raised:
        await derivative_of(gbnf)
    assert raised.value.path == "/prompt/gbnf"


SCHEMAS = {
    "properties": {"properties": {f"p{one}": {"type": "string"} for one in range(500)}},
    "enum": {"enum": [f"value ((({one}" for one in range(5000)]},
    "length": {"type": "string", "pattern": "^(ab|[0-9]{3})*$", "maxLength": 1500},
    "depth": {"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"a": {"$ref": "#/$defs/a"}}}}},
    "count": {"type": "array", "items": {"type": "integer"}, "maxItems": 2000},
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_what_our_compiler_writes_is_taken(schema: dict[str, object]) -> None:
    check_grammar(json_schema_to_gbnf(schema, strict=False), GBNF, "/prompt/gbnf")
