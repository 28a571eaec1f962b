"""Items of the Responses API: their types, and their form in the store and in lists."""

import base64
import secrets
from collections.abc import Mapping
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.bodies.body import read_body
from promptweave.facade.errors import RequestError
from promptweave.facade.openai.responses.request.item_body import ItemReference

_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "reasoning": "rs",
    "shell_call": "sh",
    "local_shell_call": "lsh",
    "apply_patch_call": "apc",
    "computer_call": "cu",
    "tool_search_call": "tsc",
    "tool_search_output": "tso",
    "additional_tools": "at",
    "compaction": "cmp",
    "response": "resp",
    "conversation": "conv",
}
"""The kinds of items and other objects that are created here, and the prefixes of their ids."""

_COMPLETED: JsonObject = {"status": "completed"}
_BY_CLIENT: JsonObject = {"call_id": None, "execution": "client"}
_DEFAULTS: Mapping[str, JsonObject] = {
    **dict.fromkeys(("message", "function_call", "function_call_output"), _COMPLETED),
    **dict.fromkeys(("custom_tool_call", "custom_tool_call_output"), _COMPLETED),
    "tool_search_call": {**_COMPLETED, **_BY_CLIENT},
    "tool_search_output": {**_COMPLETED, **_BY_CLIENT},
    "reasoning": {"summary": []},
}
"""Fields of items that clients may leave out, and those who list them expect."""

REFERENCE = "item_reference"


def new_id(kind: str) -> str:
    """Return a new id for an item, a `response` or a `conversation`."""
    return f"{_PREFIXES.get(kind, 'item')}_{secrets.token_hex(16)}"


def item_type(item: Mapping[str, Any], path: str) -> str:
    """Return an item's kind, which clients may leave out. Raises RequestError."""
    kind = item.get("type")
    if kind is None:
        return "message" if "role" in item else REFERENCE
    if not isinstance(kind, str):
        raise RequestError("an item's type must be a string", path=f"{path}/type")
    return kind


def reference(item: Mapping[str, Any], path: str) -> str | None:
    """Return the id of the referenced item; None for another kind of item."""
    return read_body(ItemReference, item, path).id if item_type(item, path) == REFERENCE else None


def kept_item(item: Mapping[str, Any]) -> JsonObject:
    """Convert an input item to OpenAI's listed form: with an id, a status, and content in parts."""
    kind = item_type(item, "")
    kept = {**{key: value for key, value in item.items() if value is not None}, "type": kind}
    if not isinstance(kept.get("id"), str):
        kept["id"] = new_id(kind)
    if kind == "message" and isinstance(kept.setdefault("content", ""), str):
        text: JsonObject = {"type": "input_text", "text": kept["content"]}
        if kept["role"] == "assistant":
            text = {"type": "output_text", "text": kept["content"], "annotations": [], "logprobs": []}
        kept["content"] = [text]
    return {**_DEFAULTS.get(kind, {}), **kept}


def encrypted(reasoning: str) -> str:
    """Encode reasoning as `encrypted_content`: opaque to clients, but not secret, since it is in `content` as well."""
    return base64.b64encode(reasoning.encode()).decode()
