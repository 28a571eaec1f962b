"""Which tools a request makes available, where the prompt shows them, and by which names."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptweave.compiler.compile import Compiled, compile_prompt
from promptweave.compiler.errors import RequestError, SchemaError
from promptweave.compiler.explain.explain import explain
from promptweave.compiler.request import ChatRequest, Message, Role, Tool, ToolCall, ToolChoice, ToolReference
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.compiler.tools.aliases import MAX_NAME_LENGTH, aliases_of
from promptweave.output.message import ParsedCall, ParsedMessage
from promptweave.output.parse.parser import OutputParser
from promptweave.output.wire import syntax_from_wire, syntax_to_wire

HERE = Path(__file__).parent
TAGGED = ChatTemplate((HERE / "templates" / "tagged.jinja").read_text(), "<s>", "</s>")
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("get_weather", "The weather of today", CITY)
STARS = Tool("see_stars", "The stars of tonight", CITY, defer_loading=True)
MOON = Tool("see_moon", "The moon of tonight", CITY, defer_loading=True)
SEARCH = Tool("tool_search", "Finds tools", {"type": "object", "properties": {"query": {"type": "string"}}})
ASKED = (
    Message(Role.USER, "Are there stars?"),
    Message(Role.ASSISTANT, tool_calls=(ToolCall("c1", "tool_search", '{"query": "stars"}'),)),
)
FOUND = Message(Role.TOOL, "", tool_call_id="c1", references=(ToolReference(0, "see_stars", "", "/messages/2/content/0"),))


def compiled_with(*messages: Message, tools: tuple[Tool, ...], choice: ToolChoice | None = None) -> Compiled:
    return compile_prompt(ChatRequest(messages, tools, choice or ToolChoice()), TAGGED)


def call_of(compiled: Compiled, name: str) -> ParsedCall | None:
    """Return the call that the grammar and the parser make of one of a tool that the model knows as `name`."""
    message = ParsedMessage()
    syntax = syntax_from_wire(syntax_to_wire(compiled.syntax))
    parser = OutputParser(replace(syntax, prefix=""))
    call = json.dumps({"name": name, "arguments": {"city": "Oslo"}})
    message.extend([*parser.feed(f"<call>\n{call}\n</call>"), *parser.finish()])
    return message.tool_calls[0] if parser.complete and message.tool_calls else None


# -- deferred tools --


def test_a_deferred_tool_is_neither_shown_nor_callable() -> None:
    compiled = compiled_with(ASKED[0], tools=(WEATHER, STARS))
    assert "see_stars" not in compiled.prompt
    assert "see_stars" not in (compiled.grammar or "")
    assert call_of(compiled, "see_stars") is None
    call = call_of(compiled, "get_weather")
    assert call is not None
    assert (call.name, call.arguments) == ("get_weather", '{"city": "Oslo"}')


def test_a_reference_makes_it_callable_and_keeps_the_prompt_before_it() -> None:
    tools = (SEARCH, WEATHER, STARS, MOON)
    before = compiled_with(*ASKED, tools=tools)
    after = compiled_with(*ASKED, FOUND, tools=tools)
    call = call_of(after, "see_stars")
    assert call is not None
    assert (call.name, call.arguments) == ("see_stars", '{"city": "Oslo"}')
    assert "The stars of tonight" in after.prompt
    assert "see_moon" not in after.prompt
    # The beginning of the conversation is in the engine's cache.
    shared = before.prompt[: before.prompt.rindex("</call>")]
    assert after.prompt.startswith(shared)
    assert before.prefix_key == after.prefix_key
    assert not after.warnings


def test_a_second_reference_shows_the_name_only() -> None:
    again = replace(FOUND, references=(replace(FOUND.references[0], pointer="/messages/3/content/0"),))
    compiled = compiled_with(*ASKED, FOUND, again, tools=(SEARCH, STARS))
    assert compiled.prompt.count("The stars of tonight") == 1


def test_references_keep_the_text_around_them() -> None:
    message = replace(FOUND, content="1 tool:that is all", references=(replace(FOUND.references[0], place=7),))
    prompt = compiled_with(*ASKED, message, tools=(SEARCH, STARS)).prompt
    assert 0 < prompt.index("1 tool:") < prompt.index("The stars of tonight") < prompt.index("that is all")


def test_a_reference_to_an_unknown_tool_is_a_warning() -> None:
    compiled = compiled_with(*ASKED, FOUND, tools=(SEARCH,))
    assert [(warning.code, warning.path) for warning in compiled.warnings] == [("tool_unknown", "/messages/2/content/0")]
    assert "see_stars" in compiled.prompt


def test_the_tool_choice_makes_it_callable() -> None:
    compiled = compiled_with(ASKED[0], tools=(WEATHER, STARS), choice=ToolChoice(True, ("see_stars",), once=True))
    assert call_of(compiled, "see_stars")


@pytest.mark.parametrize(
    "choice", [ToolChoice(True, ("see_stars",), once=True), ToolChoice(False, ("get_weather", "see_stars"))]
)
def test_the_tool_choice_does_not_move_a_tool_that_a_message_has_loaded(choice: ToolChoice) -> None:
    tools = (SEARCH, WEATHER, STARS)
    assert compiled_with(*ASKED, FOUND, tools=tools, choice=choice).prompt.startswith(
        compiled_with(*ASKED, FOUND, tools=tools).prompt.rstrip()
    )


def test_if_no_tool_is_there_from_the_beginning_all_are_shown_there() -> None:
    compiled = compiled_with(*ASKED, FOUND, tools=(STARS,))
    assert compiled.prompt.index("The stars of tonight") < compiled.prompt.index("Are there stars?")


# -- tools of messages --


def test_tools_before_the_conversation_are_those_of_the_request() -> None:
    brings = Message(Role.DEVELOPER, tools=(replace(STARS, defer_loading=False),))
    alike = compiled_with(ASKED[0], tools=(WEATHER, replace(STARS, defer_loading=False)))
    compiled = compiled_with(brings, ASKED[0], tools=(WEATHER,))
    assert (compiled.prompt, compiled.grammar) == (alike.prompt, alike.grammar)


def test_tools_of_later_messages_are_shown_there() -> None:
    brings = Message(Role.DEVELOPER, tools=(replace(STARS, defer_loading=False),))
    messages = (ASKED[0], Message(Role.ASSISTANT, "I cannot see any."))
    before = compiled_with(*messages, Message(Role.USER, "And now?"), tools=(WEATHER,))
    after = compiled_with(*messages, brings, Message(Role.USER, "And now?"), tools=(WEATHER,))
    assert after.prompt.startswith(before.prompt[: before.prompt.index("I cannot see any.")])
    assert after.prompt.index("I cannot see any.") < after.prompt.index("The stars of tonight")
    assert call_of(after, "see_stars")


def test_a_later_tool_replaces_one_of_the_same_name() -> None:
    brings = Message(Role.DEVELOPER, tools=(replace(WEATHER, description="Now with wind"),))
    compiled = compiled_with(ASKED[0], brings, brings, ASKED[0], tools=(STARS, WEATHER))
    assert "Now with wind" in compiled.prompt
    assert WEATHER.description not in compiled.prompt
    assert [(warning.code, warning.path) for warning in compiled.warnings] == [("tool_replaced", "/tools/1")]


def test_a_message_that_brings_tools_keeps_what_else_it_has() -> None:
    brings = Message(Role.ASSISTANT, reasoning_content="It shines.", tools=(WEATHER,), tool_calls=ASKED[1].tool_calls)
    compiled = compiled_with(ASKED[0], brings, replace(FOUND, references=(), tools=(MOON,)), tools=(SEARCH,))
    assert '"query": "stars"' in compiled.prompt
    assert "It shines." in compiled.prompt


@pytest.mark.parametrize("path", sorted((HERE / "templates").glob("*.jinja")), ids=lambda path: path.stem)
def test_messages_that_only_bring_tools_are_a_conversation(path: Path) -> None:
    messages = (Message(Role.DEVELOPER, tools=(WEATHER,)), Message(Role.DEVELOPER, tools=(SEARCH,)))
    compiled = compile_prompt(ChatRequest(messages), ChatTemplate(path.read_text(), "<s>", "</s>"))
    assert "The weather of today" in compiled.prompt


def test_positions_are_those_of_the_request() -> None:
    bad = Tool("bad", "", {"properties": {"a": {"uniqueItems": True}}}, strict=True)
    with pytest.raises(SchemaError) as raised:
        compiled_with(Message(Role.DEVELOPER, tools=(bad,)), ASKED[0], tools=(STARS, WEATHER))
    assert raised.value.path == "/messages/0/tools/0/function/parameters/properties/a/uniqueItems"
    with pytest.raises(SchemaError) as raised:
        compiled_with(ASKED[0], tools=(STARS, bad))
    assert raised.value.path == "/tools/1/function/parameters/properties/a/uniqueItems"


def test_explanations_have_the_positions_of_the_request() -> None:
    request = ChatRequest((Message(Role.DEVELOPER, tools=(WEATHER,)), ASKED[0]), (STARS,))
    explanation = explain(request, TAGGED, compile_prompt(request, TAGGED))
    paths = {part.path for part in explanation.parts}
    assert "/messages/1/content" in paths
    assert any(path.startswith("/messages/0/tools/0") for path in paths)


# -- names --


def test_a_namespace_is_part_of_the_name_for_the_model_only() -> None:
    tools = (Tool("add", "", CITY, namespace="mcp__calc"), Tool("add", "", CITY, namespace="mcp__list__"))
    history = Message(Role.ASSISTANT, tool_calls=(ToolCall("c1", "add", '{"city": "Rome"}', "mcp__list__"),))
    compiled = compiled_with(ASKED[0], history, Message(Role.TOOL, "done", tool_call_id="c1"), tools=tools)
    assert "mcp__calc__add" in compiled.prompt
    assert '"name": "mcp__list__add"' in compiled.prompt
    for alias, namespace in (("mcp__calc__add", "mcp__calc"), ("mcp__list__add", "mcp__list__")):
        call = call_of(compiled, alias)
        assert call is not None
        assert (call.name, call.namespace) == ("add", namespace)
    assert call_of(compiled, "add") is None


@pytest.mark.parametrize("choice", [("add", "mcp__calc"), ("mcp__calc__add", ""), ("add", "")])
def test_the_tool_choice_names_a_tool_of_a_namespace(choice: tuple[str, str]) -> None:
    name, namespace = choice
    tools = (WEATHER, Tool("add", "", CITY, namespace="mcp__calc"))
    compiled = compiled_with(ASKED[0], tools=tools, choice=ToolChoice(True, (name,), once=True, namespace=namespace))
    assert "mcp__calc__add" in (compiled.syntax.prefix + (compiled.grammar or ""))
    assert "get_weather" not in (compiled.grammar or "")


@pytest.mark.parametrize("name", ["files/read", "a.b:c", "ü", "x" * 200, "two words"])
def test_a_name_that_apis_reject_gets_an_alias(name: str) -> None:
    compiled = compiled_with(ASKED[0], tools=(Tool(name, "", CITY), WEATHER))
    (alias,) = compiled.syntax.aliases
    assert alias.name == name
    call = call_of(compiled, alias.alias)
    assert call is not None
    assert call.name == name


def test_a_call_of_a_tool_that_is_gone_stays_a_call() -> None:
    history = Message(Role.ASSISTANT, tool_calls=(ToolCall("c1", "old/tool", "{}"),))
    compiled = compiled_with(ASKED[0], history, Message(Role.TOOL, "done", tool_call_id="c1"), tools=(WEATHER,))
    assert '"name": "old_tool"' in compiled.prompt
    assert "done" in compiled.prompt


@given(st.sets(st.tuples(st.sampled_from(["", "a", "a__"]), st.text("ab_. ", min_size=1, max_size=4))))
def test_aliases_are_valid_unique_and_stable(keys: set[tuple[str, str]]) -> None:
    aliases = aliases_of(sorted(keys))
    assert len(set(aliases.values())) == len(keys)
    for (namespace, name), alias in aliases.items():
        assert 1 <= len(alias) <= MAX_NAME_LENGTH
        assert set(alias) <= set("ab_0123456789cdef")
        if not namespace and set(name) <= set("ab_"):
            assert alias.startswith(name)


def test_equal_tools_are_used_once_and_different_ones_of_a_name_are_an_error() -> None:
    compiled = compiled_with(ASKED[0], tools=(WEATHER, replace(WEATHER)))
    assert [warning.code for warning in compiled.warnings] == ["tool_duplicate"]
    assert compiled.prompt.count("The weather of today") == 1
    with pytest.raises(RequestError):
        compiled_with(ASKED[0], tools=(WEATHER, replace(WEATHER, description="another")))
