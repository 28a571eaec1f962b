"""Harmony's messages against openai-harmony, OpenAI's own renderer and parser: each reads what the other admits.

`pip install -e '.[harmony]'` installs it. It downloads its vocabulary; offline, the environment variable
TIKTOKEN_ENCODINGS_BASE names a folder with `o200k_base.tiktoken`.
"""

import random
import re
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.json_text import dumps
from promptweave.output.message import ParsedMessage
from tests.support.compiler.templates import template
from tests.support.compiler.tool_calls import QUESTION, read
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts, sample

harmony: Any = pytest.importorskip("openai_harmony", reason="openai-harmony is not installed")
try:
    ENCODING = harmony.load_harmony_encoding("HarmonyGptOss")
except harmony.HarmonyError as error:
    pytest.skip(f"openai-harmony has no vocabulary: {error}", allow_module_level=True)

COMPILED = compile_prompt(QUESTION, template("messages"))
GRAMMAR = grammar_from_gbnf(COMPILED.grammar or "")
START = "<|start|>assistant"
STOPS = re.compile(r"<\|(end|call|return)\|>\Z")


class Said(NamedTuple):
    """One message: its channel, its text, and the function it calls, with the content type as the model writes it."""

    channel: str
    text: str
    function: str = ""
    content_type: str | None = None


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LEADING = st.builds(Said, st.sampled_from(["analysis", "commentary"]), TEXTS, st.just(""), st.none())
FINAL = st.builds(Said, st.just("final"), TEXTS, st.just(""), st.none())
UNITS = st.sampled_from([{}, {"unit": "celsius"}, {"unit": "fahrenheit"}])
CITIES = st.builds(lambda city, unit: dumps({"city": city, **unit}), TEXTS, UNITS)
DAYS = st.builds(lambda days, city: dumps({"days": days, "city": city}), st.integers(-(10**9), 10**9), TEXTS)
TYPES = st.sampled_from([None, "json", "<|constrain|>json", "code"])
CHANNELS = st.sampled_from(["commentary", "analysis"])
CALLS = st.builds(Said, CHANNELS, CITIES, st.just("get_weather"), TYPES) | st.builds(
    Said, CHANNELS, DAYS, st.just("get_weather_forecast"), TYPES
)
ANSWERS = st.tuples(st.lists(LEADING, max_size=4), CALLS | FINAL).map(lambda parts: [*parts[0], parts[1]])


def rendered(said: Said) -> str:
    """Return a message as openai-harmony renders it."""
    message = harmony.Message.from_role_and_content(harmony.Role.ASSISTANT, said.text).with_channel(said.channel)
    if said.function:
        message = message.with_recipient(f"functions.{said.function}")
    if said.content_type:
        message = message.with_content_type(said.content_type)
    return str(ENCODING.decode_utf8(ENCODING.render(message)))


def in_channel(text: str) -> str:
    """Return a message with its recipient behind the channel, where models write it: the renderer puts it into the role."""
    return re.sub(rf"\A{re.escape(START)}( to=functions\.\w+)(<\|channel\|>\w+)", rf"{START}\2\1", text)


def parsed(text: str) -> list[Said]:
    """Return the messages that openai-harmony reads in an output."""
    tokens = ENCODING.encode(text, allowed_special="all")
    return [
        Said(one.channel, one.content[0].text, (one.recipient or "").removeprefix("functions."), one.content_type)
        for one in ENCODING.parse_messages_from_completion_tokens(tokens, harmony.Role.ASSISTANT)
    ]


def check(said: list[Said], message: ParsedMessage) -> None:
    """Assert that a parsed message is what the messages say."""
    thoughts = [one.text for one in said if one.channel == "analysis" and not one.function]
    contents = [one.text for one in said if one.channel != "analysis" and not one.function]
    calls = [(one.function, one.text) for one in said if one.function]
    assert _joined(message.reasoning_content) == _joined("".join(thoughts))
    assert _joined(message.content) == _joined("".join(contents))
    assert [(call.name, call.arguments) for call in message.tool_calls] == calls
    assert not message.warnings


def _joined(text: str | None) -> str:
    """Return a text without line feeds: a blank line separates the messages."""
    return (text or "").replace("\n", "")


@given(ANSWERS, st.booleans())
@settings(max_examples=300, deadline=None)
def test_what_the_reference_renders_is_admitted_and_read(said: list[Said], moved: bool) -> None:
    texts = [in_channel(rendered(one)) if moved else rendered(one) for one in said]
    output = STOPS.sub("", "".join(texts).removeprefix(START))
    assert accepts(GRAMMAR, output)
    message, complete = read(COMPILED, output)
    assert complete
    check(said, message)
    assert parsed(output) == said


@pytest.mark.parametrize("seed", range(200))
def test_what_the_grammar_admits_is_read_by_the_reference(seed: int) -> None:
    output = STOPS.sub("", sample(GRAMMAR, random.Random(seed), budget=150))
    message, complete = read(COMPILED, output)
    assert complete
    # The parser takes the content type of a message without recipient for its recipient.
    check([one._replace(function="") if one.channel == "final" else one for one in parsed(output)], message)
