"""What a template leaves to us: it tells how calls are written and writes none, or it writes calls and shows no tools."""

import json
from dataclasses import replace

import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.profile import profile
from promptweave.compiler.request import Call, Message, Role, Tool
from promptweave.compiler.template import ChatTemplate

from .test_compile import CHOICES, QUESTION, check_samples, read
from .test_derive import WIDE_QUESTION, check_splits

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
    Message(Role.ASSISTANT, "wait", tool_calls=(Call("c", "get_weather", '{"unit": "c", "n": 3}'),)),
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


@pytest.mark.parametrize("name", TELLS)
@pytest.mark.parametrize("choice", CHOICES)
def test_told_calls_are_enforced(name: str, choice: str) -> None:
    request = replace(WIDE_QUESTION, tool_choice=CHOICES[choice])
    compiled = compile_prompt(request, told(name))
    check_samples(request, compiled, 5)
    check_splits(compiled, 2)


def test_results_of_calls_that_are_text_stand_in_their_order() -> None:
    called = tuple(Call(name, "get_weather", '{"unit": "c", "n": 3}') for name in "ab")
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
    compiled = compile_prompt(replace(WIDE_QUESTION, messages=HISTORY), ChatTemplate(_HIDDEN))
    system = compiled.prompt.partition("<|end|>")[0]
    assert "get_weather_forecast" in system
    assert '<call>NAME:{"key": "value"}</call>' in system
    call = '<call>get_weather:{"unit": "c", "n": 3}</call>'
    assert f"<|assistant|>wait<|end|><|assistant|>{call}<|end|><|tool|>sunny<|end|><|assistant|>" in compiled.prompt
    assert [(warning.code, warning.path) for warning in compiled.warnings] == [("content_moved", "/messages/2")]


def test_the_words_of_a_syntax_told_are_the_template_s() -> None:
    tool = Tool("f", "", {"type": "object", "properties": {"ok": {"type": "boolean"}, "t": {"type": "string"}}})
    source = "<|im_start|>system\nList of tools: {{ tools | tojson }}" + _ECHO.replace("TELLS", "")
    compiled = compile_prompt(replace(QUESTION, tools=(tool,)), ChatTemplate(source))
    message, complete = read(compiled, '<|tool_call_start|>[f(ok=True, t="a\\"b")]<|tool_call_end|>')
    assert complete
    assert json.loads(message.tool_calls[0].arguments) == {"ok": True, "t": 'a"b'}
