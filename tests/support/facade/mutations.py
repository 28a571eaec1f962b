"""Faults of transcripts, as clients, proxies and cut answers cause them: none is a reason to refuse a conversation."""

import json
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from random import Random
from typing import Any

from tests.support.facade.transcripts import Words

JsonObject = dict[str, Any]
Mutation = Callable[[JsonObject, str, Random, Words], None]
"""Changes the body of a request to an API (`chat`, `responses` or `messages`) in place; it may find nothing to change."""

_ROLES = {
    "chat": ("system", "developer", "user", "assistant", "tool", "function"),
    "responses": ("system", "developer", "user", "assistant"),
    "messages": ("user", "assistant", "system"),
}


def mutated(body: JsonObject, api: str, random: Random) -> JsonObject:
    """Return a body with some faults."""
    changed = deepcopy(body)
    words = Words(random)
    words.skip(500_000)
    for _ in range(random.choice((0, 1, 1, 2, 3, 5))):
        random.choice(MUTATIONS)(changed, api, random, words)
    key = items_key(api)
    if not changed[key]:
        changed[key] = deepcopy(body[key])
    return changed


def items_key(api: str) -> str:
    """Return the field with the messages or items."""
    return "input" if api == "responses" else "messages"


def _lists(body: JsonObject, api: str) -> list[list[Any]]:
    """Return the lists whose items have an order: messages, contents, calls."""
    items = body[items_key(api)]
    keys = ("content", "tool_calls", "output")
    nested = [value for item in items for key in keys if isinstance(value := item.get(key), list)]
    return [items, items, *(one for one in nested if one)]


def _objects(value: Any, *keys: str) -> Iterator[JsonObject]:
    """Yield the objects in a JSON value that have one of the keys."""
    if isinstance(value, dict):
        if any(key in value for key in keys):
            yield value
        for item in value.values():
            yield from _objects(item, *keys)
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item, *keys)


def _one(random: Random, body: JsonObject, api: str, *keys: str) -> tuple[JsonObject, str] | None:
    found = [(one, key) for one in _objects(body[items_key(api)], *keys) for key in keys if key in one]
    return random.choice(found) if found else None


# -- order --


def _drop(body: JsonObject, api: str, random: Random, words: Words) -> None:
    items = random.choice(_lists(body, api))
    if items:
        del items[random.randrange(len(items))]


def _duplicate(body: JsonObject, api: str, random: Random, words: Words) -> None:
    items = random.choice(_lists(body, api))
    if items:
        items.insert(random.randrange(len(items) + 1), deepcopy(random.choice(items)))


def _swap(body: JsonObject, api: str, random: Random, words: Words) -> None:
    items = random.choice(_lists(body, api))
    if items:
        items.insert(random.randrange(len(items)), items.pop(random.randrange(len(items))))


def _move_block(body: JsonObject, api: str, random: Random, words: Words) -> None:
    """Move a part of a content to another message's, or a call to another message."""
    source, target = random.choice(_lists(body, api)[2:] or [[]]), random.choice(_lists(body, api)[2:] or [[]])
    if source:
        target.insert(0, source.pop())


def _cut(body: JsonObject, api: str, random: Random, words: Words) -> None:
    items = body[items_key(api)]
    start = random.randrange(len(items)) if items and random.random() < 0.5 else 0
    body[items_key(api)] = items[start : random.randint(start + 1, len(items) + 1)]


# -- fields --


def _role(body: JsonObject, api: str, random: Random, words: Words) -> None:
    messages = [item for item in body[items_key(api)] if "role" in item]
    if messages:
        random.choice(messages)["role"] = random.choice(_ROLES[api])


def _content(body: JsonObject, api: str, random: Random, words: Words) -> None:
    found = _one(random, body, api, "content", "output", "summary")
    if found is None:
        return
    item, key = found
    if key == "summary" and item.get("content"):
        return
    kinds = ("text", "input_text", "output_text", "refusal", "mystery", "input_audio", "document")
    part = _part(random.choice(kinds), random, words)
    choices: Sequence[Any] = (None, "", [], [part], [part, part], [{"type": "text", "text": ""}])
    item[key] = random.choice(choices if key != "summary" else choices[2:])
    if random.random() < 0.1:
        del item[key]


