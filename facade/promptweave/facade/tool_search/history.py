"""Searches for tools in a conversation: as the model made them, or as clients that know nothing of them leave them out."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from promptweave.facade.tool_search.offer import NAMES, TOOL_NAME, call_name, deferred_tools, key_of, plain_name
from promptweave.v1 import chat_pb2, prompt_compiler_pb2

NOTHING_FOUND = "No tool matches. Search again with other words, or answer without one."


@dataclass(frozen=True)
class Search:
    """A search that the model made: the id of its call, its words, and the tools that were found, best first."""

    id: str
    query: str
    tools: Sequence[chat_pb2.Tool]


@dataclass(frozen=True)
class SearchRound:
    """The searches that the model made at the same time, in one message."""

    searches: Sequence[Search]


def search_call(id: str, query: str) -> chat_pb2.ToolCall:
    """Return the call of a search."""
    arguments = json.dumps({"query": query}, ensure_ascii=False)
    return chat_pb2.ToolCall(id=id, function=chat_pb2.FunctionCall(name=TOOL_NAME, arguments=arguments))


def search_result(id: str, references: Sequence[chat_pb2.ToolReference]) -> chat_pb2.Message:
    """Return the result of a search: references to tools, which become their definitions."""
    content = [chat_pb2.ContentPart(tool_reference=reference) for reference in references]
    return chat_pb2.Message(
        role=chat_pb2.ROLE_TOOL, tool_call_id=id, content=content or [chat_pb2.ContentPart(text=NOTHING_FOUND)]
    )


def reference_to(tool: chat_pb2.Tool) -> chat_pb2.ToolReference:
    """Return a reference to a tool."""
    return chat_pb2.ToolReference(name=plain_name(tool), namespace=tool.namespace)


def query_of(call: chat_pb2.ToolCall) -> str:
    """Return the words of a search; empty if its arguments have none. Anthropic's searches may have a pattern instead."""
    try:
        arguments = json.loads(call.function.arguments)
    except (ValueError, RecursionError):
        return ""
    found = arguments.get("query", arguments.get("pattern")) if isinstance(arguments, dict) else None
    return found if isinstance(found, str) else ""


@dataclass(frozen=True)
class History:
    """A conversation with its searches. `origins`: for each message the index of the message that it is, or is before."""

    messages: Sequence[chat_pb2.Message]
    origins: Sequence[int]


def with_searches(request: prompt_compiler_pb2.CompileRequest) -> History:
    """Return the messages as they are in the prompt.

    Searches of all APIs get the form in which the model made them, so that the prompt is the one in the engine's cache. A
    call of a deferred tool that nothing has loaded gets a search before it: chat completions have no place for searches.
    """
    rewriting = _Rewriting(request)
    for place, message in enumerate(request.messages):
        rewriting.add(message, place)
    return History(rewriting.messages, rewriting.origins)


class _Rewriting:
    """Messages that are rewritten one after the other."""

    def __init__(self, request: prompt_compiler_pb2.CompileRequest) -> None:
        self.messages: list[chat_pb2.Message] = []
        self.origins: list[int] = []
        self._known = {key_of(tool) for tool in request.tools}
        self._waiting = {key_of(tool): tool for tool in deferred_tools(request)}
        """Deferred tools that no message has loaded."""
        self._searches: set[str] = set()
        """The ids of the searches."""

    def add(self, message: chat_pb2.Message, place: int) -> None:
        """Add a message."""
        if missing := self._not_loaded(message):
            id = f"search_{place}"
            query = " ".join(plain_name(tool) for tool in missing)
            call = chat_pb2.Message(role=chat_pb2.ROLE_ASSISTANT, tool_calls=[search_call(id, query)])
            for made in (call, search_result(id, [reference_to(tool) for tool in missing])):
                self._append(made, place)
        self._append(self._as_made(message), place)

    def _append(self, message: chat_pb2.Message, place: int) -> None:
        for part in message.content:
            if part.HasField("tool_reference"):
                self._loaded(part.tool_reference.namespace, part.tool_reference.name)
        self.messages.append(message)
        self.origins.append(place)

    def _not_loaded(self, message: chat_pb2.Message) -> list[chat_pb2.Tool]:
        """Return the tools that a message calls before anything has loaded them."""
        called = {(call.namespace, call_name(call)) for call in message.tool_calls}
        return [tool for key, tool in self._waiting.items() if key in called]

    def _loaded(self, namespace: str, name: str) -> None:
        # A reference without a namespace is to the first tool of this name.
        key = next((key for key in self._waiting if key[1] == name and namespace in ("", key[0])), None)
        if key is not None:
            del self._waiting[key]

    def _as_made(self, message: chat_pb2.Message) -> chat_pb2.Message:
        """Return the message with searches, and results of searches, in the form in which the model saw them."""
        references = [part.tool_reference for part in message.content if part.HasField("tool_reference")]
        # Without an id, only references show that it is a result of a search.
        is_result = message.role == chat_pb2.ROLE_TOOL and bool(message.tool_call_id or references)
        if is_result and message.tool_call_id in self._searches:
            result = search_result(message.tool_call_id, references)
            result.tools.extend(tool for tool in message.tools if key_of(tool) not in self._known)
            return result
        found = [call for call in message.tool_calls if call_name(call) in NAMES]
        if not found:
            return message
        self._searches |= {call.id for call in found}
        made = chat_pb2.Message()
        made.CopyFrom(message)
        for call in made.tool_calls:
            if call_name(call) in NAMES:
                call.CopyFrom(search_call(call.id, query_of(call)))
        return made
