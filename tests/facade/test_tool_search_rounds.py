"""Rounds of an answer: generated, searched, and generated again; with a scripted model and the real index."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field

import pytest

from promptweave.errors import PromptweaveError
from promptweave.facade.errors import RequestError
from promptweave.facade.tool_search.history import NOTHING_FOUND, SearchRound
from promptweave.facade.tool_search.offer import TOOL_NAME, search_tool
from promptweave.facade.tool_search.plain import without_searches
from promptweave.facade.tool_search.rounds import MAX_SEARCHES, Answers, answer_in_rounds
from promptweave.v1 import chat_pb2, inference_pb2, output_pb2, prompt_compiler_pb2
from tests.facade.test_tool_search_offer import MOON, QUESTION, STARS, WEATHER, texts

pytestmark = pytest.mark.anyio

Delta = output_pb2.OutputDelta


def content(text: str) -> Delta:
    return Delta(content=text)


def call(index: int, name: str, arguments: str, *, is_whole: bool = True) -> list[Delta]:
    """The parts of a call, its arguments in pieces."""
    header = output_pb2.ToolCallHeader(index=index, id=f"call_{name}_{index}", name=name)
    pieces = [arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :]]
    fragments = [Delta(tool_call_fragment=output_pb2.ToolCallFragment(index=index, text=piece)) for piece in pieces]
    end = [Delta(tool_call_end=output_pb2.ToolCallEnd(index=index))] if is_whole else []
    return [Delta(tool_call=header), *fragments, *end]


def search(query: str, index: int = 0) -> list[Delta]:
    return call(index, TOOL_NAME, f'{{"query":"{query}"}}')


def finish(
    prompt: int = 100, cached: int = 0, generated: int = 10, reason: str = "TOOL_CALLS", **more: float
) -> inference_pb2.Finish:
    usage = inference_pb2.Usage(prompt_tokens=prompt, cached_tokens=cached, completion_tokens=generated)
    timings = inference_pb2.Timings(prompt_ms=5, predicted_ms=7)
    return inference_pb2.Finish(
        reason=output_pb2.FinishReason.Value(f"FINISH_REASON_{reason}"), usage=usage, timings=timings
    )


@dataclass
class Model:
    """Generates what a script says, one entry for each round, and records what it was asked."""

    script: list[list[Delta | inference_pb2.Finish]]
    requests: list[prompt_compiler_pb2.CompileRequest] = field(default_factory=list)
    used: list[int] = field(default_factory=list)
    open: int = 0
    fails_at: int = -1

    async def compile(self, request: prompt_compiler_pb2.CompileRequest) -> prompt_compiler_pb2.CompiledPrompt:
        self.requests.append(request)
        if len(self.requests) - 1 == self.fails_at:
            raise RequestError("too long", path="/messages")
        return prompt_compiler_pb2.CompiledPrompt(version=len(self.requests))

    async def generate(
        self, prompt: prompt_compiler_pb2.CompiledPrompt, used: int
    ) -> AsyncGenerator[inference_pb2.GenerateResponse, None]:
        self.used.append(used)
        with self._running():
            for part in self.script[prompt.version - 1]:
                event = inference_pb2.GenerateEvent()
                (event.finish if isinstance(part, inference_pb2.Finish) else event.delta).CopyFrom(part)
                yield inference_pb2.GenerateResponse(events=[event])

    @contextmanager
    def _running(self) -> Iterator[None]:
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1

    async def answers(self, request: prompt_compiler_pb2.CompileRequest, max_tokens: int | None = None) -> Answers:
        prompt = await self.compile(request)
        return answer_in_rounds(request, prompt, self.compile, self.generate, max_tokens)


def asked(**more: object) -> prompt_compiler_pb2.CompileRequest:
    request = prompt_compiler_pb2.CompileRequest(messages=[QUESTION], tools=[WEATHER, STARS, MOON], **more)  # type: ignore[arg-type]
    request.tools.append(search_tool(request))
    return request


async def answer(model: Model, request: prompt_compiler_pb2.CompileRequest | None = None, **more: int) -> list[str]:
    """The answer in short."""
    short: list[str] = []
    async with aclosing(await model.answers(request or asked(), **more)) as answers:
        async for part in answers:
            if isinstance(part, SearchRound):
                short += [f"search {each.query}: {[tool.function.name for tool in each.tools]}" for each in part.searches]
                continue
            for event in part.events:
                delta = event.delta
                match event.WhichOneof("event"), delta.WhichOneof("delta"):
                    case "finish", _:
                        short.append(output_pb2.FinishReason.Name(event.finish.reason))
                    case _, "content":
                        short.append(delta.content)
                    case _, "tool_call":
                        short.append(f"{delta.tool_call.index}: {delta.tool_call.name}")
                    case _, "tool_call_fragment":
                        short.append(f"{delta.tool_call_fragment.index}: {delta.tool_call_fragment.text}")
                    case _, "violation":
                        short.append(f"violation: {delta.violation.name}")
                    case _, "tool_call_end":
                        short.append(f"{delta.tool_call_end.index}: end")
    assert not model.open
    return short


async def test_the_model_goes_on_with_the_tools_that_were_found() -> None:
    model = Model(
        [
            [content("Let me "), content("look."), *search("stars"), finish()],
            [content("Now:"), *call(0, "see_stars", "{}"), finish(reason="TOOL_CALLS")],
        ]
    )
    assert await answer(model) == [
        *("Let me ", "look.", "search stars: ['see_stars']"),
        *("Now:", "0: see_stars", "0: {", "0: }", "0: end", "FINISH_REASON_TOOL_CALLS"),
    ]
    assert texts(model.requests[1].messages) == [
        "Are there stars?",
        'Let me look. tool_search({"query": "stars"})',
        "<see_stars>",
    ]
    first, second = model.requests
    assert second.messages[2].tool_call_id == second.messages[1].tool_calls[0].id == "call_tool_search_0"
    assert second.tools == first.tools
    assert len(first.messages) == 1


async def test_without_a_search_it_is_one_round() -> None:
    model = Model([[content("No."), finish(reason="STOP")]])
    assert await answer(model) == ["No.", "FINISH_REASON_STOP"]
    assert len(model.requests) == 1


async def test_reasoning_is_part_of_the_next_prompt() -> None:
    model = Model([[Delta(reasoning="Hm."), *search("x"), finish()], [finish(reason="STOP")]])
    await answer(model)
    assert model.requests[1].messages[1].reasoning_content == "Hm."
    assert texts(model.requests[1].messages)[2] == NOTHING_FOUND


async def test_several_searches_at_once() -> None:
    model = Model([[*search("stars"), *search("moon", 1), finish()], [content("Done."), finish(reason="STOP")]])
    found = await answer(model)
    assert found[:2] == ["search stars: ['see_stars']", "search moon: ['see_moon']"]
    assert texts(model.requests[1].messages)[1:] == [
        'tool_search({"query": "stars"}) tool_search({"query": "moon"})', "<see_stars>", "<see_moon>",
    ]  # fmt: skip


async def test_calls_beside_a_search_are_the_clients_turn() -> None:
    script = [*call(0, "get_weather", "{}"), *search("stars", 1), *call(2, "get_weather", "[]"), finish()]
    model = Model([script])
    assert await answer(model) == [
        *("0: get_weather", "0: {", "0: }", "0: end", "1: get_weather", "1: [", "1: ]", "1: end"),
        *("search stars: ['see_stars']", "FINISH_REASON_TOOL_CALLS"),
    ]
    assert len(model.requests) == 1


async def test_a_search_that_was_truncated_is_left_out() -> None:
    model = Model([[content("I"), *call(0, TOOL_NAME, '{"query": "st', is_whole=False), finish(reason="LENGTH")]])
    assert await answer(model) == ["I", "FINISH_REASON_LENGTH"]


async def test_a_schema_violation_ends_the_answer() -> None:
    violation = Delta(violation=output_pb2.SchemaViolation(name=TOOL_NAME, message="broken"))
    model = Model([[*call(0, TOOL_NAME, "{", is_whole=False), violation, finish(reason="STOP")]])
    assert await answer(model) == ["violation: tool_search", "FINISH_REASON_STOP"]


# -- limits --


async def test_the_last_round_cannot_search() -> None:
    rounds: list[list[Delta | inference_pb2.Finish]] = [[*search("stars"), finish()] for _ in range(MAX_SEARCHES)]
    model = Model([*rounds, [content("I give up."), finish(reason="STOP")]])
    found = await answer(model)
    assert found[-2:] == ["I give up.", "FINISH_REASON_STOP"]
    assert [request.tool_choice.WhichOneof("choice") for request in model.requests] == [None] * MAX_SEARCHES + ["allowed"]
    allowed = model.requests[-1].tool_choice.allowed
    assert (allowed.required, [*allowed.names]) == (False, ["get_weather", "see_stars"])


@pytest.mark.parametrize(
    ("choice", "query", "expected"),
    [
        pytest.param(chat_pb2.ToolChoice(required={}), "x", "required: see_stars see_moon", id="required"),
        pytest.param(chat_pb2.ToolChoice(required={}), "moon", "required: see_moon", id="required and found"),
        pytest.param(chat_pb2.ToolChoice(auto={}), "x", "none", id="auto"),
        pytest.param(
            chat_pb2.ToolChoice(allowed={"required": True, "names": ["see_stars", "tool_search"]}),
            "moon",
            "required: see_stars",
            id="allowed",
        ),
        pytest.param(
            chat_pb2.ToolChoice(allowed={"required": True, "names": ["tool_search"]}), "x", "required: see_stars see_moon",
            id="only the search is allowed",
        ),
    ],
)  # fmt: skip
async def test_what_the_last_round_may_call(choice: chat_pb2.ToolChoice, query: str, expected: str) -> None:
    request = asked(tool_choice=choice)
    del request.tools[0]
    rounds: list[list[Delta | inference_pb2.Finish]] = [[*search(query), finish()] for _ in range(MAX_SEARCHES)]
    model = Model([*rounds, [finish(reason="STOP")]])
    await answer(model, request)
    last = model.requests[-1].tool_choice
    names = f"{'required' if last.allowed.required else 'allowed'}: {' '.join(last.allowed.names)}"
    assert (names if last.HasField("allowed") else last.WhichOneof("choice")) == expected


async def test_a_named_search_is_for_the_first_round() -> None:
    model = Model([[*search("stars"), finish()], [content("So."), finish(reason="STOP")]])
    await answer(model, asked(tool_choice=chat_pb2.ToolChoice(named={"name": TOOL_NAME})))
    assert [request.tool_choice.WhichOneof("choice") for request in model.requests] == ["named", "auto"]


async def test_the_limit_of_tokens_is_for_all_rounds() -> None:
    script = [[*search("stars"), finish(generated=10)], [*search("moon"), finish(generated=5)], [finish(reason="STOP")]]
    model = Model(script)  # type: ignore[arg-type]
    assert (await answer(model, max_tokens=100))[-1] == "FINISH_REASON_STOP"
    assert model.used == [0, 10, 15]
    model = Model(script)  # type: ignore[arg-type]
    assert await answer(model, max_tokens=15) == [
        *("search stars: ['see_stars']", "search moon: ['see_moon']", "FINISH_REASON_LENGTH")
    ]


async def test_a_message_that_was_continued_is_one_message() -> None:
    request = asked(continue_final_message=True)
    request.messages.append(chat_pb2.Message(role=chat_pb2.ROLE_ASSISTANT, content=[chat_pb2.ContentPart(text="I ")]))
    model = Model([[content("look."), *search("stars"), finish()], [content("So."), finish(reason="STOP")]])
    await answer(model, request)
    assert texts(model.requests[1].messages)[1:] == ['I  look. tool_search({"query": "stars"})', "<see_stars>"]
    assert not model.requests[1].continue_final_message


# -- what it costs --


async def test_usage_counts_each_token_once() -> None:
    model = Model(
        [
            [*search("stars"), finish(prompt=300, cached=20, generated=15)],
            [content("So."), finish(prompt=520, cached=310, generated=30, reason="STOP")],
        ]
    )
    answers = [part async for part in await model.answers(asked())]
    last = answers[-1]
    assert isinstance(last, inference_pb2.GenerateResponse)
    done = last.events[0].finish
    assert done.usage.prompt_tokens == 520
    # Evaluated: 280 in the first round, 210 in the second.
    assert done.usage.cached_tokens == 30
    assert done.usage.completion_tokens == 45
    assert not done.usage.HasField("reasoning_tokens")
    assert (done.timings.prompt_ms, done.timings.predicted_ms) == (10, 14)


async def test_cached_tokens_are_not_negative() -> None:
    # Another conversation has taken the engine's slot in the meantime.
    model = Model([[*search("stars"), finish(prompt=300)], [finish(prompt=310, reason="STOP")]])
    answers = [part async for part in await model.answers(asked())]
    assert answers[-1].events[0].finish.usage.cached_tokens == 0  # type: ignore[union-attr]


# -- errors --


async def test_an_error_of_a_later_round_is_raised() -> None:
    model = Model([[content("I"), *search("stars"), finish()]], fails_at=1)
    with pytest.raises(PromptweaveError, match="too long"):
        await answer(model)
    assert not model.open


async def test_closing_ends_the_round_that_runs() -> None:
    model = Model([[*search("stars"), finish()], [content("a"), content("b"), finish()]])
    answers = await model.answers(asked())
    assert isinstance(await anext(answers), SearchRound)
    await anext(answers)
    assert model.open == 1
    await answers.aclose()
    assert model.open == 0


# -- without searches --


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [("I look.", "Found.", "I look.\n\nFound."), ("", "Found.", "Found."), ("I look.", "", "I look.")],
)
async def test_clients_without_searches_get_paragraphs(before: str, after: str, text: str) -> None:
    script = [
        [*([content(before)] if before else []), *search("stars"), finish()],
        [*([content(after)] if after else []), finish(reason="STOP")],
    ]
    answers = without_searches(await Model(script).answers(asked()))  # type: ignore[arg-type]
    events = [event async for part in answers for event in part.events]
    assert "".join(event.delta.content for event in events) == text
    assert events[-1].HasField("finish")