def _arguments(body: JsonObject, api: str, random: Random, words: Words) -> None:
    found = _one(random, body, api, "arguments", "input")
    if found is None:
        return
    item, key = found
    given = item[key]
    text = given if isinstance(given, str) else json.dumps(given)
    broken = (
        *(text[: random.randrange(len(text) + 1)], "", "null", "{", json.dumps(text), f"[{text}]", f'"{words.word()}"'),
        *(words.text(), '{"a": NaN}', '{"a": "\\ud83d"}', text * 2, '{"a": 1, "a": 2}', "{" * 300),
    )
    item[key] = random.choice((*broken, None)) if isinstance(given, str) else random.choice((None, {}, {"": {"": []}}))


def _id(body: JsonObject, api: str, random: Random, words: Words) -> None:
    found = _one(random, body, api, "id", "tool_call_id", "call_id", "tool_use_id")
    if found is None:
        return
    item, key = found
    change = random.choice(("remove", "", "call_0", "foreign", "x" * 300, "ü/ \n", None))
    if change == "remove":
        del item[key]
    else:
        item[key] = change


def _name(body: JsonObject, api: str, random: Random, words: Words) -> None:
    calls = [one for one in _objects(body[items_key(api)], "name") if "arguments" in one or "input" in one]
    names = ("", "gone", "read_file", "a.b", "calc__add", "ü", "y" * 300, "two words")
    if not calls:
        return
    call = random.choice(calls)
    call["name"] = random.choice(names)
    if random.random() < 0.1:
        del call["name"]


def _part(kind: str, random: Random, words: Words) -> JsonObject:
    """Return a content part of a type."""
    match kind:
        case "refusal":
            return {"type": kind, "refusal": words.text()}
        case "document":
            return {"type": kind, "source": {"type": "text", "media_type": "text/plain", "data": words.text()}}
        case "tool_reference":
            return {"type": kind, "tool_name": random.choice(("read_file", "gone", ""))}
    return {"type": kind, "text": words.text()}


