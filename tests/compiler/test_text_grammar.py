"""Grammars that callers write: their languages, their errors, and answers that keep to them."""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.errors import RequestError, UnsupportedError
from promptweave.compiler.request import GrammarSyntax, TextGrammar, ToolChoice
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.compiler.text_grammar.embed import embed_text, read_text_grammar
from promptweave.output.grammar.expr import Grammar, Rules
from promptweave.output.grammar.prefixes import is_viable_prefix
from promptweave.output.grammar.safety import check_safe
from tests.support.compiler.templates import CORPUS, template
from tests.support.compiler.tool_calls import QUESTION, calls_of, read
from tests.support.output.engine_grammar import Judge, engine_or_reader
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts, sample

GBNF, LARK, REGEX = GrammarSyntax.GBNF, GrammarSyntax.LARK, GrammarSyntax.REGEX


def language(syntax: GrammarSyntax, definition: str, *, as_json: bool = False) -> Grammar:
    rules = Rules()
    expr = embed_text(read_text_grammar(TextGrammar(syntax, definition)), rules, as_json=as_json)
    grammar = rules.grammar(expr)
    check_safe(grammar)
    return grammar


CALCULATOR = """
// sums of products
start: expr
expr: term (SP ADD SP term)* -> add
    | term
term: factor (SP MUL SP factor)* -> mul | factor
?factor.2: INT | "(" expr ")"
SP: " "
ADD: "+"
MUL: "*"
%import common.INT
"""

LANGUAGES: list[Any] = [
    pytest.param(GBNF, 'root ::= "a" | "b" # or\n | "cd"', ["a", "b", "cd"], ["", "ab"], id="gbnf-choice"),
    pytest.param(GBNF, 'root ::= (\n"a"\n "b"\n)\n\n', ["ab"], ["a"], id="gbnf-lines-in-a-group"),
    pytest.param(GBNF, 'root ::= "\\x41\\U0001F600\\n\\t\\"\\\\"', ['A\U0001f600\n\t"\\'], ["A"], id="gbnf-escapes"),
    pytest.param(GBNF, "root ::= [^a-c\\]-]+", ["xyz", "\U0001f600"], ["", "b", "]", "x-"], id="gbnf-class"),
    pytest.param(GBNF, "root ::= [a-]{2}", ["a-", "--"], ["b", "a"], id="gbnf-class-with-a-dash"),
    pytest.param(GBNF, 'root ::= "a"{2,3} "b"{2,} "c"{1}', ["aabbc", "aaabbbc"], ["abbc", "aabc"], id="gbnf-counts"),
    pytest.param(GBNF, 'root ::= ([ ]* "x"?)* end_1\nend_1 ::= "."', [".", " x  x."], ["y."], id="gbnf-empty-repeated"),
    pytest.param(
        GBNF, 'root ::= e\ne ::= e "+" t | t\nt ::= [0-9] | "(" e ")"', ["1+2+3", "(1+2)"], ["1+", "+1"], id="gbnf-left"
    ),
    pytest.param(GBNF, 'root ::= "a" root "b" |', ["", "aabb"], ["aab"], id="gbnf-not-regular"),
    pytest.param(GBNF, 'root ::= "x"{2500} .', ["x" * 2501], ["x" * 2500], id="gbnf-many"),
    pytest.param(LARK, CALCULATOR, ["1", "(1 + 2) * 30"], ["1+2", "(1"], id="lark-openais-example"),
    pytest.param(
        LARK,
        'start: A~2 B~1..2 C{1,2}\nA: "a".."c"\nB: "x"i\nC: /[^\\/"]/',
        ["abXxq", "ccx."],
        ["abX", 'ccx"'],
        id="lark-counts",
    ),
    pytest.param(LARK, 'start: [a] "!"?\na: "y" | a "z"', ["", "yzz!", "!"], ["z"], id="lark-optional"),
    pytest.param(
        LARK, 'start: W ("," W)*\nW: /[a-z]+/\n%ignore " "\n', ["a,b", " a , b ", "ab ,c"], ["a b"], id="lark-ignore"
    ),
    pytest.param(LARK, "start: NUMBER\n%import common (NUMBER, WS)\n", ["12", "1.5", "1e3"], ["-1", "x"], id="lark-import"),
    pytest.param(LARK, "start: N\n%import common.SIGNED_INT -> N\n", ["-12"], ["1.5"], id="lark-import-as"),
    pytest.param(REGEX, "a|b", ["a", "b"], ["ab", "xa", ""], id="regex-whole"),
    pytest.param(REGEX, r"^\d{4}-(?!00)\d\d$", ["2024-05"], ["2024-00", "a2024-05"], id="regex-look-ahead"),
    pytest.param(REGEX, r"(?:ha){2,}\.?|", ["", "haha", "hahaha."], ["ha"], id="regex-groups"),
]


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with engine_or_reader() as found:
        yield found


