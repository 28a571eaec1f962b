"""Message forms that some templates require: content as a list of parts, results inside the calling message."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from promptweave.compiler.json_text import loads

TemplateMessage = Mapping[str, Any]
"""A message in the form that templates receive."""


CONTENT = "content"
"""The reasoning key of templates that take reasoning as a part of the content, of type `thinking` (Mistral's API)."""


def with_reasoning(turn: TemplateMessage, key: str, reasoning: str) -> dict[str, Any]:
    """Return a message with reasoning in the field `key`, or before its content if that is `content`."""
    if key != CONTENT:
        return {**turn, key: reasoning}
    return {**turn, "content": [{"type": "thinking", "thinking": reasoning}, *in_parts(turn)["content"]]}


def prints_parts(shown: str) -> bool:
    """Return whether a template prints the list of `with_reasoning` as it is, instead of what the list says."""
    return re.search(r"""["']thinking["']\s*:""", shown) is not None


def in_parts(turn: TemplateMessage) -> dict[str, Any]:
    """Return a message with its content as a list of parts, which it may be already."""
    if isinstance(turn["content"], list):
        return dict(turn)
    return {**turn, "content": [{"type": "text", "text": turn["content"]}] if turn["content"] else []}


def results_in_calls(messages: Sequence[TemplateMessage]) -> list[TemplateMessage]:
    """Return messages with the results of calls as `tool_responses` of the calling message; results without a call stay.

    The answer after them becomes that message's content: such templates treat all of it as one turn of the model.
    """
    done: list[TemplateMessage] = []
    for message in messages:
        last = done[-1] if done and done[-1].get("tool_calls") else {}
        responses = last.get("tool_responses", ())
        if message["role"] == "tool" and last:
            response = {"name": message.get("name", "unknown"), "response": _parsed(message["content"])}
            done[-1] = {**last, "tool_responses": [*responses, response]}
        elif set(message) == {"role", "content"} and message["role"] == "assistant" and responses and not last["content"]:
            done[-1] = {**last, "content": message["content"]}
        else:
            done.append(message)
    return done


def _parsed(content: Any) -> Any:
    try:
        return loads(content) if isinstance(content, str) else content
    except ValueError:
        return content
