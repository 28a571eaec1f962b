"""Events of Generate → events of a response, and the response: what a random model cannot be made to write, too."""

import copy
from typing import Any

import pytest
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState

from promptweave.facade.openai.responses.response.events import OutputOptions, ResponseEvents
from promptweave.v1 import inference_pb2
from promptweave.v1.inference_pb2 import Finish, GenerateEvent, Usage
from promptweave.v1.output_pb2 import (
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
    OutputDelta,
    SchemaViolation,
    ToolCallEnd,
    ToolCallFragment,
    ToolCallHeader,
)
from tests.support.facade.responses_events import EVENT, CheckedEvents

RESPONSE: dict[str, Any] = {
    "id": "resp_1", "object": "response", "created_at": 1, "error": None, "incomplete_details": None, "instructions": None,
    "model": "demo", "tools": [], "parallel_tool_calls": True, "metadata": {}, "tool_choice": "auto", "temperature": None,
    "top_p": None,
}  # fmt: skip


def content(text: str) -> OutputDelta:
    return OutputDelta(content=text)


def reasoning(text: str) -> OutputDelta:
    return OutputDelta(reasoning=text)


def header(index: int, **fields: Any) -> OutputDelta:
    return OutputDelta(tool_call=ToolCallHeader(index=index, id=f"call_{index}", name="f", **fields))


def fragment(index: int, text: str) -> OutputDelta:
    return OutputDelta(tool_call_fragment=ToolCallFragment(index=index, text=text))


def end(index: int) -> OutputDelta:
    return OutputDelta(tool_call_end=ToolCallEnd(index=index))


def violation(**fields: Any) -> OutputDelta:
    return OutputDelta(violation=SchemaViolation(path="/a", message="not unique", **fields))


def heard(*deltas: OutputDelta, reason: Any = FINISH_REASON_STOP, **options: Any) -> CheckedEvents:
    """The events of a response, written in one piece and delta by delta: they are the same but for their ids."""
    usage = Usage(prompt_tokens=5, cached_tokens=2, completion_tokens=3, reasoning_tokens=1)
    finish = GenerateEvent(finish=Finish(reason=reason, usage=usage))
    given = [*(GenerateEvent(delta=delta) for delta in deltas), finish]

    def told(batches: list[list[inference_pb2.GenerateEvent]]) -> list[dict[str, Any]]:
        events = ResponseEvents(RESPONSE, OutputOptions(**options))
        # They are written at once, and not kept: so does a copy.
        written = [copy.deepcopy(event) for event in events.first()]
        for batch in batches:
            written += [copy.deepcopy(event) for event in events.of(batch)]
        return [*written, events.last()]

    whole, pieces = told([given]), told([[event] for event in given])
    assert [event["type"] for event in whole] == [event["type"] for event in pieces]
    return CheckedEvents(whole)


def test_thoughts_words_and_calls() -> None:
    told = heard(
        *(reasoning("hm"), reasoning(", so"), content("Let me"), content(" see.")),
        *(header(0), fragment(0, '{"x": '), fragment(0, "1}"), end(0)),
        *(header(1, custom=True), fragment(1, "SELECT"), end(1)),
        reason=FINISH_REASON_TOOL_CALLS,
    )
    thought, said, called, custom = told.response["output"]
    assert told.items == told.response["output"]
    assert thought["content"] == [{"type": "reasoning_text", "text": "hm, so"}]
    assert thought["summary"] == []
    assert said["content"] == [{"type": "output_text", "text": "Let me see.", "annotations": [], "logprobs": []}]
    assert (called["type"], called["call_id"], called["arguments"]) == ("function_call", "call_0", '{"x": 1}')
    assert (custom["type"], custom["call_id"], custom["input"]) == ("custom_tool_call", "call_1", "SELECT")
    assert {item["status"] for item in told.items} == {"completed"}
    assert len({item["id"] for item in told.items}) == 4
    assert told.response["status"] == "completed"
    assert told.response["incomplete_details"] is None
    assert told.response["usage"] == {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 3},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 8,
    }


@pytest.mark.parametrize(
    ("deltas", "kind"),
    [
        ([reasoning("h")], "reasoning"),
        ([content("h")], "message"),
        ([content("h"), header(0), fragment(0, '{"x')], "function_call"),
        ([header(0, custom=True)], "custom_tool_call"),
    ],
)
def test_what_was_cut_is_incomplete(deltas: list[OutputDelta], kind: str) -> None:
    told = heard(*deltas, reason=FINISH_REASON_LENGTH)
    assert (told.items[-1]["type"], told.items[-1]["status"]) == (kind, "incomplete")
    assert {item["status"] for item in told.items[:-1]} <= {"completed"}
    assert told.response["status"] == "incomplete"
    assert told.response["incomplete_details"] == {"reason": "max_output_tokens"}


def test_a_call_that_was_not_ended_is_never_completed() -> None:
    told = heard(header(0), fragment(0, "{"), header(1), fragment(1, "{"))
    assert [item["status"] for item in told.items] == ["incomplete", "incomplete"]


@pytest.mark.parametrize("deltas", [[], [reasoning("hm")]])
def test_nothing_said_is_an_empty_message(deltas: list[OutputDelta]) -> None:
    *_, said = heard(*deltas).response["output"]
    assert said["content"][0]["text"] == ""
    assert said["status"] == "completed"


