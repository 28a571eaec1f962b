"""Bodies of the requests to `/v1/conversations`, as OpenAI's clients send them."""

from typing import Any

from promptweave.facade.bodies.body import Body, example
from promptweave.facade.bodies.examples import MESSAGES


class ConversationBody(Body):
    """A new conversation."""

    model_config = example({"items": MESSAGES, "metadata": {"topic": "travel"}})

    items: list[dict[str, Any]] = []
    """Its first items, like those of a response's input."""
    metadata: dict[str, str] = {}
    """Texts that are returned with the conversation."""


class ConversationUpdate(Body):
    """New metadata of a conversation."""

    model_config = example({"metadata": {"topic": "travel"}})

    metadata: dict[str, str] = {}
    """Texts that are returned with the conversation; they replace the earlier ones."""


class ItemsBody(Body):
    """Items to add to a conversation."""

    model_config = example({"items": MESSAGES})

    items: list[dict[str, Any]]
    """The items, like those of a response's input."""
