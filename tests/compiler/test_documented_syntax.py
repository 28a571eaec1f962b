"""Templates that only document the syntax of calls, and templates that write calls but do not show tools."""

import json
from dataclasses import replace

import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.profile.profile import profile
from promptweave.compiler.request import Message, Role, Tool, ToolCall
from promptweave.compiler.styles.answer import PLAIN
from promptweave.compiler.styles.arguments import KEY, ArgumentSyntax, Form
from promptweave.compiler.styles.calls_as_content import CalledTool, write_answer
from promptweave.compiler.template.chat_template import ChatTemplate
from tests.support.compiler.tool_calls import CHOICES, QUESTION, WIDE_QUESTION, check_samples, check_splits, read
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts

_ECHO = (
    "{%- if tools %}<|system|>TELLS{{ tools | tojson }}<|end|>{% endif %}"
    "{%- for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{%- if add_generation_prompt %}<|assistant|>{% endif %}"
)
_HIDDEN = (
    "{%- for m in messages %}<|{{ m.role }}|>"
    "{%- if m.content is none %}{% for c in m.tool_calls %}<call>{{ c.function.name }}:{{ c.function.arguments }}</call>"
    "{% endfor %}{% else %}{{ m.content }}{% endif %}<|end|>{% endfor %}"
    "{%- if add_generation_prompt %}<|assistant|>{% endif %}"
)
TELLS = {
    "example": 'write <do>\n{"name": <name>, "parameters": <object>}\n</do> for each call. ',
    "phrase": "respond only with <|tool_call|> followed by a JSON list of tools used. ",
}
CALLS = {
    "example": '<do>\n{"name": "get_weather", "parameters": {"unit": "c", "n": 3}}\n</do>',
    "phrase": '<|tool_call|>[{"name": "get_weather", "arguments": {"unit": "c", "n": 3}}]',
}
HISTORY = (
    *QUESTION.messages,
    Message(Role.ASSISTANT, "wait", tool_calls=(ToolCall("c", "get_weather", '{"unit": "c", "n": 3}'),)),
    Message(Role.TOOL, "sunny", tool_call_id="c"),
)


def told(name: str) -> ChatTemplate:
    return ChatTemplate(_ECHO.replace("TELLS", TELLS[name]))


@pytest.mark.parametrize("name", TELLS)
def test_calls_that_a_template_tells_of_are_written_as_content(name: str) -> None:
    known = profile(told(name))
    assert (known.style, known.calls_as_content) == ("native", True)
    compiled = compile_prompt(replace(WIDE_QUESTION, messages=HISTORY), told(name))
    lead = "\n" if name == "example" else ""
    assert f"<|assistant|>wait{lead}{CALLS[name]}<|end|><|tool|>sunny<|end|><|assistant|>" in compiled.prompt
    assert compiled.warnings == ()
    message, complete = read(compiled, f"wait{lead}{CALLS[name]}")
    assert (message.content, message.tool_calls[0].name, complete) == ("wait", "get_weather", True)
    assert json.loads(message.tool_calls[0].arguments) == {"unit": "c", "n": 3}


def test_the_placeholder_for_a_key_may_be_in_a_value() -> None:
    """Marks of special tokens are the same character."""
    form = Form(f"<{KEY}>", f"</{KEY}>", raw=True)
    syntax = profile(told("example")).calls
    assert syntax
    syntax = replace(syntax, arguments=ArgumentSyntax("", "", ";", {"string": form}))
    text = write_answer(syntax, PLAIN, None, [CalledTool("f", {"a": f"<{KEY}/s>", "b": "c"})])
    assert f"a<a><{KEY}/s></a>;b<b>c</b>" in text


@pytest.mark.parametrize("name", TELLS)
@pytest.mark.parametrize("choice", CHOICES)
def test_told_calls_are_enforced(name: str, choice: str) -> None:
    request = replace(WIDE_QUESTION, tool_choice=CHOICES[choice])
    compiled = compile_prompt(request, told(name))
    check_samples(request, compiled, 5)
    check_splits(compiled, 2)


def test_results_of_calls_that_are_text_stand_in_their_order() -> None:
    called = tuple(ToolCall(name, "get_weather", '{"unit": "c", "n": 3}') for name in "ab")
    results = (Message(Role.TOOL, "second", tool_call_id="b"), Message(Role.TOOL, "first", tool_call_id="a"))
    messages = (*QUESTION.messages, Message(Role.ASSISTANT, None, tool_calls=called), *results)
    prompt = compile_prompt(replace(WIDE_QUESTION, messages=messages), told("phrase")).prompt
    assert "<|tool|>first<|end|><|tool|>second<|end|>" in prompt


def test_a_template_that_changes_content_is_not_told_to_write_calls() -> None:
    source = _ECHO.replace("TELLS", TELLS["example"]).replace("m.content }}", "m.content | replace('<do>', '') }}")
    assert profile(ChatTemplate(source)).style == "generic"


def test_tools_that_a_template_does_not_show_are_told_with_its_own_syntax() -> None:
    """The template writes calls only where content is null, and arguments as the text that it is given."""
    known = profile(ChatTemplate(_HIDDEN))
    assert (known.style, known.tools_published, known.null_beside_calls) == ("native", False, True)
    assert "content next to calls is passed to the template as null" in known.notes
    compiled = compile_prompt(replace(WIDE_QUESTION, messages=HISTORY), ChatTemplate(_HIDDEN))
    system = compiled.prompt.partition("<|end|>")[0]
    assert "get_weather_forecast" in system
    assert '<call>NAME:{"key": "value"}</call>' in system
    call = '<call>get_weather:{"unit": "c", "n": 3}</call>'
    assert f"<|assistant|>wait<|end|><|assistant|>{call}<|end|><|tool|>sunny<|end|><|assistant|>" in compiled.prompt
    assert [(warning.code, warning.path) for warning in compiled.warnings] == [("content_moved", "/messages/2")]


_CODE = ChatTemplate("<|im_start|>system\nList of tools: {{ tools | tojson }}" + _ECHO.replace("TELLS", ""))
PLACES = Tool(
    "f",
    "",
    {
        "type": "object",
        "properties": {
            "ok": {"type": "boolean"},
            "text": {"type": "string", "minLength": 2},
            "places": {
                "type": "array",
                "items": {"type": "object", "properties": {"on": {"type": ["boolean", "null"]}, "n": {"enum": [1, 2]}}},
            },
        },
    },
)


def test_python_s_literals_keep_to_the_schema_at_any_depth() -> None:
    request = replace(QUESTION, tools=(PLACES,))
    compiled = compile_prompt(request, _CODE)
    assert (compiled.style, compiled.warnings) == ("native", ())
    text = '<|tool_call_start|>[f(ok=True, text="a\\"b", places=[{"on": None, "n": 2}, {}])]<|tool_call_end|>'
    meant = {"ok": True, "text": 'a"b', "places": [{"on": None, "n": 2}, {}]}
    message, complete = read(compiled, text)
    assert complete
    assert json.loads(message.tool_calls[0].arguments) == meant
    grammar = grammar_from_gbnf(compiled.grammar or "")
    assert accepts(grammar, text)
    for wrong in (text.replace("2}", "3}"), text.replace('a\\"b', "a"), text.replace("None", "null")):
        assert not accepts(grammar, wrong)
    called = Message(Role.ASSISTANT, None, tool_calls=(ToolCall("c", "f", json.dumps(meant)),))
    assert text in compile_prompt(replace(request, messages=(*QUESTION.messages, called)), _CODE).prompt
    check_samples(request, compiled, 20)
    check_splits(compiled, 5)
