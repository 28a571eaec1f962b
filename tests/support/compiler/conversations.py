"""Conversations of every shape that clients send, and the texts that a prompt must contain. Every text is unique."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from promptweave.compiler.render.prompt import PromptRenderer
from promptweave.compiler.request import ChatRequest, Message, Role, Tool, ToolCall
from promptweave.compiler.styles.native import NATIVE
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.compiler.warnings import CompileWarning

TOOLS = (
    Tool(
        "get_weather",
        "Get the weather",
        {"type": "object", "properties": {"city": {"type": "string", "description": "The city"}}, "required": ["city"]},
    ),
    # Nothing of it is described, and its argument has no `type`.
    Tool("find_place", "", {"type": "object", "properties": {"place": {"enum": ["a", "b"]}}}),
)


@dataclass(frozen=True)
class Shape:
    """A conversation and its tools."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()

    def request(self) -> ChatRequest:
        """The request to compile."""
        return ChatRequest(self.messages, self.tools)


def system(text: str) -> Message:
    return Message(Role.SYSTEM, text)


def user(text: str) -> Message:
    return Message(Role.USER, text)


def assistant(text: str | None = None, *calls: ToolCall, thought: str | None = None) -> Message:
    return Message(Role.ASSISTANT, text, tool_calls=calls, reasoning_content=thought)


def result(text: str, id_: str | None) -> Message:
    return Message(Role.TOOL, text, tool_call_id=id_)


def call(value: str, id_: str, name: str = "get_weather", key: str = "city") -> ToolCall:
    return ToolCall(id_, name, json.dumps({key: value}))


LONG = "call_Wn4bYc0RkQ7mTz2LxVh9aS1p"
ONE = call("Vaduz", "abcdefgh1")
TWO = (ONE, call("Quito", "abcdefgh2"))
ASK, ASK2 = user("Is it raining there?"), user("And what about tomorrow?")
SAID = assistant("It is pouring, take a coat.")

