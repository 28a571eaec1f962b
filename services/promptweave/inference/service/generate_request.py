"""A GenerateRequest message → the request as values; rejects what this version does not support, with its path."""

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from promptweave.inference.errors import RequestError, UnsupportedError
from promptweave.inference.prompt.request import (
    CompiledPrompt,
    Ids,
    Picture,
    PlainText,
    PromptSegment,
    ReasoningBudget,
    Request,
    TemplateText,
)
from promptweave.inference.prompt.sampling import RANGES, LogitBias, Sampling
from promptweave.inference.sessions.sessions import SessionRef
from promptweave.output.wire import SyntaxUnreadableError, syntax_from_wire
from promptweave.v1 import inference_pb2, prompt_compiler_pb2

PROGRAM_VERSION = 1
"""The version of CompiledPrompt that this release supports."""


def request_from_wire(message: inference_pb2.GenerateRequest) -> Request:
    """Convert a request. Raises RequestError and UnsupportedError."""
    _refuse_unknown(message)
    _refuse_unknown(message.sampling, "/sampling")
    for place, item in enumerate(message.sampling.logit_bias):
        _refuse_unknown(item, f"/sampling/logit_bias/{place}")
    return Request(
        program=program_from_wire(message.prompt),
        sampling=sampling_from_wire(message.sampling),
        max_tokens=message.max_tokens if message.HasField("max_tokens") else None,
        stop=tuple(message.stop),
        priority=message.priority,
        session=_session(message),
        n=message.n if message.HasField("n") else 1,
        top_logprobs=message.top_logprobs if message.HasField("top_logprobs") else None,
        return_tokens=message.return_tokens,
        fast_forward=message.fast_forward if message.HasField("fast_forward") else True,
    )


def _refuse_unknown(message: Message, path: str = "") -> None:
    """Raise UnsupportedError for a field of a newer contract: ignoring it would change the output.

    Only the field's number is known. A compiled prompt needs no such check, since it has a version.
    """
    unknown = UnknownFieldSet(message)
    if len(unknown):
        name, number = message.DESCRIPTOR.name, unknown[0].field_number
        raise UnsupportedError(f"{name} has no field number {number} in this version", path=f"{path}/{number}")


def _session(message: inference_pb2.GenerateRequest) -> SessionRef | None:
    parent = message.parent_session_id if message.HasField("parent_session_id") else None
    if message.HasField("session_id"):
        return SessionRef(message.session_id, parent)
    if parent is not None:
        raise RequestError("parent_session_id requires session_id, the id of the new session", path="/parent_session_id")
    return None


def program_from_wire(message: prompt_compiler_pb2.CompiledPrompt) -> CompiledPrompt:
    """Convert a compiled prompt. Raises RequestError."""
    if message.version != PROGRAM_VERSION:
        raise RequestError(
            f"the compiled prompt has version {message.version}; this release supports version {PROGRAM_VERSION}",
            path="/prompt/version",
        )
    try:
        syntax = syntax_from_wire(message.syntax)
    except SyntaxUnreadableError as error:
        raise RequestError(str(error), path="/prompt/syntax") from None
    return CompiledPrompt(
        segments=tuple(_segment(place, segment) for place, segment in enumerate(message.segments)),
        syntax=syntax,
        grammar=message.gbnf if message.HasField("gbnf") else None,
        lark=message.llguidance if message.HasField("llguidance") else None,
        stop=tuple(message.stop),
        preserved_tokens=tuple(message.preserved_tokens),
        budget=_budget(message) if message.HasField("reasoning_budget_tokens") else None,
    )


def _budget(message: prompt_compiler_pb2.CompiledPrompt) -> ReasoningBudget:
    if not message.reasoning_closing:
        raise RequestError(
            "reasoning_budget_tokens requires reasoning_closing, the text that ends the reasoning",
            path="/prompt/reasoning_closing",
        )
    own, other = ("llguidance", "gbnf") if message.HasField("llguidance") else ("gbnf", "llguidance")
    if message.HasField(f"{other}_after_reasoning"):  # type: ignore[arg-type]
        path = f"/prompt/{other}_after_reasoning"
        raise RequestError("the grammar after the reasoning must use the same dialect as the grammar before it", path=path)
    field = f"{own}_after_reasoning"
    grammar = getattr(message, field) if message.HasField(field) else None  # type: ignore[arg-type]
    return ReasoningBudget(message.reasoning_budget_tokens, message.reasoning_closing, grammar)


def _segment(place: int, message: prompt_compiler_pb2.PromptSegment) -> PromptSegment:
    match message.WhichOneof("segment"):
        case "text":
            return TemplateText(message.text)
        case "plain_text":
            return PlainText(message.plain_text)
        case "tokens":
            return Ids(tuple(message.tokens.ids))
        case "image":
            return Picture(message.image.data)
    raise RequestError("the segment is empty", path=f"/prompt/segments/{place}")


def sampling_from_wire(message: inference_pb2.Sampling) -> Sampling:
    """Convert the sampling parameters that are set."""
    return Sampling(
        values={name: getattr(message, name) for name in RANGES if message.HasField(name)},  # type: ignore[arg-type]
        logit_bias=tuple(
            LogitBias(item.token if item.WhichOneof("target") == "token" else item.text, item.bias)
            for item in message.logit_bias
        ),
        samplers=tuple(message.samplers),
        dry_sequence_breakers=tuple(message.dry_sequence_breakers),
    )
