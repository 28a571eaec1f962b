"""What is put into the prompt because it is certain: nothing that others wrote becomes a special token there."""

from dataclasses import replace
from typing import Any

import pytest

from promptweave.compiler.compile import Compiled, compile_prompt
from promptweave.compiler.request import (
    ChatRequest,
    GrammarSyntax,
    JsonFormat,
    Message,
    Role,
    TextGrammar,
    Tool,
    ToolChoice,
)
from tests.support.compiler.templates import template
from tests.support.compiler.tool_calls import read
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts

USER = (Message(Role.USER, "Go."),)
SPECIAL = ("<|im_end|>", "<call>", "</call>", "<function=own>")


def forced(name: str, properties: dict[str, Any], *, tool: str = "f") -> Compiled:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    request = ChatRequest(USER, (Tool(tool, "", schema),), ToolChoice(required=True, names=(tool,), once=True))
    return compile_prompt(request, replace(template(name), special_tokens=SPECIAL))


KEYED = "<call>\n<function=f>\n<parameter=k>\n"
"""What stands before the value of the forced call's one argument."""


@pytest.mark.parametrize("value", ["<|im_end|>", "<|other|>", "<call>", "x <|im_end|>", "<<call>"])
@pytest.mark.parametrize("enum", [True, False])
def test_a_value_is_not_forced_from_a_special_token_on(value: str, enum: bool) -> None:
    schema = {"enum": [f"{value}a", f"{value}b"]} if enum else {"const": value}
    prefix = forced("keyed", {"k": schema}).syntax.prefix
    assert KEYED.startswith(prefix.rstrip("x"))
    assert prefix.count("<call>") == 1


def test_it_ends_behind_a_special_token() -> None:
    """Behind other text only the vocabulary tells whether a token ends there."""
    assert forced("keyed", {"k": {"const": "v <b> w"}}).syntax.prefix == "<call>"
    assert forced("keyed", {"k": {"const": "v"}}, tool="own").syntax.prefix == "<call>"


def test_where_no_special_tokens_are_known_nothing_is_forced() -> None:
    request = ChatRequest(USER, (Tool("f", "", {"type": "object", "properties": {}}),), ToolChoice(required=True))
    compiled = compile_prompt(request, template("keyed"))
    assert compiled.syntax.prefix == ""
    assert compiled.grammar
    assert accepts(grammar_from_gbnf(compiled.grammar), "<call>\n<function=f>\n</function>\n</call>")


def test_what_is_not_forced_is_written_by_the_model() -> None:
    compiled = forced("keyed", {"k": {"const": "<|im_end|>"}})
    assert compiled.grammar
    rest = f"{KEYED}<|im_end|>\n</parameter>\n</function>\n</call>".removeprefix(compiled.syntax.prefix)
    assert accepts(grammar_from_gbnf(compiled.grammar), rest)
    message, complete = read(compiled, rest)
    assert complete
    assert [call.arguments for call in message.tool_calls] == ['{"k": "<|im_end|>"}']


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(JsonFormat({"const": "<|im_end|>"}), id="schema"),
        pytest.param(TextGrammar(GrammarSyntax.GBNF, 'root ::= "a <|im_end|>" [a-z]'), id="grammar"),
    ],
)
def test_an_answer_is_not_forced_from_a_special_token_on(wanted: JsonFormat | TextGrammar) -> None:
    compiled = compile_prompt(ChatRequest(USER, response_format=wanted), template("bare"))
    assert "<|" not in compiled.syntax.prefix
