"""The training data of the shipped model, which `demo/` makes with the product's own functions."""

import json
import sys
from pathlib import Path
from random import Random

import pytest
from jsonschema import Draft202012Validator

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.profile.profile import profile
from promptweave.compiler.service.convert import chat_request_from_wire
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.facade.openai.chat.request.to_grpc import compile_request_from_openai

DEMO = Path(__file__).parents[2] / "demo"
sys.path.insert(0, str(DEMO))
try:
    from conversations import CATEGORIES, drawn
    from render import pieces
    from words import Words
finally:
    sys.path.remove(str(DEMO))

TEMPLATE = ChatTemplate((DEMO / "chat_template.jinja").read_text(encoding="utf-8"), eos_token="<|im_end|>")


def test_calls_are_written_as_the_template_does() -> None:
    found = profile(TEMPLATE)
    assert (found.style, found.tools_published, found.stops) == ("native", True, ("<|im_end|>",))


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("evaluation", [False, True])
def test_a_prompt_is_what_the_compiler_makes_of_the_request(category: str, evaluation: bool) -> None:
    words = Words(Random(7), evaluation=evaluation)
    for _ in range(12):
        conversation = CATEGORIES[category][0](words)
        body = {**conversation, "messages": conversation["messages"][:-1]}
        wire, _ = compile_request_from_openai(body)
        compiled = compile_prompt(chat_request_from_wire(wire), TEMPLATE)
        assert not compiled.warnings
        # Without the answer and what ends its line.
        assert compiled.prompt == "".join(text for text, _ in pieces(conversation)[:-2])


def test_calls_are_valid_for_their_tools() -> None:
    words = Words(Random(11), evaluation=False)
    number = 0
    for _ in range(300):
        _, conversation = drawn(words)
        schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in conversation.get("tools", [])}
        for message in conversation["messages"]:
            for call in message.get("tool_calls") or ():
                arguments = json.loads(call["function"]["arguments"])
                schema = schemas[call["function"]["name"]]
                Draft202012Validator(schema).validate(arguments)
                # The grammar knows no other order, and no others.
                assert list(arguments) == [name for name in schema["properties"] if name in arguments]
                number += 1
    assert number > 250


def test_the_same_seed_gives_the_same_conversations() -> None:
    first, second = (Words(Random(3), evaluation=False) for _ in range(2))
    assert [drawn(first) for _ in range(20)] == [drawn(second) for _ in range(20)]


@pytest.mark.parametrize("name", ["cities", "first", "last", "nouns", "topics"])
def test_what_is_held_out_is_not_trained_on(name: str) -> None:
    trained, kept = (set(getattr(Words(Random(0), evaluation=evaluation), name)) for evaluation in (False, True))
    assert kept
    assert trained.isdisjoint(kept)
