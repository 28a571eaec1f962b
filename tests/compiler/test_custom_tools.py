"""Custom tools: called with text, in every style, beside functions; what the history holds of them is rendered alike."""

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.errors import RequestError
from promptweave.compiler.request import ChatRequest, GrammarSyntax, Message, Role, TextGrammar, Tool, ToolCall, ToolChoice
from promptweave.compiler.styles.custom_tools import input_arguments, input_parameters
from promptweave.compiler.template.chat_template import ChatTemplate
from tests.compiler.test_text_grammar import CALCULATOR, language
from tests.support.compiler.templates import CORPUS, template
from tests.support.compiler.tool_calls import FORECAST, read
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts, sample


def custom(name: str, grammar: TextGrammar | None = None) -> Tool:
    return Tool(name, "Runs it", input_parameters(grammar), custom=True, grammar=grammar)


FREE = custom("run")
LIMITED = custom("calculate", TextGrammar(GrammarSyntax.LARK, CALCULATOR))
QUOTED = custom("quote", TextGrammar(GrammarSyntax.GBNF, 'root ::= "\\"" [^"]{1,9} "\\"\\n"'))
QUESTION = ChatRequest((Message(Role.USER, "Compute it."),), (FORECAST, FREE, LIMITED, QUOTED), ToolChoice(required=True))
GRAMMARS = {tool.name: tool.grammar for tool in QUESTION.tools if tool.grammar}

TEMPLATES: list[Any] = [
    *(pytest.param(template(name), id=name) for name in ("tagged", "listed", "bare")),
    *(
        pytest.param(ChatTemplate(path.read_text(), "<s>", "</s>"), id=path.stem, marks=pytest.mark.slow)
        for path in sorted(CORPUS.glob("*.jinja"))
    ),
]


@pytest.mark.parametrize("style", ["", "hermes", "functionary_v2", "generic"])
@pytest.mark.parametrize("given", TEMPLATES)
def test_every_call_has_a_name_and_an_input_of_its_grammar(given: ChatTemplate, style: str) -> None:
    compiled = compile_prompt(replace(QUESTION, style=style), given)
    assert compiled.grammar
    grammar = grammar_from_gbnf(compiled.grammar)
    called = set()
    for seed in range(40):
        message, complete = read(compiled, sample(grammar, random.Random(seed)))
        assert complete
        for call in message.tool_calls:
            called.add(call.name)
            assert call.custom == (call.name != FORECAST.name)
            if call.name in GRAMMARS:
                wanted = GRAMMARS[call.name]
                assert accepts(language(wanted.syntax, wanted.definition), call.arguments)
            elif not call.custom:
                assert isinstance(json.loads(call.arguments), dict)
    assert called


@pytest.mark.parametrize("given", TEMPLATES)
def test_a_free_input_in_the_templates_own_syntax(given: ChatTemplate) -> None:
    compiled = compile_prompt(replace(QUESTION, tools=(FREE,), parallel_tool_calls=False), given)
    assert compiled.grammar
    for seed in range(10):
        message, complete = read(compiled, sample(grammar_from_gbnf(compiled.grammar), random.Random(seed)))
        assert complete
        assert [(call.name, call.custom) for call in message.tool_calls] == [("run", True)]


def test_the_input_is_the_text_that_the_arguments_spell() -> None:
    named = replace(QUESTION, tool_choice=ToolChoice(required=True, names=("run",), once=True))
    compiled = compile_prompt(named, template("listed"))
    text = '[CALLS][{"function": "run", "with": {"input": "say \\"hi\\"\\n\\u00e9"}}]'
    message, complete = read(compiled, text.removeprefix(compiled.syntax.prefix))
    assert complete
    assert [(call.name, call.arguments, call.custom) for call in message.tool_calls] == [("run", 'say "hi"\n\u00e9', True)]


def test_the_history_shows_calls_as_they_are_to_be_written() -> None:
    call = ToolCall("call_1", "run", input_arguments("ls 'a b'"))
    history = (
        Message(Role.USER, "List it."),
        Message(Role.ASSISTANT, None, tool_calls=(call,)),
        Message(Role.TOOL, "a b", tool_call_id="call_1"),
    )
    prompt = compile_prompt(replace(QUESTION, messages=history), template("tagged")).prompt
    assert '<call>\n{"name": "run", "arguments": {"input": "ls \'a b\'"}}\n</call>' in prompt
    assert '"name": "calculate"' in prompt
    assert "Keeps to this Lark grammar" in prompt


def test_a_grammar_is_refused_where_it_stands() -> None:
    wrong = TextGrammar(GrammarSyntax.REGEX, "(a", pointer="/tools/0/custom/grammar/definition")
    with pytest.raises(RequestError) as raised:
        compile_prompt(replace(QUESTION, tools=(custom("wrong", wrong),)), template("tagged"))
    assert raised.value.path == "/tools/0/custom/grammar/definition"


def test_names_are_checked_as_those_of_functions() -> None:
    with pytest.raises(RequestError) as raised:
        compile_prompt(replace(QUESTION, tools=(FORECAST, custom(""))), template("tagged"))
    assert raised.value.path == "/tools/1/custom/name"