@pytest.mark.parametrize(("syntax", "definition", "members", "others"), LANGUAGES)
def test_languages(judge: Judge, syntax: GrammarSyntax, definition: str, members: list[str], others: list[str]) -> None:
    expected = [True] * len(members) + [False] * len(others)
    texts = members + others
    assert judge(language(syntax, definition), texts) == expected
    spelled = [json.dumps(text, ensure_ascii=False) for text in texts]
    assert judge(language(syntax, definition, as_json=True), spelled) == expected


@pytest.mark.parametrize("source", [r"[a-z]+\d?", r"(a|bc){2,5}x*", r"\w\s\W", r"[^\d]{3}(?:x|y)?"])
def test_texts_of_a_regular_expression_match_it_whole(source: str) -> None:
    grammar = language(REGEX, source)
    for seed in range(30):
        assert re.fullmatch(source, sample(grammar, random.Random(seed)))


DOUBLING = "\n".join(
    ["root ::= a60", *(f"a{n} ::= a{n - 1} | b{n - 1}\nb{n} ::= b{n - 1} | a{n - 1}" for n in range(1, 61))]
)
"""Without the last two rules: each rule refers to two others, so that there are 2^60 ways to its first character."""

REFUSED: list[Any] = [
    pytest.param(GBNF, f"{DOUBLING}\na0 ::= [a-z]+\nb0 ::= [0-9]+", "too many parses for an engine", id="doubling"),
    pytest.param(GBNF, 'root ::= a\na ::= "x" b', "line 2, column 11: rule 'b' is not defined", id="undefined"),
    pytest.param(GBNF, 'rot ::= "x"', "line 1, column 1: missing start rule 'root'", id="no-root"),
    pytest.param(GBNF, 'root ::= "x"\n root ::= "y"', "line 2, column 2: duplicate rule 'root'", id="twice"),
    pytest.param(
        GBNF,
        'root ::= "x',
        "line 1, column 12: unexpected end of text, expected '\"' at the end of the literal",
        id="open-literal",
    ),
    pytest.param(
        GBNF,
        "root ::= [a",
        "line 1, column 12: unexpected end of text, expected ']' at the end of the class",
        id="open-class",
    ),
    pytest.param(GBNF, 'root ::= ("a"', "line 1, column 14: unexpected end of text, expected ')'", id="open-group"),
    pytest.param(GBNF, 'root ::= "a")', "line 1, column 13: unmatched ')'", id="closed-group"),
    pytest.param(GBNF, "root = 3", "line 1, column 6: expected '::=' after the rule name 'root'", id="no-sign"),
    pytest.param(GBNF, "root ::= [z-a]", "line 1, column 10: range 'z' to 'a' is out of order", id="range"),
    pytest.param(
        GBNF, 'root ::= "a"{3,2}', "line 1, column 13: repetition of 3 to 2 times: numbers out of order", id="count"
    ),
    pytest.param(GBNF, 'root ::= "\\q"', "line 1, column 11: unknown escape \\q", id="escape"),
    pytest.param(
        GBNF,
        'root ::= a\na ::= b "x"\nb ::= ""? a "y" | "z"',
        "line 2, column 1: rule 'a' is left-recursive",
        id="left",
    ),
    pytest.param(GBNF, 'root ::= "x" root', "line 1, column 1: 'root' matches no finite text", id="endless"),
    pytest.param(GBNF, 'root ::= s\ns ::= "z" | "(" s ")" | p s "]"\np ::= "("', "has too many parses", id="ambiguous"),
    pytest.param(GBNF, "root ::= <think>", "line 1, column 10: tokens (<...>) are not supported", id="token"),
    pytest.param(GBNF, "root ::= " + "(" * 100, "groups nested more than 60 levels deep", id="deep"),
    pytest.param(LARK, "start: A", "line 1, column 8: rule 'A' is not defined", id="lark-undefined"),
    pytest.param(LARK, "a: /x/", "missing start rule 'start'", id="lark-no-start"),
    pytest.param(LARK, "start: /(?=a)a/", "line 1, column 8: regular expression", id="lark-look-ahead"),
    pytest.param(LARK, "start: /a/i", "line 1, column 8: regular expression flag 'i'", id="lark-flag"),
    pytest.param(LARK, "start: x{A}\nx{a}: a", "line 1, column 9: templates are not supported", id="lark-template"),
    pytest.param(LARK, "start: A\n%declare A", "line 2, column 1: %declare is not supported", id="lark-declare"),
    pytest.param(LARK, "start: A\n%import python.A", "line 2, column 1: only Lark's common terminals", id="lark-import"),
    pytest.param(REGEX, "(a", "unmatched (", id="regex-group"),
    pytest.param(REGEX, "a^b", "it matches no text", id="regex-empty"),
    pytest.param(REGEX, "(a{1000}){1000}", "more than", id="regex-large"),
]


