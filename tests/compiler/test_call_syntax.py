"""Calling styles that are derived: one template of our own for each family, and what must not be derived."""

import json
from dataclasses import replace

import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.profile.profile import Profile, profile
from promptweave.compiler.request import ChatRequest, JsonFormat, Message, Role, Tool, ToolCall
from promptweave.compiler.template.chat_template import ChatTemplate
from tests.support.compiler.templates import template
from tests.support.compiler.tool_calls import (
    BARE,
    CHOICES,
    QUESTION,
    SCHEMA,
    WIDE_QUESTION,
    calls_of,
    check_samples,
    check_splits,
    profile_of,
    read,
)
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts

KEYED = "<call>\n<function=NAME>\n<parameter=key>\nvalue\n</parameter>\n</function>\n</call>"
TYPED = '<invoke name="NAME"><arg name="key" string="true">value</arg></invoke>'
ARG = '<|open|>arg key="key" type="string"<|sep|>value<|close|>arg<|sep|><|close|>call<|sep|>'
LISTED = '{"name": "NAME", "arguments": {"key": "value"}, "id": "ID"}'
COUNTED = '    {{"number": "{}", "tool": "NAME", "with": {{"key": "value"}}}}'
ACTION = '    {\n        "tool_name": "NAME",\n        "parameters": {"key": "value"}\n    }'

# What two calls look like, or one where only one can be written.
SYNTAXES = {
    "ids": f"[CALLS][{LISTED}, {LISTED}]",
    "numbered": "<|calls|>"
    '<|call|>functions.NAME:0<|with|>{"key": "value"}<|done|><|call|>functions.NAME:1<|with|>{"key": "value"}<|done|>'
    "<|called|>",
    "counted": f"<|act|>[{COUNTED.format(0)},\n{COUNTED.format(1)}\n]<|/act|>",
    "keyed": f"{KEYED}\n{KEYED}",
    "typed": f"<calls>{TYPED}{TYPED}</calls>",
    "code": '<|code|>[NAME(key="value"), NAME(key="value")]<|/code|>',
    "braces": "<|call|>NAME{key:<|q|>value<|q|>}<|done|><|call|>NAME{key:<|q|>value<|q|>}<|done|>",
    "headed": 'NAME\n{"key": "value"}>>>NAME\n{"key": "value"}',
    "channels": ' to=functions.NAME<|channel|>calls<|message|>{"key": "value"}',
    "sections": '<|close|>reply<|sep|><|open|>tools<|sep|><|open|>call tool="NAME" index="0"<|sep|>'
    f'{ARG}<|open|>call tool="NAME" index="1"<|sep|>{ARG}<|close|>tools<|sep|><|close|>assistant<|sep|>',
    "trailing": f"\nAction:\n[\n{ACTION},\n{ACTION}\n]",
    "closed": '<x:call name="NAME"><key>value</key></x:call><x:call name="NAME"><key>value</key></x:call>',
}

REASONING = {
    "counted": ("<|think|>", "<|/think|>", ""),
    "typed": ("<think>", "</think>", ""),
    "channels": ("<|channel|>thoughts<|message|>", "<|end|><|start|>assistant", ""),
    "sections": ("<|open|>thought<|sep|>", "<|close|>thought<|sep|><|open|>reply<|sep|>", ""),
    "closed": ("<x:think>", "</x:think>", "</x:think>"),
}

CONTENT = {
    "counted": ("<|text|>", "<|/text|>"),
    "headed": ("all\n", ""),
    "channels": ("<|channel|>answer<|message|>", ""),
    "sections": ("", "<|close|>reply<|sep|><|close|>assistant<|sep|>"),
}


@pytest.mark.parametrize("name", SYNTAXES)
def test_derives(name: str) -> None:
    known = profile_of(name)
    assert known.calls, known.notes
    assert known.calls.example() == SYNTAXES[name]
    reasoning = known.reasoning
    assert (reasoning and (reasoning.opening, reasoning.closing, reasoning.without)) == REASONING.get(name)
    assert (known.answer.header, known.answer.end) == CONTENT.get(name, ("", ""))


def test_says_what_was_noticed() -> None:
    assert "call ids have 9 letters and digits" in profile_of("ids").notes
    assert "only one call per turn is supported" in profile_of("channels").notes
    assert "enable_thinking=True changes the generation prompt to '<|assistant|><|think|>'" in profile_of("counted").notes
    assert profile_of("channels").stops == ("<|return|>", "<|call|>")


