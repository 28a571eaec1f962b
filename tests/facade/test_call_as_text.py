"""The warning about an answer that reads like a call, in every API, streamed and not."""

from promptweave.facade.anthropic.events import MessageEvents
from promptweave.facade.openai.chat.response.chunks import Chunks
from promptweave.facade.openai.chat.response.from_grpc import Completion, Head
from promptweave.facade.openai.responses.response.events import ResponseEvents
from promptweave.v1 import inference_pb2, output_pb2, prompt_compiler_pb2
from tests.facade.test_responses_events import RESPONSE

EVENTS = [
    inference_pb2.GenerateEvent(delta=output_pb2.OutputDelta(content="f()")),
    inference_pb2.GenerateEvent(
        finish=inference_pb2.Finish(reason=output_pb2.FINISH_REASON_STOP, call_as_text="f", usage=inference_pb2.Usage())
    ),
]
COMPILED = [prompt_compiler_pb2.Warning(code="keyword_note", path="/tools/0", message="")]


def codes(found: dict[str, object] | object) -> list[str]:
    warnings = found.get("warnings", []) if isinstance(found, dict) else []
    assert all("'f'" in warning["message"] for warning in warnings if warning["code"] == "call_as_text")
    return [warning["code"] for warning in warnings]


def test_chat_completion() -> None:
    completion = Completion(Head("m", 1, "", COMPILED))
    completion.add(EVENTS)
    assert codes(completion.object()) == ["keyword_note", "call_as_text"]


def test_chat_completion_without_other_warnings() -> None:
    completion = Completion(Head("m", 1, ""))
    completion.add(EVENTS)
    assert codes(completion.object()) == ["call_as_text"]


def test_chunks() -> None:
    chunks = Chunks(Head("m", 1, "", COMPILED), include_usage=False)
    assert [codes(chunk) for chunk in [*chunks.first(), *chunks.of(EVENTS)]] == [["keyword_note"], [], ["call_as_text"]]


def test_message() -> None:
    message = MessageEvents("m", COMPILED)
    events = [*message.first(), *message.of(EVENTS)]
    assert codes(message.message) == ["keyword_note", "call_as_text"]
    assert [codes(event) for event in events if event["type"] == "message_delta"] == [["call_as_text"]]


def test_response() -> None:
    events = ResponseEvents(dict(RESPONSE))  # type: ignore[arg-type]
    for _ in events.of(EVENTS):
        pass
    assert codes(events.response) == ["call_as_text"]


def test_other_answers_have_none() -> None:
    completion = Completion(Head("m", 1, ""))
    completion.add(EVENTS[:1])
    assert codes(completion.object()) == []
