"""Calls as models are known to write them beside their template's own syntax, and text that only resembles calls."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.request import ChatRequest, JsonFormat, Message, Role, Tool, ToolChoice
from promptweave.compiler.styles.call_forms import MIDDLES, OPENINGS, WRAPPERS
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.output.grammar.expr import Grammar
from promptweave.output.message import ParsedMessage
from promptweave.output.parse.parser import OutputParser
from promptweave.output.tree import Region, Syntax, TextNode
from promptweave.output.wire import syntax_from_wire, syntax_to_wire
from tests.support.compiler.templates import CORPUS, template
from tests.support.output.engine_grammar import Judge, engine_or_reader
from tests.support.output.gbnf_parser import grammar_from_gbnf

SCHEMA = {
    "type": "object",
    "properties": {"symbol": {"type": "string"}, "days": {"type": "integer", "minimum": 0}},
    "required": ["symbol"],
}
TOOLS = tuple(Tool(name, "", SCHEMA) for name in ("get_stock", "get_stock_price", "name"))
ARGUMENTS = '{"symbol": "X", "days": 3}'
NAMES = ("tagged", "listed", "single", "keyed")


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with engine_or_reader() as found:
        yield found


@cache
def compiled(name: str, *, parallel: bool = True) -> tuple[Syntax, Grammar]:
    request = ChatRequest((Message(Role.USER, "?"),), TOOLS, parallel_tool_calls=parallel)
    found = compile_prompt(request, template(name))
    assert found.style == "native"
    assert found.grammar
    return syntax_from_wire(syntax_to_wire(found.syntax)), grammar_from_gbnf(found.grammar)


def read(syntax: Syntax, written: str, step: int = 10_000) -> tuple[ParsedMessage, bool]:
    parser = OutputParser(syntax, new_id=lambda: "id")
    message = ParsedMessage()
    message.extend(parser.start())
    for start in range(0, len(written), step):
        message.extend(parser.feed(written[start : start + step]))
    message.extend(parser.finish())
    return message, parser.complete


def calls_of(message: ParsedMessage) -> list[tuple[str, object]]:
    assert all(call.complete for call in message.tool_calls)
    return [(call.name, json.loads(call.arguments)) for call in message.tool_calls]


FORMS = {
    "bare": '{"name": "NAME", "arguments": ARGUMENTS}',
    "parameters": '{"name": "NAME", "parameters": ARGUMENTS}',
    "dense": '{"name":"NAME","arguments":ARGUMENTS}',
    "indented": '{\n  "name": "NAME",\n  "arguments": ARGUMENTS\n}',
    "fence": '```json\n{\n    "name": "NAME",\n    "arguments": ARGUMENTS\n}\n```',
    "plain-fence": '```\n{"name": "NAME", "arguments": ARGUMENTS}\n```',
    "tool-call-fence": '```tool_call\n{"name": "NAME", "arguments": ARGUMENTS}\n```',
    "tag": '<tool_call>\n{"name": "NAME", "arguments": ARGUMENTS}\n</tool_call>',
    "tools-tag": '<tools>\n{"name": "NAME", "arguments": ARGUMENTS}\n</tools>',
    "python-tag": '<|python_tag|>{"name": "NAME", "parameters": ARGUMENTS}',
    "type": '{"type": "function", "name": "NAME", "parameters": ARGUMENTS}',
    "function": '{"function": "NAME", "parameters": ARGUMENTS}',
    "type-and-function": '{"type": "function", "function": "NAME", "parameters": ARGUMENTS}',
    "message": '{"type": "function", "function": {"name": "NAME", "arguments": ARGUMENTS}}',
    "function-tag": "<function=NAME>ARGUMENTS</function>",
    "list": '[{"name": "NAME", "arguments": ARGUMENTS}]',
    "indented-list": '[\n  {\n    "name": "NAME",\n    "arguments": ARGUMENTS\n  }\n]',
    "list-in-a-fence": '```json\n[{"name": "NAME", "arguments": ARGUMENTS}]\n```',
}
CALLED = st.sampled_from(TOOLS)
# In the order in which the schema declares them.
ARGUMENTS = st.builds(
    lambda symbol, days: {"symbol": symbol} if days is None else {"symbol": symbol, "days": days},
    st.text(max_size=5),
    st.none() | st.integers(0, 99),
)


def written_as(form: str, name: str, arguments: object) -> str:
    return FORMS[form].replace("NAME", name).replace("ARGUMENTS", json.dumps(arguments, ensure_ascii=False))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tool=CALLED,
    arguments=ARGUMENTS,
    lead=st.sampled_from(["", "I will look.\n", "Well\n\n", "\n "]),
    step=st.integers(1, 30),
)
def test_every_form_is_a_call(
    name: str, form: str, judge: Judge, tool: Tool, arguments: dict[str, object], lead: str, step: int
) -> None:
    syntax, grammar = compiled(name)
    written = lead + written_as(form, tool.name, arguments)
    message, complete = read(syntax, written, step)
    assert complete
    assert calls_of(message) == [(tool.name, arguments)]
    assert (message.content or "").strip() == lead.strip()
    assert judge(grammar, [written]) == [True]


@pytest.mark.parametrize("form", ["bare", "fence", "parameters", "indented-list", "function-tag"])
@pytest.mark.parametrize("indent", [0, 2, 4, "\t"])
def test_arguments_may_be_indented(form: str, indent: int | str, judge: Judge) -> None:
    nested = {"type": "object", "properties": {"unit": {"type": "string"}}}
    properties = {"place": nested, "days": {"type": "array", "items": {"type": "integer"}}, "more": {"type": "object"}}
    tool = Tool("get_weather", "", {"type": "object", "properties": properties, "required": ["days"]})
    arguments = {"place": {"unit": "a { b"}, "days": [1, 2], "more": {"x": [{}, []], "y": -2.5e-3}}
    compiled = compile_prompt(ChatRequest((Message(Role.USER, "?"),), (tool,)), template("tagged"))
    assert compiled.grammar
    written = FORMS[form].replace("NAME", tool.name).replace("ARGUMENTS", json.dumps(arguments, indent=indent))
    assert judge(grammar_from_gbnf(compiled.grammar), [written]) == [True]
    message, complete = read(compiled.syntax, written)
    assert complete
    assert calls_of(message) == [(tool.name, arguments)]
    wrong = written.replace('"days": [', '"days": [0.5,')
    assert judge(grammar_from_gbnf(compiled.grammar), [wrong]) == [False]


@pytest.mark.parametrize("form", FORMS)
def test_arguments_are_enforced_in_every_form(form: str, judge: Judge) -> None:
    _, grammar = compiled("tagged")
    wrong: list[object] = [{}, {"symbol": 1}, {"symbol": "X", "days": "3"}, {"symbol": "X", "other": 1}, [], "X"]
    assert judge(grammar, [written_as(form, "get_stock", each) for each in wrong]) == [False] * len(wrong)


@pytest.mark.parametrize(
    ("name", "written", "content"),
    [
        (
            "keyed",
            "I will read it.\n\n<function=get_stock>\n<parameter=symbol>\nX\n</parameter>\n</function>\n</call>",
            "I will read it.",
        ),
        ("keyed", "<function=get_stock>\n<parameter=symbol>\nX\n</parameter>\n</function>", None),
        ("tagged", '{"name": "get_stock", "arguments": {"symbol": "X"}}\n</tool_call>', None),
    ],
)
def test_the_own_syntax_without_its_wrapper_is_a_call(name: str, written: str, content: str | None, judge: Judge) -> None:
    syntax, grammar = compiled(name)
    for step in (1, 1000):
        message, complete = read(syntax, written, step)
        assert (calls_of(message), message.content, complete) == ([("get_stock", {"symbol": "X"})], content, True)
    assert judge(grammar, [written]) == [True]


SEVERAL = (
    '{"name": "get_stock", "arguments": {"symbol": "X"}}\n{"name": "get_stock_price", "arguments": {"symbol": "Y"}}',
    '[{"name": "get_stock", "arguments": {"symbol": "X"}}, {"name": "get_stock_price", "arguments": {"symbol": "Y"}}]',
    '```json\n{"name": "get_stock", "arguments": {"symbol": "X"}}\n```\n\n'
    '```json\n{"name": "get_stock_price", "arguments": {"symbol": "Y"}}\n```',
    '{"name": "get_stock", "parameters": {"symbol": "X"}}; {"name": "get_stock_price", "parameters": {"symbol": "Y"}}',
    '<call>\n{"name": "get_stock", "arguments": {"symbol": "X"}}\n</call>\n'
    '<call>\n{"name": "get_stock_price", "arguments": {"symbol": "Y"}}\n</call>',
    '{"name": "get_stock", "arguments": {"symbol": "X"}}\n'
    '<call>\n{"name": "get_stock_price", "arguments": {"symbol": "Y"}}\n</call>',
)


@pytest.mark.parametrize("written", SEVERAL)
def test_several_calls_in_a_row(written: str, judge: Judge) -> None:
    syntax, grammar = compiled("tagged")
    for step in (1, 5, 1000):
        message, complete = read(syntax, written, step)
        assert complete
        assert calls_of(message) == [("get_stock", {"symbol": "X"}), ("get_stock_price", {"symbol": "Y"})]
        assert message.content is None
    assert judge(grammar, [written]) == [True]


def test_text_after_a_call_is_content(judge: Judge) -> None:
    syntax, grammar = compiled("tagged")
    written = 'First:\n```json\n{"name": "get_stock", "arguments": {"symbol": "X"}}\n```\nThen I will see.'
    message, complete = read(syntax, written)
    assert (calls_of(message), message.content, complete) == (
        [("get_stock", {"symbol": "X"})],
        "First:Then I will see.",
        True,
    )
    assert judge(grammar, [written]) == [True]


@pytest.mark.parametrize("name", ["tagged", "single"])
def test_one_call_only_where_only_one_may_be_made(name: str, judge: Judge) -> None:
    syntax, grammar = compiled(name, parallel=False)
    once = '```json\n{"name": "get_stock", "arguments": {"symbol": "X"}}\n```'
    assert judge(grammar, [once, f"{once}\n", f"{once}\n{once}", f"{once}\nBye"]) == [True, True, False, False]
    assert len(read(syntax, once)[0].tool_calls) == 1


CONTENT = (
    '{"name": "Bob", "age": 3}',
    '{"name": "Bob", "arguments": {"symbol": "X"}}',
    '{"name": "get_stock", "description": "Gets a stock"}',
    '{"name": "get_stock"}',
    '[{"name": "get_stock", "description": "Gets a stock"}, {"name": "Bob"}]',
    '```json\n{"symbol": "X"}\n```\n',
    '```json\n{"name": "get_stocks", "arguments": {}}\n```',
    "```python\nget_stock('X')\n```",
    "Use get_stock, or get_stock_price: `get_stock(symbol)`.",
    'For example `{"nam": 1}`.',
    "<function=Bob>",
    "<tools>none</tools>",
    "[1, 2, 3]",
    "{",
    "  \n ",
    '{"type": "function", "function": {"description": ""}}',
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("written", CONTENT)
def test_what_only_resembles_a_call_is_content(name: str, written: str, judge: Judge) -> None:
    syntax, grammar = compiled(name)
    for step in (1, 1000):
        message, complete = read(syntax, written, step)
        assert (message.content, message.tool_calls, complete) == (written, [], True)
    assert judge(grammar, [written]) == [True]


KEYS = st.sampled_from(["name", "arguments", "type", "function"]) | st.text(max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
)
PIECES = [*re.findall(r"\w+|\W", "".join(FORMS.values())), *(tool.name for tool in TOOLS), "Bob", "```json\n", '{"name": "']
ANY_BEGINNING = re.compile(
    r'"(?:get_stock|get_stock_price|name)"\s*,\s*"(?:arguments|parameters)"\s*:|<function=(?:get_stock|get_stock_price|name)>|</?call>'
)


@given(written=st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text(max_size=30), step=st.integers(1, 9))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much])
def test_any_text_without_a_call_is_content(judge: Judge, written: str, step: int) -> None:
    assume(written and not ANY_BEGINNING.search(written))
    syntax, grammar = compiled("tagged")
    message, complete = read(syntax, written, step)
    assert (message.content, message.tool_calls, complete) == (written, [], True)
    assert judge(grammar, [written]) == [True]


@given(value=JSON, indent=st.none() | st.integers(0, 4), fenced=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_is_content(judge: Judge, value: object, indent: int | None, fenced: bool) -> None:
    written = json.dumps(value, indent=indent)
    written = f"```json\n{written}\n```" if fenced else written
    assume(not ANY_BEGINNING.search(written))
    for name in ("tagged", "single"):
        syntax, grammar = compiled(name)
        message, complete = read(syntax, written)
        assert (message.content, message.tool_calls, complete) == (written, [], True)
        assert judge(grammar, [written]) == [True]


def test_answers_in_a_format_have_no_other_forms() -> None:
    """Where the answer is JSON, a call is only what the template's own syntax marks as one."""
    request = ChatRequest((Message(Role.USER, "?"),), TOOLS, response_format=JsonFormat({"type": "object"}, strict=False))
    found = compile_prompt(request, template("tagged"))
    written = '{"name": "get_stock", "arguments": {"symbol": "X"}}'
    message, complete = read(found.syntax, written)
    assert (message.content, message.tool_calls, complete) == (written, [], True)