# -- what the grammar says is what the parser reads, and what the schemas allow --


@pytest.mark.parametrize("name", SYNTAXES)
@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("parallel", [True, False], ids=["parallel", "single"])
def test_whatever_the_grammar_says_is_a_valid_message(name: str, choice: str, parallel: bool) -> None:
    for wanted in (None, JsonFormat(SCHEMA)):
        request = replace(WIDE_QUESTION, tool_choice=CHOICES[choice], parallel_tool_calls=parallel, response_format=wanted)
        compiled = compile_prompt(request, template(name))
        assert (compiled.style, compiled.warnings) == ("native", ())
        check_samples(request, compiled, 4)
        check_splits(compiled, 2)


@pytest.mark.parametrize("name", [name for name in SYNTAXES if name not in ("headed", "channels")])
def test_reads_what_the_template_writes(name: str) -> None:
    """A call of the history, as the template writes it, is one that the grammar has."""
    said = Message(Role.ASSISTANT, None, tool_calls=(ToolCall("abcdefghi", "get_weather", '{"unit": "c", "n": 3}'),))
    calls = profile_of(name).calls
    assert calls
    messages = (*WIDE_QUESTION.messages, said, Message(Role.USER, "zq"))
    prompt = compile_prompt(replace(WIDE_QUESTION, messages=messages), template(name)).prompt
    written = prompt[prompt.find(calls.opening) :]
    written = written[: written.find(calls.closing) + len(calls.closing)]
    request = replace(WIDE_QUESTION, tool_choice=CHOICES["named"])
    compiled = compile_prompt(replace(request, template_kwargs={"thinking": False}), template(name))
    lead = "</x:think>" if name == "closed" else ""
    message, complete = read(compiled, (lead + written).removeprefix(compiled.syntax.prefix))
    assert (calls_of(message), complete) == ([("get_weather", {"unit": "c", "n": 3})], True)


def test_ids_are_those_that_were_written() -> None:
    compiled = compile_prompt(WIDE_QUESTION, template("ids"))
    call = '{{"name": "get_weather_forecast", "arguments": {{}}, "id": "{}"}}'
    text = f"[CALLS][{call.format('abc123XYZ')}, {call.format('000000000')}]"
    message, complete = read(compiled, text)
    assert ([call.id for call in message.tool_calls], complete) == (["abc123XYZ", "000000000"], True)
    grammar = grammar_from_gbnf(compiled.grammar or "")
    assert accepts(grammar, text)
    assert not accepts(grammar, f"[CALLS][{call.format('abc')}]")


def test_a_name_and_a_number_are_an_id() -> None:
    compiled = compile_prompt(WIDE_QUESTION, template("numbered"))
    text = "<|calls|><|call|>functions.get_weather_forecast:12<|with|>{}<|done|><|called|>"
    message, complete = read(compiled, text)
    assert ([call.id for call in message.tool_calls], complete) == (["functions.get_weather_forecast:12"], True)


# -- key by key arguments: the whole schema is enforced; what this syntax cannot enforce is JSON, or read by its type --


def keyed(*parameters: tuple[str, str]) -> str:
    written = "".join(f"\n<parameter={key}>\n{value}\n</parameter>" for key, value in parameters)
    return f"<call>\n<function=get_weather>{written}\n</function>\n</call>"


@pytest.mark.parametrize(
    ("parameters", "valid"),
    [
        pytest.param([("unit", "c"), ("n", "1")], True, id="required"),
        pytest.param([("any", 'a\n<b> "q" </p'), ("unit", "celsius"), ("n", "-12")], True, id="raw-text"),
        pytest.param([("unit", "c")], False, id="a-required-key-is-missing"),
        pytest.param([("unit", "c"), ("n", "1"), ("n", "1")], False, id="a-key-twice"),
        pytest.param([("unit", "kelvin"), ("n", "1")], False, id="not-in-the-enum"),
        pytest.param([("unit", "c"), ("n", "one")], False, id="no-integer"),
        pytest.param([("unit", "c"), ("n", "1"), ("zq", "1")], False, id="an-unknown-key"),
        pytest.param([("unit", "c"), ("n", "1"), ("ok", "True")], True, id="a-word-of-the-template"),
        pytest.param([("unit", "c"), ("n", "1"), ("ok", "true")], False, id="not-the-template-s-word"),
        pytest.param([("unit", "c"), ("n", "1"), ("x", "None")], True, id="none"),
        pytest.param([("unit", "c"), ("n", "1"), ("obj", '{"a": "r"}')], False, id="deep-in-the-schema"),
    ],
)
def test_key_by_key_arguments_keep_to_the_schema(parameters: list[tuple[str, str]], valid: bool) -> None:
    compiled = compile_prompt(WIDE_QUESTION, template("keyed"))
    text = keyed(*parameters)
    assert accepts(grammar_from_gbnf(compiled.grammar or ""), text) is valid
    if valid:
        message, complete = read(compiled, text)
        assert complete
        words = {"True": True, "None": None}
        arguments = json.loads(message.tool_calls[0].arguments)
        assert list(arguments) == [key for key, _ in parameters]
        for key, value in parameters:
            assert arguments[key] == (int(value) if key == "n" else words.get(value, value))


