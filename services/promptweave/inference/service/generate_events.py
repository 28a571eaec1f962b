"""The events of messages → GenerateEvent messages; sessions → Session messages."""

from google.protobuf.timestamp_pb2 import Timestamp

from promptweave.inference.client.llama_client import Candidate
from promptweave.inference.generation.events import Event, Finish, Logprobs, Position, Tokens
from promptweave.inference.sessions.store import SavedSession
from promptweave.output.wire import delta_to_wire, finish_reason_to_wire, region_to_wire
from promptweave.v1 import inference_pb2


def event_to_wire(index: int, event: Event) -> inference_pb2.GenerateEvent:
    """Convert an event of message `index`."""
    match event:
        case Finish():
            return inference_pb2.GenerateEvent(index=index, finish=_finish(event))
        case Logprobs(positions):
            return inference_pb2.GenerateEvent(
                index=index, logprobs=inference_pb2.Logprobs(positions=map(_position, positions))
            )
        case Tokens(ids):
            return inference_pb2.GenerateEvent(index=index, tokens=inference_pb2.Tokens(ids=ids))
    return inference_pb2.GenerateEvent(index=index, delta=delta_to_wire(event))


def _finish(finish: Finish) -> inference_pb2.Finish:
    counts = finish.counts
    return inference_pb2.Finish(
        reason=finish_reason_to_wire(finish.reason),
        complete=finish.complete,
        matched_stop=finish.matched_stop,
        usage=inference_pb2.Usage(
            prompt_tokens=counts.prompt_tokens,
            cached_tokens=counts.cached_tokens,
            completion_tokens=counts.completion_tokens,
            reasoning_tokens=finish.reasoning_tokens,
        ),
        call_as_text=finish.call_as_text,
        timings=inference_pb2.Timings(prompt_ms=counts.prompt_ms, predicted_ms=counts.predicted_ms),
    )


def _position(position: Position) -> inference_pb2.Logprobs.Position:
    scores, region = position
    return inference_pb2.Logprobs.Position(
        chosen=_candidate(scores.chosen),
        top=map(_candidate, scores.top),
        region=region_to_wire(region),
        tokens=scores.tokens,
    )


def _candidate(candidate: Candidate) -> inference_pb2.TokenLogprob:
    return inference_pb2.TokenLogprob(token=candidate.token, text=candidate.text, logprob=candidate.logprob)


def session_to_wire(session: SavedSession) -> inference_pb2.Session:
    """Convert a saved session."""
    last_used = Timestamp()
    last_used.FromNanoseconds(int(session.last_used * 1e9))
    return inference_pb2.Session(
        id=session.id, parent_id=session.parent_id, tokens=session.tokens, bytes=session.bytes, last_used=last_used
    )