def _unknown(body: JsonObject, api: str, random: Random, words: Words) -> None:
    """Add an item, a block or a part of a type that nobody knows, or that another server's tools have."""
    unknown: JsonObject = random.choice(
        (
            {"type": "mystery", "text": words.text()},
            {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": words.text()}},
            {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": words.text()}},
            {"type": "mcp_call", "id": "m1", "name": "x", "server_label": "s", "arguments": "{", "output": words.text()},
            {"type": "computer_call_output", "call_id": "c1", "output": {"type": "computer_screenshot"}},
            {"type": "compaction", "encrypted_content": "x"},
            {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}},
        )
    )
    if api == "responses" and random.random() < 0.5:
        items = body["input"]
    else:
        contents = [item["content"] for item in body[items_key(api)] if isinstance(item.get("content"), list)]
        if not contents:
            return
        items = random.choice(contents)
    items.insert(random.randrange(len(items) + 1), unknown)


def _extra_field(body: JsonObject, api: str, random: Random, words: Words) -> None:
    items = [*_objects(body[items_key(api)], "role", "type")]
    if items:
        random.choice(items)[random.choice(("annotations", "cache_control", "status", "phase", "audio", "refusal"))] = None


# -- tools --


def _tools_gone(body: JsonObject, api: str, random: Random, words: Words) -> None:
    body["tools"] = [] if random.random() < 0.5 else body["tools"][1:]


def _tools_deferred(body: JsonObject, api: str, random: Random, words: Words) -> None:
    """Make tools available only when a result refers to them, as some do."""
    for tool in body["tools"][random.randint(0, 1) :]:
        tool["defer_loading"] = random.random() < 0.8
    if api == "responses":
        _found_tools(body["input"], random, words)
        return
    names = [name for tool in body["tools"] if (name := tool.get("name") or tool.get("function", {}).get("name"))]
    contents = [item["content"] for item in body[items_key(api)] if isinstance(item.get("content"), list)]
    for content in random.sample(contents, min(len(contents), 3)):
        part = {"type": "tool_reference", "tool_name": random.choice([*names, "gone"])}
        results = [block["content"] for block in content if isinstance(block.get("content"), list)]
        target = random.choice([content, *results])
        target.insert(random.randrange(len(target) + 1), part)


def _found_tools(items: list[Any], random: Random, words: Words) -> None:
    tool = {"type": "function", "name": "found", "description": words.text(), "defer_loading": True}
    search = {"type": "tool_search_call", "call_id": "ts_1", "execution": "client", "arguments": {"query": words.text()}}
    found = {"type": "tool_search_output", "call_id": "ts_1", "tools": [tool]}
    place = random.randrange(len(items) + 1)
    items[place:place] = [search, found] if random.random() < 0.8 else [found]


def _tools_in_namespace(body: JsonObject, api: str, random: Random, words: Words) -> None:
    if api == "messages":
        return
    for item in _objects(body[items_key(api)], "arguments"):
        if random.random() < 0.5:
            item["namespace"] = random.choice(("mcp__calc", "mcp__gone", ""))
    functions = [tool for tool in body["tools"] if tool.get("type") == "function"]
    if api == "chat":
        for tool in functions:
            tool["namespace"] = "mcp__calc"
    elif functions:
        others = [tool for tool in body["tools"] if tool not in functions]
        space = {"type": "namespace", "name": "mcp__calc", "description": words.text(), "tools": functions}
        body["tools"] = [*others, space]


def _tools_later(body: JsonObject, api: str, random: Random, words: Words) -> None:
    items = body[items_key(api)]
    function = {"name": "later", "description": words.text(), "parameters": {"type": "object"}}
    if random.random() < 0.2:
        function["name"] = "read_file"
    message: JsonObject = {"role": "developer"}
    if api == "responses":
        message |= {"type": "additional_tools", "tools": [{"type": "function", **function}]}
    else:
        message |= {"tools": [{"type": "function", "function": function}]}
    if api != "messages":
        items.insert(random.randrange(len(items) + 1), message)


MUTATIONS: Sequence[Mutation] = (
    *(_drop, _duplicate, _swap, _move_block, _cut),
    *(_role, _content, _content, _arguments, _arguments, _id, _id, _name, _unknown, _unknown, _extra_field),
    *(_tools_gone, _tools_deferred, _tools_deferred, _tools_in_namespace, _tools_later),
)

TYPE_ERRORS: Sequence[tuple[str, Any]] = (("content", 7), ("content", {"text": "x"}), ("role", 7))
"""Fields of messages, with values that no API takes: only these are refused."""


# -- the smallest example --


def simplest(body: JsonObject, fails: Callable[[JsonObject], bool]) -> JsonObject:
    """Return a body of which no item, field or text can be removed so that it still fails."""
    while (smaller := next((one for one in _smaller(body) if fails(one)), None)) is not None:
        body = smaller
    return body


def _smaller(value: Any) -> Iterator[Any]:
    """Yield values with one thing less."""
    if isinstance(value, dict):
        for key in value:
            if key not in ("type", "role", "max_tokens"):
                yield {other: item for other, item in value.items() if other != key}
        for key, item in value.items():
            yield from ({**value, key: less} for less in _smaller(item))
    elif isinstance(value, list):
        half = len(value) // 2
        if half > 1:
            yield from (value[:half], value[half:])
        yield from ([*value[:place], *value[place + 1 :]] for place in range(len(value)))
        for place, item in enumerate(value):
            yield from ([*value[:place], less, *value[place + 1 :]] for less in _smaller(item))
    elif isinstance(value, str) and len(value) > 200:
        yield value[-150:]