def test_text_that_spells_null_is_null_where_null_is_allowed() -> None:
    compiled = compile_prompt(WIDE_QUESTION, template("keyed"))
    for value, meant in (("None", None), ("None at all", "None at all"), ("", "")):
        message, _ = read(compiled, keyed(("unit", "c"), ("n", "1"), ("word", value)))
        assert json.loads(message.tool_calls[0].arguments)["word"] == meant


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        pytest.param({"properties": {"a": {"enum": ["x\n</parameter>"]}}}, "/properties/a", id="ends-itself"),
        pytest.param({"properties": {"a>b": {"type": "integer"}}}, "/properties/a>b", id="a-key-like-syntax"),
        pytest.param({"patternProperties": {"^x-": {"type": "string"}}}, "/patternProperties", id="patterns"),
    ],
)
def test_arguments_that_cannot_be_exact_are_one_json_object(schema: dict[str, object], pointer: str) -> None:
    request = replace(QUESTION, tools=(Tool("f", "", {"type": "object", **schema}), BARE))
    compiled = compile_prompt(request, template("keyed"))
    assert compiled.style == "native"
    assert [(warning.code, warning.path) for warning in compiled.warnings] == [
        ("style_fallback", f"/tools/0/function/parameters{pointer}")
    ]
    grammar = grammar_from_gbnf(compiled.grammar or "")
    assert accepts(grammar, "<call>\n<function=get_weather_forecast>\n</function>\n</call>")
    assert accepts(grammar, "<call>\n<function=f>{}\n</function>\n</call>")
    check_samples(request, compiled, 10)