def test_nothing_written_before_the_limit_is_no_message() -> None:
    assert heard(reason=FINISH_REASON_LENGTH).response["output"] == []


def test_an_answer_that_violates_its_schema_is_a_refusal() -> None:
    (said,) = heard(violation(text='["a", "a"]')).response["output"]
    (part,) = said["content"]
    assert part["type"] == "refusal"
    assert "at /a: not unique" in part["refusal"]


def test_an_answer_whose_violation_was_seen_late_is_not_in_the_response() -> None:
    """A stream told its beginning; the response has only the refusal."""
    told = heard(content('["a'), violation(text='["a\ufffd"]'), reason=FINISH_REASON_LENGTH)
    assert [item["status"] for item in told.items] == ["incomplete", "incomplete"]
    (said,) = told.response["output"]
    assert [part["type"] for part in said["content"]] == ["refusal"]


def test_a_call_that_violates_its_schema_is_not_in_the_response() -> None:
    held = heard(violation(name="f", text="{}"))
    assert [item["type"] for item in held.response["output"]] == ["message"]
    assert "a call of 'f'" in held.response["output"][0]["content"][0]["refusal"]
    both = heard(violation(name="f", text="{}"), violation(name="g", text="{}"))
    assert [part["refusal"][:13] for part in both.response["output"][0]["content"]] == ["a call of 'f'", "a call of 'g'"]
    late = heard(header(0), fragment(0, "{"), violation(name="f", text="{}"), reason=FINISH_REASON_LENGTH)
    assert [item["type"] for item in late.items] == ["function_call", "message"]
    assert late.items[0]["status"] == "incomplete"
    assert [item["type"] for item in late.response["output"]] == ["message"]


def test_reasoning_for_clients_that_keep_no_content() -> None:
    thought = heard(reasoning("hm"), content("x"), encrypt_reasoning=True).response["output"][0]
    assert thought["encrypted_content"] == "aG0="


def test_a_summary_of_the_reasoning_is_its_text() -> None:
    told = heard(reasoning("hm"), reasoning(", so"), content("x"), summarize_reasoning=True)
    thought = told.response["output"][0]
    assert thought["summary"] == [{"type": "summary_text", "text": "hm, so"}]
    assert thought["content"] == [{"type": "reasoning_text", "text": "hm, so"}]
    assert heard(reasoning("hm")).response["output"][0]["summary"] == []


def test_openais_accumulator_makes_the_same_response() -> None:
    told = heard(
        *(reasoning("hm"), reasoning(", so"), content("Let me"), content(" see.")),
        *(header(0, namespace="mcp__calc"), fragment(0, '{"x": '), fragment(0, "1}"), end(0)),
        *(header(1, custom=True), fragment(1, "SELECT"), end(1)),
        *(OutputDelta(tool_call=ToolCallHeader(index=2, id="call_2", name="tool_search")), fragment(2, "{}"), end(2)),
        reason=FINISH_REASON_TOOL_CALLS,
        summarize_reasoning=True,
        client_searches=True,
    )
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    kinds = [event.type for raw in told.all_events for event in state.handle_event(EVENT.validate_python(raw))]
    assert kinds == [event["type"] for event in told.all_events]
    made = state._completed_response
    assert made
    # Some of its items have a field `parsed`.
    for item, done in zip(made.output, told.response["output"], strict=True):
        assert done.items() <= {**item.to_dict(), "content": done.get("content")}.items()


def test_calls_of_a_namespace_have_both_names() -> None:
    told = heard(header(0, namespace="mcp__calc"), fragment(0, "{}"), end(0))
    (called,) = told.response["output"]
    assert (called["name"], called["namespace"]) == ("f", "mcp__calc")


@pytest.mark.parametrize(("text", "arguments"), [('{"query": "x"}', {"query": "x"}), ('{"quer', '{"quer')])
def test_a_search_of_the_client_is_an_item_of_its_own(text: str, arguments: Any) -> None:
    search = OutputDelta(tool_call=ToolCallHeader(index=0, id="call_0", name="tool_search"))
    told = heard(search, fragment(0, text), *([end(0)] if text.endswith("}") else []), client_searches=True)
    (called,) = told.response["output"]
    assert (called["type"], called["execution"], called["call_id"]) == ("tool_search_call", "client", "call_0")
    assert called["arguments"] == arguments
    assert called["status"] == ("completed" if text.endswith("}") else "incomplete")
    # A function of that name is a function.
    assert heard(search, fragment(0, text), end(0)).response["output"][0]["type"] == "function_call"


def test_a_response_that_fails_keeps_what_was_written() -> None:
    events = ResponseEvents(RESPONSE)
    written = [copy.deepcopy(event) for event in events.first()]
    written += [copy.deepcopy(event) for event in events.of([GenerateEvent(delta=content("half"))])]
    written += [copy.deepcopy(event) for event in events.fail("server_error", "the engine went away")]
    told = CheckedEvents([*written, events.last()])
    assert told.response["status"] == "failed"
    assert told.response["error"] == {"code": "server_error", "message": "the engine went away"}
    assert told.response["output"][0]["status"] == "incomplete"
