"""Calls that an answer repeats are a warning, complete and streamed, in every API."""

import json
from typing import Any

import pytest

from promptweave.facade.anthropic.events import MessageEvents
from promptweave.facade.openai.chat.response.chunks import Chunks
from promptweave.facade.openai.chat.response.from_grpc import Completion, Head
from promptweave.facade.openai.responses.response.events import OutputOptions, ResponseEvents
from promptweave.v1.inference_pb2 import Finish, GenerateEvent, Usage
from promptweave.v1.output_pb2 import (
    FINISH_REASON_TOOL_CALLS,
    OutputDelta,
    SchemaViolation,
    ToolCallEnd,
    ToolCallFragment,
    ToolCallHeader,
)
from promptweave.v1.prompt_compiler_pb2 import Warning as CompileWarning

Call = tuple[str, str]
ONE, SAME, OTHER = ("look", '{"a": 1, "b": [2]}'), ("look", '{"b":[2],"a":1}'), ("look", '{"a": 1}')
CASES: list[tuple[list[Call], list[int]]] = [
    ([], []),
    ([ONE], []),
    ([ONE, OTHER], []),
    ([ONE, ("find", ONE[1])], []),
    ([ONE, SAME], [1]),
    ([ONE, OTHER, ONE, SAME], [2, 3]),
]
NOTE = CompileWarning(code="keyword_note", path="/tools/0", message="a note")
HEAD = Head("demo", 1, "fp", [NOTE])


def events(calls: list[Call], *, index: int = 0, custom: bool = False) -> list[GenerateEvent]:
    deltas = []
    for number, (name, arguments) in enumerate(calls):
        header = ToolCallHeader(index=number, id=f"c{number}", name=name, custom=custom)
        deltas += [
            OutputDelta(tool_call=header),
            OutputDelta(tool_call_fragment=ToolCallFragment(index=number, text=arguments[:3])),
            OutputDelta(tool_call_fragment=ToolCallFragment(index=number, text=arguments[3:])),
            OutputDelta(tool_call_end=ToolCallEnd(index=number)),
        ]
    finish = Finish(reason=FINISH_REASON_TOOL_CALLS, usage=Usage())
    return [*(GenerateEvent(index=index, delta=delta) for delta in deltas), GenerateEvent(index=index, finish=finish)]


def repeated(warnings: Any) -> list[str]:
    assert not warnings or warnings[0]["code"] == "keyword_note"
    return paths(warnings)


def paths(warnings: Any) -> list[str]:
    return [warning["path"] for warning in warnings or [] if warning["code"] == "repeated_call"]


@pytest.mark.parametrize(("calls", "places"), CASES)
def test_chat_completions(calls: list[Call], places: list[int]) -> None:
    wanted = [f"/choices/0/message/tool_calls/{place}" for place in places]
    completion = Completion(HEAD)
    completion.add(events(calls))
    assert repeated(completion.object().get("warnings")) == wanted
    chunks = Chunks(HEAD, include_usage=False)
    stream = [*chunks.first(), *(chunk for event in events(calls) for chunk in chunks.of([event]))]
    assert [chunk.get("warnings") is not None for chunk in stream[:-1]] == [True, *[False] * (len(stream) - 2)]
    assert paths(stream[-1].get("warnings")) == wanted


@pytest.mark.parametrize(("calls", "places"), CASES)
def test_responses(calls: list[Call], places: list[int]) -> None:
    begun: Any = {"id": "resp_1", "warnings": [{"code": "keyword_note", "path": "", "message": ""}]}
    response = ResponseEvents(begun, OutputOptions())
    list(response.of(events(calls)))
    assert repeated(response.last()["response"].get("warnings")) == [f"/output/{place}" for place in places]  # type: ignore[typeddict-item]


@pytest.mark.parametrize(("calls", "places"), CASES)
def test_messages(calls: list[Call], places: list[int]) -> None:
    message = MessageEvents("demo", [NOTE])
    stream: list[Any] = [*message.first(), *message.of(events(calls))]
    wanted = [f"/content/{place}" for place in places]
    assert repeated(message.message.get("warnings")) == wanted
    assert paths(stream[-2].get("warnings")) == wanted


def test_each_choice_has_its_own_calls() -> None:
    completion, chunks = Completion(HEAD, n=2), Chunks(HEAD, include_usage=False, n=2)
    both = [*events([ONE]), *events([SAME, SAME], index=1)]
    completion.add(both)
    assert repeated(completion.object().get("warnings")) == ["/choices/1/message/tool_calls/1"]
    assert [paths(chunk.get("warnings")) for chunk in chunks.of(both) if "warnings" in chunk] == [
        ["/choices/1/message/tool_calls/1"]
    ]


def test_inputs_of_custom_tools_are_compared_as_text() -> None:
    completion = Completion(HEAD)
    completion.add(events([("run", "ls -l"), ("run", "ls  -l"), ("run", "ls -l")], custom=True))
    assert repeated(completion.object().get("warnings")) == ["/choices/0/message/tool_calls/2"]


def test_a_call_that_was_taken_back_is_not_counted() -> None:
    given = events([ONE])
    refused = OutputDelta(violation=SchemaViolation(name="look", text=ONE[1], path="/a", message="wrong"))
    # The end of the first attempt is replaced by a violation; the next call has its index.
    given[3:4] = [GenerateEvent(delta=refused), *events([ONE])[:-1]]
    completion, chunks = Completion(HEAD), Chunks(HEAD, include_usage=False)
    completion.add(given)
    assert repeated(completion.object().get("warnings")) == []
    assert not any("warnings" in chunk for chunk in chunks.of(given))
    assert json.loads(completion.object()["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"])