SHAPES: dict[str, Shape] = {
    "user": Shape((ASK,)),
    "system+user": Shape((system("Speak like a sailor."), ASK)),
    "user+tools": Shape((ASK,), TOOLS),
    "system+user+tools": Shape((system("Speak like a sailor."), ASK), TOOLS),
    "turns": Shape((ASK, SAID, ASK2)),
    "consecutive users": Shape((ASK, ASK2)),
    "consecutive assistants": Shape((ASK, SAID, assistant("Or an umbrella."), ASK2)),
    "developer": Shape((Message(Role.DEVELOPER, "Never mention snow."), ASK)),
    "system+developer": Shape((system("Speak like a sailor."), Message(Role.DEVELOPER, "Never mention snow."), ASK)),
    "later system": Shape((ASK, SAID, system("From now on in French."), ASK2)),
    "system at the end": Shape((ASK, SAID, system("From now on in French."))),
    "later developer+tools": Shape((ASK, SAID, Message(Role.DEVELOPER, "From now on in French."), ASK2), TOOLS),
    "system only": Shape((system("Speak like a sailor."),)),
    "system only+tools": Shape((system("Speak like a sailor."),), TOOLS),
    "assistant first": Shape((assistant("Ahoy, what do you need?"), ASK)),
    "assistant first+system": Shape((system("Speak like a sailor."), assistant("Ahoy, what do you need?"), ASK)),
    "assistant only": Shape((assistant("Ahoy, what do you need?"),)),
    "assistant last": Shape((ASK, SAID)),
    "empty user": Shape((user(""), SAID, ASK2)),
    "empty assistant": Shape((ASK, assistant(""), ASK2)),
    "empty system": Shape((system(""), ASK)),
    "null user": Shape((Message(Role.USER), SAID, ASK2)),
    "call+result": Shape((ASK, assistant("", ONE), result("17 degrees, drizzle", ONE.id)), TOOLS),
    "content null": Shape((ASK, assistant(None, ONE), result("17 degrees, drizzle", ONE.id)), TOOLS),
    "call, no result": Shape((ASK, assistant(None, ONE)), TOOLS),
    "call, no result, user": Shape((ASK, assistant(None, ONE), ASK2), TOOLS),
    "no arguments": Shape(
        (ASK, assistant(None, ToolCall("abcdefgh1", "find_place", "{}")), result("17", "abcdefgh1")), TOOLS
    ),
    "preamble": Shape((ASK, assistant("Let me look outside.", ONE), result("17 degrees, drizzle", ONE.id)), TOOLS),
    "parallel": Shape((ASK, assistant(None, *TWO), result("17 drizzle", TWO[0].id), result("25 sun", TWO[1].id)), TOOLS),
    "results swapped": Shape((ASK, assistant(None, *TWO), result("25 sun", TWO[1].id), result("17 mist", TWO[0].id)), TOOLS),
    "preamble+parallel": Shape(
        (ASK, assistant("Let me look.", *TWO), result("17 drizzle", TWO[0].id), result("25 sun", TWO[1].id)), TOOLS
    ),
    "long ids": Shape((ASK, assistant(None, call("Vaduz", LONG)), result("17 degrees, drizzle", LONG)), TOOLS),
    "reasoning": Shape(
        (ASK, assistant(None, ONE, thought="I should look it up."), result("17 degrees, drizzle", ONE.id)), TOOLS
    ),
    "reasoning+preamble": Shape(
        (ASK, assistant("Let me look.", ONE, thought="I should look it up."), result("17 degrees, drizzle", ONE.id)), TOOLS
    ),
    "old reasoning": Shape((ASK, assistant("Pouring, take a coat.", thought="I should look it up."), ASK2)),
    "whole exchange": Shape((ASK, assistant(None, ONE), result("17 degrees, drizzle", ONE.id), SAID, ASK2), TOOLS),
    "user after result": Shape((ASK, assistant(None, ONE), result("17 degrees, drizzle", ONE.id), ASK2), TOOLS),
    "two rounds": Shape(
        (
            *(ASK, assistant(None, ONE), result("17 degrees, drizzle", ONE.id)),
            *(assistant(None, TWO[1]), result("25 sun", TWO[1].id), SAID, ASK2),
        ),
        TOOLS,
    ),
    "history, no tools": Shape((ASK, assistant(None, ONE), result("17 degrees, drizzle", ONE.id), SAID, ASK2)),
    "history, no tools, parallel": Shape((ASK, assistant("Let me look.", *TWO), result("17 drizzle", TWO[0].id), ASK2)),
    "two results": Shape((ASK, assistant(None, ONE), result("17 degrees", ONE.id), result("and drizzle", ONE.id)), TOOLS),
    "unknown id": Shape((ASK, assistant(None, ONE), result("17 degrees, drizzle", "abcdefgh9")), TOOLS),
    "unknown long id": Shape((ASK, assistant(None, ONE), result("17 degrees, drizzle", LONG)), TOOLS),
    "no id": Shape((ASK, assistant(None, call("Vaduz", "")), result("17 degrees, drizzle", None)), TOOLS),
    "result alone": Shape((ASK, result("17 degrees, drizzle", "abcdefgh1")), TOOLS),
    "result first": Shape((result("17 degrees, drizzle", "abcdefgh1"),)),
    "unknown tool": Shape(
        (ASK, assistant(None, call("Vaduz", "abcdefgh1", "get_tide")), result("high", "abcdefgh1")), TOOLS
    ),
    "empty result": Shape((ASK, assistant(None, ONE), result("", ONE.id)), TOOLS),
    "system after call": Shape(
        (ASK, assistant(None, ONE), result("17 degrees, drizzle", ONE.id), system("From now on in French.")), TOOLS
    ),
    "short": Shape((system("a"), user("b"), assistant("c"), user("d"))),
}


def texts(request: ChatRequest) -> Iterator[tuple[str, str]]:
    """Every text that people and tools contributed, with its pointer, as it must be found in the prompt."""
    for place, message in enumerate(request.messages):
        base = f"/messages/{place}"
        if message.content:
            yield f"{base}/content", message.content
        for number, called in enumerate(message.tool_calls):
            yield f"{base}/tool_calls/{number}/function/name", called.name
            for value in json.loads(called.arguments).values():
                yield f"{base}/tool_calls/{number}/function/arguments", value


def last_reasoning(request: ChatRequest) -> tuple[str, str] | None:
    """The reasoning of the turn that is going on: older reasoning may go."""
    for place in reversed(range(len(request.messages))):
        message = request.messages[place]
        if message.role is Role.USER:
            return None
        if message.reasoning_content:
            return f"/messages/{place}/reasoning_content", message.reasoning_content
    return None


def missing_texts(request: ChatRequest, prompt: str) -> list[str]:
    """The pointers of what the prompt does not hold. A text that also stands in a tool's definition may fool it."""
    wanted = [*texts(request), *filter(None, [last_reasoning(request)])]
    return [pointer for pointer, text in wanted if text not in prompt]


def rendered(request: ChatRequest, template: ChatTemplate) -> tuple[str, list[CompileWarning]]:
    """The prompt with tools and calls in the template's own words, whether or not the output could be read, and warnings."""
    rendered = PromptRenderer(template, NATIVE).render(request)
    return rendered.prompt, list(rendered.warnings)
