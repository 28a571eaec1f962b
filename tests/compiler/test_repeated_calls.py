"""Loops: a call that is made three times in a row with the same result, and their end."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from promptweave.compiler.compile import Compiled, compile_prompt
from promptweave.compiler.messages.repeated_calls import repeated_calls
from promptweave.compiler.request import ChatRequest, Message, Picture, Role, Tool, ToolCall, ToolChoice
from promptweave.compiler.service.convert import chat_request_from_wire
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.output.message import ParsedMessage
from promptweave.output.parse.parser import OutputParser
from promptweave.v1 import prompt_compiler_pb2
from tests.support.compiler.wire_requests import request as wire_request

HERE = Path(__file__).parent
TAGGED = ChatTemplate((HERE / "templates" / "tagged.jinja").read_text(), "<s>", "</s>")
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("get_weather", "The weather of today", CITY)
STARS = Tool("see_stars", "The stars of tonight", CITY)
FILES = Tool("read", "Reads a file", CITY, namespace="files")
QUESTION = Message(Role.USER, "Is it warm in Oslo?")
REMINDER = Message(Role.USER, "Remember to be brief.")

Exchange = tuple[str, str, str]
"""A tool, its arguments and its result."""
OSLO: Exchange = ("get_weather", '{"city": "Oslo"}', "3 degrees")
BERGEN: Exchange = ("get_weather", '{"city": "Bergen"}', "3 degrees")


def exchanged(*rounds: Exchange | list[Exchange], ids: bool = True) -> list[Message]:
    """Return messages in which the model makes these calls: those of a list in one message."""
    messages = []
    for number, made in enumerate(rounds):
        calls = made if isinstance(made, list) else [made]
        names = [f"c{number}.{place}" if ids else "" for place in range(len(calls))]
        messages.append(
            Message(
                Role.ASSISTANT,
                tool_calls=tuple(
                    ToolCall(id_, name, arguments) for id_, (name, arguments, _) in zip(names, calls, strict=True)
                ),
            )
        )
        messages += [
            Message(Role.TOOL, result, tool_call_id=id_ or None) for id_, (_, _, result) in zip(names, calls, strict=True)
        ]
    return messages


LOOP = exchanged(OSLO, OSLO, OSLO)


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param(LOOP, id="three equal calls"),
        pytest.param(exchanged(BERGEN, OSLO, OSLO, OSLO, OSLO), id="four after another one"),
        pytest.param(exchanged(OSLO, OSLO, OSLO, ids=False), id="without ids"),
        pytest.param([replace(message, tool_call_id="c0.0") if message.tool_call_id else message for message in
                      [replace(message, tool_calls=tuple(replace(call, id="c0.0") for call in message.tool_calls))
                       for message in LOOP]], id="one id for all of them"),
        pytest.param(exchanged([OSLO, OSLO, OSLO]), id="three in one message"),
        pytest.param(exchanged([OSLO, BERGEN], [BERGEN, OSLO], [OSLO, BERGEN]), id="two at a time, in any order"),
        pytest.param([*LOOP[:2], REMINDER, *LOOP[2:4], REMINDER, *LOOP[4:], REMINDER], id="reminders of an agent"),
        pytest.param(exchanged(
            ("f", '{"a": 1, "b": [1.5]}', "no"), ("f", '{"b":[1.50],"a":1.0}', "no"), ("f", '{"a": 1e0, "b": [1.5]}', "no")
        ), id="arguments that are equal as JSON values"),
        pytest.param(exchanged(("f", "{broken", "no"), ("f", "{broken", "no"), ("f", "{broken", "no")), id="broken ones"),
    ],
)  # fmt: skip
def test_a_loop(messages: list[Message]) -> None:
    found = repeated_calls([QUESTION, *messages])
    assert found
    last = max(place for place, message in enumerate([QUESTION, *messages]) if message.tool_calls)
    assert all(repeated.pointer.startswith(f"/messages/{last}/tool_calls/") for repeated in found)


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([], id="no calls"),
        pytest.param(LOOP[:4], id="two equal calls"),
        pytest.param(LOOP[:5], id="the last one has no result"),
        pytest.param([*LOOP, Message(Role.ASSISTANT, "It is cold."), QUESTION], id="an answer afterwards"),
        pytest.param([*LOOP[:4], Message(Role.ASSISTANT, "It is cold."), QUESTION, *LOOP[4:]], id="an answer in between"),
        pytest.param(exchanged(OSLO, OSLO, BERGEN, OSLO), id="another call in between"),
        pytest.param(exchanged(OSLO, OSLO, ("get_weather", '{"city": "Oslo"}', "4 degrees")), id="another result"),
        pytest.param(exchanged(OSLO, OSLO, ("see_stars", '{"city": "Oslo"}', "3 degrees")), id="another tool"),
        pytest.param(exchanged([OSLO, BERGEN], [OSLO, BERGEN], OSLO), id="one of two"),
        pytest.param(exchanged(("f", '{"a": 1}', ""), ("f", '{"a": true}', ""), ("f", '{"a": 1}', "")), id="true and 1"),
        pytest.param(exchanged(("f", '{"a": 1}', ""), ("f", '{"a": "1"}', ""), ("f", '{"a": 1}', "")), id='"1" and 1'),
        pytest.param(exchanged(OSLO, OSLO, OSLO)[::2], id="no results at all"),
    ],
)
def test_no_loop(messages: list[Message]) -> None:
    assert not repeated_calls([QUESTION, *messages])


def test_results_with_other_images_are_not_equal() -> None:
    pictures = [
        replace(message, pictures=(Picture(0, bytes([place]), "image/png", ""),)) if message.role is Role.TOOL else message
        for place, message in enumerate(LOOP)
    ]
    assert not repeated_calls([QUESTION, *pictures])


# -- the answer --


def compiled_with(
    *tools: Tool, style: str = "", choice: ToolChoice | None = None, prevent: bool = True, loop: list[Message] = LOOP
) -> Compiled:
    request = ChatRequest((QUESTION, *loop), tools, choice or ToolChoice(), style=style, prevent_repeated_calls=prevent)
    return compile_prompt(request, TAGGED)


def can_call(compiled: Compiled, name: str) -> bool:
    """Whether the grammar and the parser take a call of the tool that the model knows as `name`."""
    call = {"name": name, "arguments": {"city": "Oslo"}}
    text = f"<call>\n{json.dumps(call)}\n</call>"
    if compiled.style == "generic":
        text = json.dumps({"thought_about_next_step_only": "", "next_step": {"tool_calls": [call]}})
    message = ParsedMessage()
    parser = OutputParser(replace(compiled.syntax, prefix=""))
    message.extend([*parser.feed(text), *parser.finish()])
    return parser.complete and bool(message.tool_calls)


def test_a_loop_is_a_warning_and_changes_nothing_else() -> None:
    compiled = compiled_with(WEATHER, STARS, prevent=False)
    assert can_call(compiled, "get_weather")
    ((code, path, message),) = [(warning.code, warning.path, warning.message) for warning in compiled.warnings]
    assert (code, path) == ("repeated_call", "/messages/5/tool_calls/0")
    assert message.startswith("'get_weather' was called 3 times in a row with equal arguments and results")


@pytest.mark.parametrize("style", ["", "hermes", "generic"])
@pytest.mark.parametrize("others", [(STARS,), ()], ids=["another tool", "the only tool"])
def test_prevention_keeps_the_prompt_and_excludes_the_tool(style: str, others: tuple[Tool, ...]) -> None:
    before, after = (compiled_with(WEATHER, *others, style=style, prevent=prevent) for prevent in (False, True))
    assert after.prompt == before.prompt
    assert after.style == before.style
    assert "get_weather" in after.prompt
    assert "get_weather" in (before.grammar or "")
    assert "get_weather" not in (after.grammar or "")
    assert ("see_stars" in (after.grammar or "")) == bool(others)
    assert [warning.message.rpartition("; ")[2] for warning in after.warnings if warning.code == "repeated_call"] == [
        "it cannot be called in this answer"
    ]


def test_prevention_is_for_one_answer() -> None:
    answered = compiled_with(WEATHER, loop=[*LOOP, *exchanged(BERGEN)])
    assert can_call(answered, "get_weather")
    assert not can_call(compiled_with(WEATHER, STARS), "get_weather")
    assert can_call(compiled_with(WEATHER, STARS), "see_stars")


@pytest.mark.parametrize(
    ("tools", "choice", "weather", "stars"),
    [
        pytest.param((WEATHER, STARS), ToolChoice(required=True), False, True, id="required"),
        pytest.param((WEATHER,), ToolChoice(required=True), True, False, id="required and the only tool"),
        pytest.param((WEATHER, STARS), ToolChoice(True, ("get_weather",), once=True), True, False, id="named"),
        pytest.param((WEATHER, STARS), ToolChoice(True, ("get_weather", "see_stars")), False, True, id="allowed"),
    ],
)
def test_a_required_call_stays_possible(tools: tuple[Tool, ...], choice: ToolChoice, weather: bool, stars: bool) -> None:
    compiled = compiled_with(*tools, choice=choice)
    grammar = compiled.grammar or ""
    # The beginning of the only possible call is in the prompt.
    assert ("get_weather" in grammar + compiled.syntax.prefix) == weather
    assert ("see_stars" in grammar + compiled.syntax.prefix) == stars
    assert ("it can still be called" in compiled.warnings[-1].message) == weather


def test_a_tool_in_a_namespace_is_excluded_by_its_alias() -> None:
    loop = exchanged(("files__read", "{}", "no"), ("files__read", "{}", "no"), ("files__read", "{}", "no"))
    compiled = compiled_with(FILES, STARS, loop=loop)
    assert "files__read" not in (compiled.grammar or "")
    assert can_call(compiled, "see_stars")


def test_a_tool_that_is_gone_needs_no_exclusion() -> None:
    compiled = compiled_with(STARS)
    assert can_call(compiled, "see_stars")
    assert "repeated_call" in {warning.code for warning in compiled.warnings}


@pytest.mark.parametrize(
    ("given", "prevent"),
    [
        (prompt_compiler_pb2.REPEATED_CALLS_UNSPECIFIED, False),
        (prompt_compiler_pb2.REPEATED_CALLS_WARN, False),
        (prompt_compiler_pb2.REPEATED_CALLS_PREVENT, True),
    ],
)
def test_grpc(given: prompt_compiler_pb2.RepeatedCalls.ValueType, prevent: bool) -> None:
    assert chat_request_from_wire(wire_request(repeated_calls=given)).prevent_repeated_calls is prevent
