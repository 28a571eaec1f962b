"""Searches for tools that ran on the server, as items of a response: the calls, and the tools that were found."""

import json
import secrets
from collections.abc import Iterator, Sequence

from promptweave.common.json_object import JsonObject
from promptweave.facade.tool_search.history import Search
from promptweave.v1 import chat_pb2


def search_items(searches: Sequence[Search]) -> Iterator[JsonObject]:
    """Yield the items of one round, complete: first the calls, which are one message of the model."""
    for search in searches:
        yield _item("tool_search_call", "tsc", search, {"arguments": {"query": search.query}})
    for search in searches:
        yield _item("tool_search_output", "tso", search, {"tools": [*_tool_objects(search.tools)]})


def _item(kind: str, prefix: str, search: Search, more: JsonObject) -> JsonObject:
    common = {"call_id": search.id, "execution": "server", "status": "completed"}
    return {"id": f"{prefix}_{secrets.token_hex(16)}", "type": kind, **common, **more}


def _tool_objects(tools: Sequence[chat_pb2.Tool]) -> Iterator[JsonObject]:
    """Yield the tools, best first. Those of a namespace stand in it together, at the position of the first one."""
    namespaces: dict[str, JsonObject] = {}
    for tool in tools:
        made = _custom(tool.custom) if tool.HasField("custom") else _function(tool.function)
        if not tool.namespace:
            yield made
        elif tool.namespace in namespaces:
            namespaces[tool.namespace]["tools"].append(made)
        else:
            group = {"type": "namespace", "name": tool.namespace, "description": "", "tools": [made]}
            namespaces[tool.namespace] = group
            yield group


def _function(function: chat_pb2.FunctionTool) -> JsonObject:
    return {
        "type": "function",
        "name": function.name,
        "description": function.description,
        "parameters": json.loads(function.parameters) if function.HasField("parameters") else None,
        "strict": function.strict,
        "defer_loading": True,
    }


def _custom(custom: chat_pb2.CustomTool) -> JsonObject:
    made: JsonObject = {"type": "custom", "name": custom.name, "description": custom.description, "defer_loading": True}
    if custom.HasField("grammar"):
        syntax = chat_pb2.TextGrammar.Syntax.Name(custom.grammar.syntax).removeprefix("SYNTAX_").lower()
        made["format"] = {"type": "grammar", "syntax": syntax, "definition": custom.grammar.definition}
    return made