@pytest.mark.parametrize(("syntax", "definition", "why"), REFUSED)
def test_refusals_name_line_and_column(syntax: GrammarSyntax, definition: str, why: str) -> None:
    with pytest.raises((RequestError, UnsupportedError)) as raised:
        read_text_grammar(TextGrammar(syntax, definition))
    assert why in raised.value.message
    assert raised.value.path == "/response_format/grammar/definition"


def test_what_may_begin_like_a_text() -> None:
    grammar = read_text_grammar(TextGrammar(GBNF, 'root ::= "a" ("b"{2} | [c-d]+ x)\nx ::= "" | "!"'))
    assert [is_viable_prefix(grammar, text) for text in ("", "a", "abb", "acdd!", "ab!", "b")] == [
        True,
        True,
        True,
        True,
        False,
        False,
    ]


# -- answers --

ANSWERS = [
    pytest.param(TextGrammar(REGEX, r"[a-f0-9]{2,8}"), id="regex"),
    pytest.param(TextGrammar(GBNF, 'root ::= "\\n\\n"? [<"{}\\\\a-z\\n]{1,20} "</call>"?'), id="like-syntax"),
    pytest.param(TextGrammar(GBNF, "root ::= .{0,30}"), id="anything"),
    pytest.param(TextGrammar(LARK, CALCULATOR), id="lark"),
]
TEMPLATES = [
    *(pytest.param(template(name), id=name) for name in ("tagged", "listed", "bare")),
    *(
        pytest.param(ChatTemplate(path.read_text(), "<s>", "</s>"), id=path.stem, marks=pytest.mark.slow)
        for path in sorted(CORPUS.glob("*.jinja"))
    ),
]


@pytest.mark.parametrize("choice", ["none", "auto"])
@pytest.mark.parametrize("wanted", ANSWERS)
@pytest.mark.parametrize("given", TEMPLATES)
def test_whatever_the_grammar_admits_is_read_as_meant(given: ChatTemplate, wanted: TextGrammar, choice: str) -> None:
    tool_choice = ToolChoice(names=()) if choice == "none" else ToolChoice()
    compiled = compile_prompt(replace(QUESTION, response_format=wanted, tool_choice=tool_choice), given)
    assert compiled.grammar
    grammar, asked = grammar_from_gbnf(compiled.grammar), language(wanted.syntax, wanted.definition)
    answers = 0
    for seed in range(60):
        text = sample(grammar, random.Random(seed))
        message, complete = read(compiled, text)
        assert complete, text
        if message.tool_calls:
            assert choice == "auto"
            assert calls_of(message)
        else:
            assert accepts(asked, message.content or ""), text
            answers += 1
    assert answers or choice == "auto"


def test_an_answer_that_could_be_a_call_is_written_in_the_envelope() -> None:
    wanted = TextGrammar(GBNF, 'root ::= "<call>\\n{" .*')
    compiled = compile_prompt(replace(QUESTION, response_format=wanted), template("tagged"))
    assert compiled.style == "generic"
    assert [warning.code for warning in compiled.warnings] == ["style_fallback"]


def test_an_answer_that_could_be_a_thought_is_given_without_one() -> None:
    wanted = TextGrammar(REGEX, "<think>.*")
    compiled = compile_prompt(replace(QUESTION, tools=(), response_format=wanted), template("tagged"))
    assert [warning.code for warning in compiled.warnings] == ["reasoning_left_out"]
    message, _ = read(compiled, " about it".removeprefix(compiled.syntax.prefix))
    assert message.reasoning_content is None
