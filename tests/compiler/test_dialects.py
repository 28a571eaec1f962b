"""Whole compiled prompts in both notations: the same language, by our reader of GBNF and by llguidance's own matcher."""

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from promptweave.compiler.compile import Compiled, compile_prompt
from promptweave.compiler.request import ChatRequest, GrammarSyntax, JsonFormat, TextGrammar, Tool, ToolChoice
from promptweave.compiler.service.convert import compiled_to_wire
from promptweave.compiler.styles.custom_tools import input_parameters
from promptweave.compiler.template.chat_template import ChatTemplate
from tests.output.test_lark import judged
from tests.support.compiler.templates import TEMPLATES, template
from tests.support.compiler.tool_calls import QUESTION, SCHEMA, read
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts, sample

OURS = sorted(path.stem for path in TEMPLATES.glob("*.jinja"))
NESTED = TextGrammar(
    GrammarSyntax.LARK, 'start: "[" (start ("," start)*)? "]" | /[a-c]/ | "é"i', pointer="/tools/0/custom/grammar"
)
CUSTOM = Tool("draw", "Draws", input_parameters(NESTED), custom=True, grammar=NESTED)
REQUESTS = {
    "auto": QUESTION,
    "required": replace(QUESTION, tool_choice=ToolChoice(required=True)),
    "named": replace(QUESTION, tool_choice=ToolChoice(required=True, names=("get_weather",), once=True)),
    "generic": replace(QUESTION, style="generic"),
    "schema": replace(QUESTION, tools=(), response_format=JsonFormat(SCHEMA)),
    "custom": replace(QUESTION, tools=(CUSTOM,), tool_choice=ToolChoice(required=True)),
    "grammar": replace(
        QUESTION, tools=(), response_format=TextGrammar(GrammarSyntax.GBNF, 'root ::= "(" root ")" | [0-9]+')
    ),
    "budget": replace(QUESTION, tool_choice=ToolChoice(required=True), reasoning_budget=5),
}


def both(request: ChatRequest, given: ChatTemplate) -> tuple[Compiled, Compiled]:
    return compile_prompt(request, given), compile_prompt(replace(request, dialect="llguidance"), given)


def mutants(texts: list[str]) -> Iterator[str]:
    """What is near to these texts, and mostly none of the language."""
    for place, text in enumerate(texts):
        cut = random.Random(place).randrange(len(text) + 1)
        yield from (text[:cut], text[:cut] + text[cut + 1 :], f"{text[:cut]}<{text[cut:]}", text + text[-1:])


def agree(gbnf: str, lark: str) -> None:
    grammar = grammar_from_gbnf(gbnf)
    sentences = [sample(grammar, random.Random(seed), budget=60) for seed in range(6)]
    near = [text for text in mutants(sentences) if len(text) < 120]
    assert all(judged(lark, sentences))
    assert judged(lark, near) == [accepts(grammar, text) for text in near]


@pytest.mark.parametrize("name", OURS)
def test_both_are_one_language(name: str) -> None:
    for asked in REQUESTS.values():
        gbnf, lark = both(asked, template(name))
        assert gbnf.grammar
        assert lark.grammar
        agree(gbnf.grammar, lark.grammar)
        assert (gbnf.segments, gbnf.syntax) == (lark.segments, lark.syntax)
        if gbnf.budget:
            assert gbnf.budget.grammar
            assert lark.budget
            assert lark.budget.grammar
            agree(gbnf.budget.grammar, lark.budget.grammar)


@pytest.mark.parametrize("name", ["tagged", "headed", "channels"])
def test_the_parser_reads_whatever_llguidance_allows(name: str) -> None:
    """Texts that llguidance chose, a character at a time among all that it would take."""
    import llguidance

    lark = compile_prompt(replace(REQUESTS["required"], dialect="llguidance"), template(name))
    assert lark.grammar
    tokenizer = llguidance.LLTokenizer("byte")
    matcher = llguidance.LLMatcher(tokenizer, lark.grammar, log_level=0)
    whole = 0
    for seed in range(10):
        dice, text = random.Random(seed), bytearray()
        matcher.reset()
        while len(text) < 3000 and not matcher.is_stopped():
            mask = matcher.compute_bitmask()
            allowed = [byte for byte in range(128) if mask[byte // 8] >> byte % 8 & 1]
            if not allowed or (matcher.is_accepting() and dice.random() < 0.5):
                break
            # Mostly what closes something: else it would go on for ever.
            closing = [byte for byte in allowed if byte in b'"}]</,']
            byte = dice.choice(closing if closing and dice.random() < 0.7 else allowed)
            assert matcher.consume_token(byte)
            text.append(byte)
        if matcher.is_accepting():
            message, complete = read(lark, text.decode())
            assert complete
            assert message.tool_calls
            whole += 1
    assert whole


def wire(**given: Any) -> set[str]:
    """The grammars that a compiled prompt carries."""
    prompt = compiled_to_wire(compile_prompt(replace(REQUESTS["budget"], **given), template("tagged")))
    return {field.name for field, _ in prompt.ListFields() if field.name.startswith(("gbnf", "llguidance"))}


def test_a_prompt_carries_one_notation() -> None:
    assert wire() == {"gbnf", "gbnf_after_reasoning"}
    assert wire(dialect="llguidance") == {"llguidance", "llguidance_after_reasoning"}


def test_tags_that_are_tokens_of_the_vocabulary_are_told() -> None:
    given = replace(template("tagged"), special_tokens=("<call>", "<other>"))
    gbnf, lark = both(REQUESTS["required"], given)
    assert not gbnf.warnings
    (warning,) = lark.warnings
    assert (warning.code, warning.path) == ("tokens_spelled", "/dialects")
    assert "<call>" in warning.message
    assert not both(replace(QUESTION, tools=()), given)[1].warnings