@pytest.mark.parametrize(
    ("schema", "text", "meant"),
    [
        pytest.param({}, "some text", "some text", id="text"),
        pytest.param({}, "10", 10, id="a-number"),
        pytest.param({}, "10 apples", "10 apples", id="begins-like-a-number"),
        pytest.param({}, " 10", " 10", id="white-space-is-text"),
        pytest.param({}, '"10"', '"10"', id="quotes-are-text"),
        pytest.param({}, '{"a": [1, {}]}', {"a": [1, {}]}, id="an-object"),
        pytest.param({}, '{"a": [1, {}]', '{"a": [1, {}]', id="no-object"),
        pytest.param({}, "NaN", "NaN", id="no-json"),
        pytest.param({}, "True", True, id="the-template-s-word"),
        pytest.param({}, "true", True, id="json-s-word"),
        pytest.param({}, "", "", id="nothing"),
        pytest.param({"type": ["string", "number"]}, "10", 10, id="number-or-text"),
        pytest.param({"type": ["string", "number"]}, "[10]", "[10]", id="a-type-that-is-not-allowed"),
        pytest.param({"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 5}]}, "4", "4", id="too-small"),
        pytest.param({"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 5}]}, "5", 5, id="large-enough"),
        pytest.param({"anyOf": [{"pattern": "^[0-9]+$", "type": "string"}, {"type": "null"}]}, "4", "4", id="only-text"),
        pytest.param({"anyOf": [{"pattern": "^[a-z]*$", "type": "string"}, {"type": "integer"}]}, "4", 4, id="only-number"),
        pytest.param({"enum": ["1", 1, "2"]}, "1", 1, id="listed-number"),
        pytest.param({"enum": ["1", 1, "2"]}, "2", "2", id="listed-text"),
        pytest.param(
            {"anyOf": [{"enum": ["auto"]}, {"type": "array"}]}, '["</parameter>"]', ["</parameter>"], id="end-inside"
        ),
    ],
)
def test_text_beside_other_values_is_read_by_its_type(schema: dict[str, object], text: str, meant: object) -> None:
    tool = Tool("get_weather", "", {"type": "object", "properties": {"a": schema}})
    compiled = compile_prompt(replace(QUESTION, tools=(tool, BARE)), template("keyed"))
    assert compiled.style == "native"
    assert accepts(grammar_from_gbnf(compiled.grammar or ""), keyed(("a", text)))
    message, complete = read(compiled, keyed(("a", text)))
    assert (calls_of(message), complete) == ([("get_weather", {"a": meant})], True)
    assert type(json.loads(message.tool_calls[0].arguments)["a"]) is type(meant)
    check_samples(replace(QUESTION, tools=(tool, BARE)), compiled, 5)
    check_splits(compiled, 5)


def test_only_the_ambiguous_parameter_is_warned_of() -> None:
    properties = {"a": {"type": ["string", "number"]}, "b": {"enum": ["auto", 1]}, "c": {"type": ["string", "null"]}}
    compiled = compile_prompt(replace(QUESTION, tools=(Tool("f", "", {"properties": properties}),)), template("keyed"))
    assert [(warning.code, warning.path) for warning in compiled.warnings] == [
        ("keyword_note", "/tools/0/function/parameters/properties/a")
    ]


def test_annotations_keep_the_native_style() -> None:
    value = {"type": "string", "x-hint": 1, "example": "a", "nullable": False}
    schema = {"type": "object", "properties": {"a": value}, "required": ["a"], "x-order": ["a"], "discriminator": {}}
    request = replace(QUESTION, tools=(Tool("f", "", schema), BARE))
    compiled = compile_prompt(request, template("keyed"))
    assert compiled.style == "native"
    assert {warning.code for warning in compiled.warnings} == {"keyword_note"}
    check_samples(request, compiled, 4)


def test_typed_arguments_may_be_text_or_a_number() -> None:
    tool = Tool("f", "", {"type": "object", "properties": {"a": {"type": ["string", "integer"]}}, "required": ["a"]})
    compiled = compile_prompt(replace(QUESTION, tools=(tool,)), template("typed"))
    assert compiled.style == "native"
    for kind, meant in (("true", "3"), ("false", 3)):
        text = f'<calls><invoke name="f"><arg name="a" string="{kind}">3</arg></invoke></calls>'
        assert calls_of(read(compiled, text)[0]) == [("f", {"a": meant})]


# -- headers, ends, and where reasoning stands --


def test_a_tool_named_like_the_header_of_content_gets_another_style() -> None:
    compiled = compile_prompt(replace(QUESTION, tools=(Tool("all"),)), template("headed"))
    assert (compiled.style, [warning.path for warning in compiled.warnings]) == ("generic", ["/tools/0/function/name"])


@pytest.mark.parametrize(
    ("name", "text", "reasoning", "content", "calls"),
    [
        pytest.param("headed", "all\nhi>>>get_weather_forecast\n{}", None, "hi", 1, id="content-then-a-call"),
        pytest.param("headed", "all\nhi", None, "hi", 0, id="a-header"),
        pytest.param("counted", "<|think|>hm<|/think|><|text|>hi<|/text|>", "hm", "hi", 0, id="thought-and-content"),
        pytest.param("counted", "<|text|>hi", None, "hi", 0, id="cut-before-its-end"),
        pytest.param(
            "channels",
            "<|channel|>thoughts<|message|>hm<|end|><|start|>assistant to=functions.get_weather_forecast"
            "<|channel|>calls<|message|>{}",
            "hm",
            None,
            1,
            id="thought-and-a-call-in-channels",
        ),
        pytest.param("closed", "<x:think>hm</x:think>hi", "hm", "hi", 0, id="thought"),
        pytest.param("closed", "</x:think>hi", None, "hi", 0, id="no-thought"),
        pytest.param(
            "sections",
            "hm<|close|>thought<|sep|><|open|>reply<|sep|>hi<|close|>reply<|sep|><|close|>assistant<|sep|>",
            "hm",
            "hi",
            0,
            id="the-prompt-opened-the-thought",
        ),
    ],
)
def test_reads_answers(name: str, text: str, reasoning: str | None, content: str | None, calls: int) -> None:
    compiled = compile_prompt(WIDE_QUESTION, template(name))
    message, complete = read(compiled, text)
    assert (message.reasoning_content, message.content, len(message.tool_calls)) == (reasoning, content, calls)
    assert complete or text == "<|text|>hi"
    assert accepts(grammar_from_gbnf(compiled.grammar or ""), text)


def test_a_prompt_that_forbids_thoughts_leaves_none() -> None:
    request = replace(WIDE_QUESTION, template_kwargs={"thinking": False})
    compiled = compile_prompt(request, template("sections"))
    grammar = grammar_from_gbnf(compiled.grammar or "")
    end = "<|close|>reply<|sep|><|close|>assistant<|sep|>"
    assert accepts(grammar, f"hi{end}")
    assert not accepts(grammar, "<|open|>thought<|sep|>hm<|close|>thought<|sep|><|open|>reply<|sep|>hi<|close|>reply<|sep|>")
    assert (
        "thinking=False changes the generation prompt to '<|open|>assistant<|sep|><|open|>reply<|sep|>'"
        in profile_of("sections").notes
    )


@pytest.mark.parametrize("name", CONTENT)
def test_without_tools_headers_are_taken_off_where_they_are(name: str) -> None:
    request = ChatRequest((Message(Role.USER, "hi"),))
    compiled = compile_prompt(request, template(name))
    header, end = CONTENT[name]
    thought = "<|close|>thought<|sep|><|open|>reply<|sep|>" if name == "sections" else ""
    assert read(compiled, f"{thought}{header}hello{end}")[0].content == "hello"
    assert read(compiled, f"{thought}hello")[0].content == "hello"


# -- functionary_v2, by name, on any template --


@pytest.mark.parametrize("name", ["tagged", "bare", "keyed", "closed"])
@pytest.mark.parametrize("choice", CHOICES)
def test_functionary_v2_works_with_any_template(name: str, choice: str) -> None:
    request = replace(WIDE_QUESTION, tool_choice=CHOICES[choice], style="functionary_v2")
    compiled = compile_prompt(request, template(name))
    assert compiled.style == "functionary_v2"
    assert "get_weather_forecast" in compiled.prompt
    check_samples(request, compiled, 5)
    check_splits(compiled, 3)


def test_functionary_v2_says_to_whom() -> None:
    history = (
        Message(Role.USER, "q"),
        Message(Role.ASSISTANT, "wait", tool_calls=(ToolCall("c", "get_weather", '{"unit": "c"}'),)),
        Message(Role.TOOL, "sunny", tool_call_id="c"),
    )
    compiled = compile_prompt(replace(WIDE_QUESTION, messages=history, style="functionary_v2"), template("tagged"))
    call = '<|from|>assistant\n<|recipient|>get_weather\n<|content|>\n{"unit": "c"}'
    assert f"<|recipient|>all\n<|content|>wait\n{call}" in compiled.prompt
    assert "<|from|>get_weather\n<|recipient|>all\n<|content|>sunny" in compiled.prompt
    text = "<|recipient|>all\n<|content|>hi\n<|from|>assistant\n<|recipient|>get_weather_forecast\n<|content|>\n{}"
    message, complete = read(compiled, text)
    assert (message.content, calls_of(message), complete) == ("hi", [("get_weather_forecast", {})], True)


# -- what must not be derived: quietly wrong for calls that the derivation did not see --

_AROUND = (
    "{%- if tools %}<|system|>{{ tools | tojson }}<|end|>{% endif %}{%- for m in messages %}<|{{ m.role }}|>"
    "{{ m.content or '' }}{% for c in m.tool_calls or [] %}CALL{% endfor %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_NAMED = '<call>{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}</call>'

_TAGGED = (
    "<call>{{ c.function.name }}{% for k, v in c.function.arguments.items() %}<k>{{ k }}</k><v>VALUE{% endfor %}</call>"
)


def around(call: str) -> Profile:
    return profile(ChatTemplate(_AROUND.replace("CALL", call)))


def test_the_frame_of_the_negative_cases_is_right() -> None:
    known = around(_NAMED)
    assert known.calls
    assert known.calls.between == '}</call><call>{"name": "'


@pytest.mark.parametrize(
    ("call", "why"),
    [
        pytest.param(
            _NAMED.replace('"name"', '"id": "{{ c.id[:4] }}", "name"'),
            "calls contain more than a name, an id and arguments",
            id="part-of-an-id",
        ),
        pytest.param(
            '<call>{"name": "{{ c.function.name }}", "with": {{ c.function.arguments | tojson | e }}}</call>',
            "the arguments are not rendered as JSON",
            id="html-escapes",
        ),
        pytest.param(
            "<call>{{ c.function.arguments | tojson }}<for>{{ c.function.name }}</call>",
            "the arguments are rendered before the name",
            id="arguments-first",
        ),
        pytest.param(
            _TAGGED.replace("VALUE", "{{ v | string | upper }}</v>"),
            "the template alters strings",
            id="changed-text",
        ),
        pytest.param(
            _TAGGED.replace("VALUE", "{{ v }} "),
            "failed the round trip",
            id="nothing-closes-a-text",
        ),
        pytest.param(
            "{{ c.function.name }} {{ c.function.arguments | tojson }}", "nothing distinguishes calls from text", id="bare"
        ),
        pytest.param(
            _NAMED.replace("</call>", "{{ '</call>' if c.function.arguments | length == 1 else '</calls>' }}"),
            "the end marker differs between calls",
            id="a-closing-that-depends",
        ),
        pytest.param(
            _NAMED.replace("</call>", "<|end|><|assistant|></call>"),
            "calls are rendered in separate turns",
            id="a-turn-inside",
        ),
    ],
)
def test_does_not_derive(call: str, why: str) -> None:
    known = around(call)
    assert known.calls is None
    assert any(why in note for note in known.notes)
    assert known.style == "generic"


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(_NAMED.replace("<call>", "{{ ' ; ' if loop.index == 3 }}<call>"), id="another-separator-later"),
        pytest.param(_NAMED.replace("<call>", "<call n{{ loop.index * 10 }}>"), id="numbers-that-do-not-count"),
        pytest.param(_NAMED.replace("<call>", "<call of{{ c.function.name | length }}>"), id="depends-on-the-name"),
    ],
)
def test_falls_back_to_one_call_or_none(call: str) -> None:
    known = around(call)
    if known.calls:
        assert known.calls.between == ""
        assert "only one call per turn is supported" in known.notes


def test_arguments_are_written_as_the_template_writes_them() -> None:
    compact = ChatTemplate(_AROUND.replace("CALL", _NAMED.replace("tojson", "tojson(separators=(',', ':'))")))
    schema = {"properties": {"a": {"type": "array", "items": {"type": "integer"}}, "b": {"const": {"c": 1}}}}
    asked = replace(QUESTION, tools=(Tool("f", "", schema),), tool_choice=CHOICES["required"])
    compiled = compile_prompt(asked, compact)
    assert compiled.grammar
    grammar = grammar_from_gbnf(compiled.grammar)
    arguments = '{"a":[1,2],"b":{"c":1}}'
    written = f'<call>{{"name": "f", "arguments": {arguments}}}</call>'
    assert accepts(grammar, written.removeprefix(compiled.syntax.prefix))
    assert not accepts(grammar, written.replace("1,2", "1, 2").removeprefix(compiled.syntax.prefix))
    history = (*asked.messages, Message(Role.ASSISTANT, None, tool_calls=(ToolCall("1", "f", arguments),)))
    assert (
        written
        in compile_prompt(replace(asked, messages=(*history, Message(Role.TOOL, "1", tool_call_id="1"))), compact).prompt
    )


def test_keys_may_be_sorted() -> None:
    known = around(_TAGGED.replace(".items()", " | dictsort").replace("VALUE", "{{ v if v is string else v | tojson }}</v>"))
    assert known.calls
    assert known.calls.arguments
    assert known.calls.arguments.sorted_keys
    assert "arguments are rendered in alphabetical order" in known.notes


@pytest.mark.parametrize("choice", ["auto", "required"])
@pytest.mark.parametrize("name", ["tagged", "keyed"])
def test_an_answer_may_end_after_the_line_break_that_a_further_call_begins_with(name: str, choice: str) -> None:
    """A model writes it out of habit; if a call had to follow, it would repeat the last one."""
    call = {
        "tagged": '<call>\n{"name": "g", "arguments": {}}\n</call>',
        "keyed": "<call>\n<function=g>\n</function>\n</call>",
    }[name]
    compiled = compile_prompt(replace(QUESTION, tools=(Tool("g"),), tool_choice=CHOICES[choice]), template(name))
    prefix = compiled.syntax.prefix
    grammar = grammar_from_gbnf(compiled.grammar or "")
    for calls, text in ((1, call), (1, f"{call}\n"), (2, f"{call}\n{call}"), (2, f"{call}\n{call}\n")):
        assert accepts(grammar, text.removeprefix(prefix)), text
        message, complete = read(compiled, text.removeprefix(prefix))
        assert complete
        assert (len(message.tool_calls), message.content) == (calls, None)
    assert not accepts(grammar, f"{call}\n\n".removeprefix(prefix))
