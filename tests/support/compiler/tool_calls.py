"""Requests with tools, and checks of the outputs that their compiled grammars admit."""

import json
import random
from dataclasses import replace

import jsonschema

from promptweave.compiler.compile import Compiled
from promptweave.compiler.profile.profile import Profile, profile
from promptweave.compiler.request import ChatRequest, Message, Role, Tool, ToolChoice
from promptweave.output.message import ParsedMessage
from promptweave.output.parse.parser import OutputParser
from promptweave.output.wire import syntax_from_wire, syntax_to_wire
from tests.support.compiler.templates import template
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import sample

WEATHER = Tool(
    "get_weather",
    "Get the weather",
    {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "The city"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
        "required": ["city"],
    },
)
FORECAST = Tool(
    "get_weather_forecast",
    "Get a forecast",
    {
        "type": "object",
        "properties": {"days": {"type": "integer"}, "city": {"type": "string"}},
        "required": ["days", "city"],
    },
)
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "number"}},
    "required": ["answer"],
    "additionalProperties": False,
}
QUESTION = ChatRequest((Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "How is the weather?")), (WEATHER, FORECAST))
CHOICES = {
    "auto": ToolChoice(),
    "required": ToolChoice(required=True),
    "named": ToolChoice(True, ("get_weather",)),
    "allowed": ToolChoice(False, ("get_weather_forecast",)),
}


def read(compiled: Compiled, text: str) -> tuple[ParsedMessage, bool]:
    """Parse an output; also returns whether it is complete."""
    parser = OutputParser(syntax_from_wire(syntax_to_wire(compiled.syntax)))
    message = ParsedMessage()
    message.extend([*parser.start(), *parser.feed(text), *parser.finish()])
    return message, parser.complete


def calls_of(message: ParsedMessage) -> list[tuple[str, object]]:
    """Return name and arguments of each call."""
    return [(call.name, json.loads(call.arguments)) for call in message.tool_calls]


def check_samples(request: ChatRequest, compiled: Compiled, number: int) -> None:
    """Assert that random sentences of the grammar are messages that the request allows, with valid arguments."""
    assert compiled.grammar
    grammar = grammar_from_gbnf(compiled.grammar)
    tools = {tool.name: tool for tool in request.tools}
    allowed = request.tool_choice.names or tuple(tools)
    for seed in range(number):
        text = sample(grammar, random.Random(seed), budget=150)
        message, complete = read(compiled, text)
        assert complete, (text, message)
        assert not message.warnings
        for name, arguments in calls_of(message):
            assert name in allowed
            jsonschema.validate(arguments, tools[name].parameters)
        assert message.tool_calls or not request.tool_choice.required
        assert len(message.tool_calls) <= 1 or request.parallel_tool_calls
        if request.response_format and not message.tool_calls:
            jsonschema.validate(json.loads(message.content or ""), request.response_format.schema)
        if request.tool_choice.required:
            assert message.content is None


WIDE = Tool(
    "get_weather",
    "Everything that plain arguments may be",
    {
        "type": "object",
        "properties": {
            "any": {"type": "string", "description": "free text"},
            "unit": {"enum": ["celsius", "fahrenheit", "c"]},
            "n": {"type": "integer"},
            "x": {"type": ["number", "null"]},
            "ok": {"type": "boolean"},
            "word": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "list": {"type": "array", "items": {"type": "string"}},
            "obj": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"]},
        },
        "$defs": {"A": {"enum": ["p", "q", 1]}},
        "required": ["unit", "n"],
    },
)
BARE = Tool("get_weather_forecast")
WIDE_QUESTION = replace(QUESTION, tools=(WIDE, BARE))


def profile_of(name: str) -> Profile:
    return profile(template(name))


def check_splits(compiled: Compiled, number: int) -> None:
    """Assert that an output fed in random pieces is parsed like the same output fed at once."""
    grammar = grammar_from_gbnf(compiled.grammar or "")
    for seed in range(number):
        chance = random.Random(seed)
        text = sample(grammar, chance, budget=150)
        parser, message = OutputParser(compiled.syntax, new_id=lambda: "id"), ParsedMessage()
        whole, once = OutputParser(compiled.syntax, new_id=lambda: "id"), ParsedMessage()
        once.extend([*whole.start(), *whole.feed(text), *whole.finish()])
        message.extend(parser.start())
        while text:
            length = chance.randint(1, 4)
            message.extend(parser.feed(text[:length]))
            text = text[length:]
        message.extend(parser.finish())
        assert message == once