@pytest.mark.parametrize("choice", [ToolChoice(required=True), ToolChoice(False, ("get_stock_price",))])
def test_only_tools_that_may_be_called(choice: ToolChoice, judge: Judge) -> None:
    found = compile_prompt(ChatRequest((Message(Role.USER, "?"),), TOOLS, tool_choice=choice), template("tagged"))
    assert found.grammar
    written = '{"name": "get_stock", "arguments": {}}'
    # Not a call of a tool that may be called: text, if the answer may be text.
    assert judge(grammar_from_gbnf(found.grammar), [written]) == [not choice.required]


def test_every_text_has_a_source() -> None:
    for known in (*WRAPPERS, *OPENINGS, *MIDDLES):
        assert known.text
        assert known.source


def test_the_page_has_every_text() -> None:
    page = (Path(__file__).parents[2] / "docs/tool-calls.md").read_text(encoding="utf-8").replace("&lt;", "<")
    page = "".join(page.replace("&#124;", "|").replace("&gt;", ">").split())
    for known in (*WRAPPERS, *OPENINGS, *MIDDLES):
        assert "".join(known.text.split()) in page


def test_tags_that_are_special_tokens_stay_visible() -> None:
    source = replace(template("keyed"), special_tokens=("<|python_tag|>", "<tool_call>", "<other>"))
    found = compile_prompt(ChatRequest((Message(Role.USER, "?"),), TOOLS), source)
    assert {"<|python_tag|>", "<tool_call>"} <= {*found.preserved_tokens}
    assert not {"<tools>", "<other>"} & {*found.preserved_tokens}


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of real templates is not there")
@pytest.mark.parametrize("form", ["bare", "fence", "list", "function-tag"])
def test_forms_beside_the_syntax_of_real_templates(form: str, judge: Judge) -> None:
    for path in sorted(CORPUS.glob("*.jinja")):
        found = compile_prompt(ChatRequest((Message(Role.USER, "?"),), TOOLS), ChatTemplate(path.read_text(), "<s>", "</s>"))
        if (
            found.style != "native"
            or not isinstance(found.syntax.root, TextNode)
            or found.syntax.root.kind is not Region.CONTENT
        ):
            continue
        written = written_as(form, "get_stock", {"symbol": "X"})
        message, complete = read(found.syntax, written)
        assert (calls_of(message), complete) == ([("get_stock", {"symbol": "X"})], True), path.name
        assert found.grammar
        assert judge(grammar_from_gbnf(found.grammar), [written]) == [True], path.name
