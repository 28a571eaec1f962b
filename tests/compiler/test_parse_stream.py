"""However an output is split, the message is the same: by the parser itself, by Parse and by ParseStream."""

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptweave.compiler.compile import Compiled, compile_prompt
from promptweave.compiler.request import ChatRequest, GrammarSyntax, JsonFormat, TextGrammar, ToolChoice
from promptweave.compiler.service.convert import compiled_to_wire
from promptweave.output.message import ParsedMessage
from promptweave.output.parse.parser import OutputParser
from promptweave.v1 import output_pb2, prompt_compiler_pb2
from promptweave.v1.prompt_compiler_pb2_grpc import PromptCompilerServiceStub
from tests.compiler.test_custom_tools import FREE, LIMITED
from tests.support.compiler.templates import template
from tests.support.compiler.tool_calls import QUESTION, SCHEMA
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import sample

REQUESTS: dict[str, ChatRequest] = {
    "auto": QUESTION,
    "required": replace(QUESTION, tool_choice=ToolChoice(required=True)),
    "custom": replace(QUESTION, tools=(*QUESTION.tools, FREE, LIMITED)),
    "schema": replace(QUESTION, response_format=JsonFormat(SCHEMA)),
    "grammar": replace(QUESTION, response_format=TextGrammar(GrammarSyntax.REGEX, r"[<a-z\n{]{0,9}")),
}
TEMPLATES = ("tagged", "listed", "keyed", "headed", "code", "ids", "channels", "sections", "bare")


@cache
def compiled(name: str, kind: str, style: str = "") -> Compiled:
    return compile_prompt(replace(REQUESTS[kind], style=style), template(name))


def output(of: Compiled, seed: int) -> str:
    """A text of the grammar; of each four one is cut, and one is spoiled."""
    rng = random.Random(seed)
    assert of.grammar
    text = sample(grammar_from_gbnf(of.grammar), rng)
    place = rng.randint(0, len(text))
    return [text, text, text[:place], text[:place] + rng.choice('"}<\u00e9') + text[place:]][seed % 4]


def message(of: Compiled, pieces: list[str]) -> tuple[ParsedMessage, bool]:
    ids = count()
    parser = OutputParser(of.syntax, new_id=lambda: f"call_{next(ids)}")
    found = ParsedMessage()
    found.extend(parser.start())
    for piece in pieces:
        found.extend(parser.feed(piece))
    found.extend(parser.finish())
    return found, parser.complete


def split(text: str, places: list[int]) -> list[str]:
    ends = sorted(place % (len(text) + 1) for place in places)
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(TEMPLATES),
    st.sampled_from(sorted(REQUESTS)),
    st.sampled_from(["", "hermes", "functionary_v2", "generic"]),
    st.integers(0, 10_000),
    st.lists(st.integers(0, 10_000), max_size=30),
)
def test_any_split_gives_the_same_message(name: str, kind: str, style: str, seed: int, places: list[int]) -> None:
    of = compiled(name, kind, style)
    text = output(of, seed)
    whole = message(of, [text])
    assert message(of, split(text, places)) == whole
    assert message(of, list(text)) == whole
    if seed % 4 < 2:
        assert whole[1], "a text of the grammar is complete"


@pytest.mark.anyio
@pytest.mark.parametrize("kind", REQUESTS)
async def test_parse_and_parse_stream_agree(compiler: PromptCompilerServiceStub, kind: str) -> None:
    for seed in range(12):
        of = compiled(TEMPLATES[seed % len(TEMPLATES)], kind)
        text = output(of, seed)
        syntax = compiled_to_wire(of).syntax
        whole = (await compiler.Parse(prompt_compiler_pb2.ParseRequest(syntax=syntax, text=text), timeout=30)).message
        data, rng = text.encode(), random.Random(seed)

        def steps(
            syntax: output_pb2.OutputSyntax = syntax, data: bytes = data, rng: random.Random = rng
        ) -> Iterator[prompt_compiler_pb2.ParseStreamRequest]:
            yield prompt_compiler_pb2.ParseStreamRequest(syntax=syntax)
            place = 0
            while place < len(data):
                length = rng.randint(1, 7)
                yield prompt_compiler_pb2.ParseStreamRequest(text=data[place : place + length])
                place += length
            yield prompt_compiler_pb2.ParseStreamRequest(finished=True)

        responses = [response async for response in compiler.ParseStream(steps(), timeout=30)]
        streamed = responses[-1].message
        for parsed in (whole, streamed):
            for call in parsed.tool_calls:  # Those that the model does not write are made up.
                call.call.id = ""
        assert streamed == whole
        deltas = [delta for response in responses for delta in response.deltas]
        assert "".join(delta.content for delta in deltas) == whole.content
        assert "".join(delta.reasoning for delta in deltas) == whole.reasoning_content
