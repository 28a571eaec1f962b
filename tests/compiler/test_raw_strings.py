"""Strings that stand in the output as they are: exactly those that the schema allows and that a reader gives back."""

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.json_schema.emit.raw_strings import before
from promptweave.compiler.request import Tool
from promptweave.output.message import ParsedMessage
from promptweave.output.parse.parser import OutputParser
from promptweave.output.tree import EMPTY, Branch, Region, RegionNode, Syntax, TextNode
from tests.support.compiler.templates import template
from tests.support.compiler.tool_calls import BARE, QUESTION, check_samples, check_splits, read
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts


@pytest.mark.parametrize("end", ["</p>", "\n</p>", "abab", "aab", "\naa", "p"])
def test_a_text_may_be_written_exactly_if_it_is_read_back(end: str) -> None:
    markers = tuple(dict.fromkeys((end, end.lstrip())))
    tree = RegionNode(Region.CONTENT, TextNode(None, (Branch(markers, EMPTY),), may_end=False))
    dfa = before(end, end.lstrip())
    alphabet = sorted(set(end) | {"x"})
    for length in range(7 if len(alphabet) < 5 else 5):
        for letters in itertools.product(alphabet, repeat=length):
            text = "".join(letters)
            parser, message = OutputParser(Syntax(tree)), ParsedMessage()
            message.extend([*parser.start(), *parser.feed(text + end), *parser.finish()])
            assert dfa.accepts(text) == (parser.complete and (message.content or "") == text), text


@pytest.mark.parametrize("without", ["<", "</", "</p"])
def test_texts_without_the_beginning_of_their_end(without: str) -> None:
    dfa = before("\n</p>", without)
    for length in range(6):
        for letters in itertools.product("\n</px", repeat=length):
            text = "".join(letters)
            assert dfa.accepts(text) == (without not in text)


def asking(schema: dict[str, Any], **more: Any) -> Tool:
    return Tool("f", "", {"type": "object", "properties": {"a": schema}, "required": ["a"], **more})


KEYED = "<call>\n<function=f>\n<parameter=a>\n{}\n</parameter>\n</function>\n</call>"
LIMITED = {
    "pattern": ({"type": "string", "pattern": "^[a-z<]{2,4}$"}, ["ab", "a<b", "<<<<"], ["a", "abcde", "aB"]),
    "any-pattern": ({"type": "string", "pattern": "x"}, ["x", 'a\n"x\\'], ["", "y"]),
    "length": ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "é😀\n", "</p"], ["a", "abcd"]),
    "format": ({"type": "string", "format": "date"}, ["2024-02-29"], ["2023-02-29", "today"]),
    "enum-and-more": ({"enum": ["on", "off", "never"], "maxLength": 3}, ["on", "off"], ["never"]),
    "const": ({"const": "on"}, ["on"], ["off"]),
    "not": ({"type": "string", "not": {"enum": ["on", "off"]}}, ["", "o", "onn"], ["on", "off"]),
    "all-of": ({"allOf": [{"type": "string"}, {"minLength": 1}, {"pattern": "^a"}]}, ["a", "ab"], ["", "b"]),
    "any-of": ({"anyOf": [{"const": "all"}, {"type": "string", "pattern": "^[0-9]+$"}]}, ["all", "12"], ["al", "1a"]),
    "reference": ({"$ref": "#/$defs/word", "maxLength": 2}, ["ab"], ["abc", ""]),
    "null-too": ({"type": ["string", "null"], "maxLength": 1}, ["", "a", "None", "null"], ["Non", "nul"]),
    "truth-too": ({"anyOf": [{"type": "string", "pattern": "^[0-9]$"}, {"const": True}]}, ["1", "True"], ["False", "x"]),
}


@pytest.mark.parametrize("name", LIMITED)
def test_raw_strings_keep_to_their_schema(name: str) -> None:
    schema, good, bad = LIMITED[name]
    tool = asking(schema, **{"$defs": {"word": {"type": "string", "minLength": 1}}})
    request = replace(QUESTION, tools=(tool, BARE))
    compiled = compile_prompt(request, template("keyed"))
    assert (compiled.style, compiled.warnings) == ("native", ())
    grammar = grammar_from_gbnf(compiled.grammar or "")
    meant = {"None": None, "null": None, "True": True}
    for text in good:
        assert accepts(grammar, KEYED.format(text)), text
        message, complete = read(compiled, KEYED.format(text))
        assert complete
        assert json.loads(message.tool_calls[0].arguments) == {"a": meant.get(text, text)}
    for text in bad:
        assert not accepts(grammar, KEYED.format(text)), text
    check_samples(request, compiled, 5)
    check_splits(compiled, 3)


@pytest.mark.parametrize("name", ["typed", "closed", "sections"])
@pytest.mark.parametrize("limited", ["pattern", "length", "format", "null-too"])
def test_in_every_syntax(name: str, limited: str) -> None:
    request = replace(QUESTION, tools=(asking(LIMITED[limited][0]), BARE))
    compiled = compile_prompt(request, template(name))
    assert (compiled.style, compiled.warnings) == ("native", ())
    check_samples(request, compiled, 10)


def test_no_limited_string_holds_what_ends_it() -> None:
    request = replace(QUESTION, tools=(asking({"type": "string", "minLength": 1, "maxLength": 40}),))
    grammar = grammar_from_gbnf(compile_prompt(request, template("keyed")).grammar or "")
    assert accepts(grammar, KEYED.format("a </parameter"))
    assert not accepts(grammar, KEYED.format("a </parameter> b"))
    assert not accepts(grammar, KEYED.format("a\n</parameter>\n</function>\n</call>"))


def test_a_large_max_length_leaves_out_what_begins_like_the_end() -> None:
    request = replace(QUESTION, tools=(asking({"type": "string", "maxLength": 1500}),))
    compiled = compile_prompt(request, template("keyed"))
    assert (compiled.style, compiled.warnings) == ("native", ())
    grammar = grammar_from_gbnf(compiled.grammar or "")
    assert accepts(grammar, KEYED.format("x" * 1500))
    assert not accepts(grammar, KEYED.format("x" * 1501))
    assert not accepts(grammar, KEYED.format("<"))


def test_a_string_that_cannot_be_written_as_text_is_written_as_json() -> None:
    request = replace(QUESTION, tools=(asking({"type": "string", "pattern": "^</parameter>$"}),))
    compiled = compile_prompt(request, template("keyed"))
    assert compiled.style == "native"
    assert [warning.code for warning in compiled.warnings] == ["style_fallback"]
    check_samples(request, compiled, 3)
