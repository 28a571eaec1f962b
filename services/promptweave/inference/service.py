"""InferenceService over gRPC: messages → values → messages. Domain errors become status in `rpc/interceptor.py`."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from promptweave.inference.engine import Engine
from promptweave.inference.errors import EngineFailedError, RequestError, UnsupportedError
from promptweave.inference.generate import Event, Finish, generate
from promptweave.inference.service_embed import ROLES, embed_from_wire, rerank_from_wire
from promptweave.inference.service_request import request_from_wire
from promptweave.inference.side_engines import NO_SIDE_ENGINES, Role, SideEngines
from promptweave.output.wire import delta_to_wire, finish_reason_to_wire
from promptweave.v1 import inference_pb2, inference_pb2_grpc, prompt_compiler_pb2

Context = grpc.aio.ServicerContext[Any, Any]


class InferenceServicer(inference_pb2_grpc.InferenceServiceServicer):
    """Serves one engine that writes, and those beside it."""

    def __init__(self, engine: Engine, side: SideEngines) -> None:
        self._engine = engine
        self._side = side

    async def Generate(  # type: ignore[override] # noqa: N802 - the contract's name
        self, request: inference_pb2.GenerateRequest, context: Context
    ) -> None:
        """Streams a message. Written, not yielded: cancelling the call must find us inside, and so free the slot."""
        async with aclosing(generate(self._engine.ready(), request_from_wire(request))) as batches:
            async for events in batches:
                await context.write(inference_pb2.GenerateResponse(events=map(event_to_wire, events)))

    async def GetModel(  # noqa: N802
        self, request: inference_pb2.GetModelRequest, context: Context
    ) -> inference_pb2.GetModelResponse:
        """Describes a loaded model."""
        role = ROLES.get(request.role)
        engine = self._engine.ready() if role is None else self._side.ready(role)
        facts = engine.facts
        model = inference_pb2.ModelInfo(
            id=facts.model_id,
            context_size=facts.context_size,
            slots=facts.slots,
            dialects=[prompt_compiler_pb2.GRAMMAR_DIALECT_GBNF] if role is None else [],
            embeddings=Role.EMBEDDING in self._side.engines,
            created=Timestamp(seconds=int(engine.since)),
            engine=facts.engine,
        )
        if facts.template is not None:
            model.template.source = facts.template
            model.template.bos_token, model.template.eos_token = facts.bos, facts.eos
            model.template.named.update(facts.named_templates)
            model.template.special_tokens.extend(facts.special_tokens)
        return inference_pb2.GetModelResponse(model=model)

    async def Tokenize(  # noqa: N802
        self, request: inference_pb2.TokenizeRequest, context: Context
    ) -> inference_pb2.TokenizeResponse:
        """Text → token ids."""
        client = self._engine.ready().client
        tokens = await client.tokenize(request.text, parse_special=request.parse_special, add_special=request.add_special)
        return inference_pb2.TokenizeResponse(tokens=tokens)

    async def Detokenize(  # noqa: N802
        self, request: inference_pb2.DetokenizeRequest, context: Context
    ) -> inference_pb2.DetokenizeResponse:
        """Token ids → text."""
        client = self._engine.ready().client
        try:
            text = await client.detokenize(list(request.tokens))
        except EngineFailedError:
            # An id out of range is a 500 to the engine, with the text of a C++ exception.
            raise RequestError("there is a token id that the vocabulary does not have", path="/tokens") from None
        return inference_pb2.DetokenizeResponse(text=text)

    async def Embed(  # noqa: N802
        self, request: inference_pb2.EmbedRequest, context: Context
    ) -> inference_pb2.EmbedResponse:
        """Texts → vectors."""
        return await embed_from_wire(self._side.ready(Role.EMBEDDING), request)

    async def Rerank(  # noqa: N802
        self, request: inference_pb2.RerankRequest, context: Context
    ) -> inference_pb2.RerankResponse:
        """Documents → the best ones first."""
        return await rerank_from_wire(self._side.ready(Role.RERANK), request)

    async def SaveSession(  # noqa: N802
        self, request: inference_pb2.SaveSessionRequest, context: Context
    ) -> inference_pb2.SaveSessionResponse:
        """Not served yet."""
        raise UnsupportedError("sessions are not served by this version")

    async def RestoreSession(  # noqa: N802
        self, request: inference_pb2.RestoreSessionRequest, context: Context
    ) -> inference_pb2.RestoreSessionResponse:
        """Not served yet."""
        raise UnsupportedError("sessions are not served by this version")

    async def ForkSession(  # noqa: N802
        self, request: inference_pb2.ForkSessionRequest, context: Context
    ) -> inference_pb2.ForkSessionResponse:
        """Not served yet."""
        raise UnsupportedError("sessions are not served by this version")

    async def ListSessions(  # noqa: N802
        self, request: inference_pb2.ListSessionsRequest, context: Context
    ) -> inference_pb2.ListSessionsResponse:
        """Not served yet."""
        raise UnsupportedError("sessions are not served by this version")

    async def DeleteSession(  # noqa: N802
        self, request: inference_pb2.DeleteSessionRequest, context: Context
    ) -> inference_pb2.DeleteSessionResponse:
        """Not served yet."""
        raise UnsupportedError("sessions are not served by this version")


def register(server: grpc.aio.Server, engine: Engine, side: SideEngines = NO_SIDE_ENGINES) -> Sequence[str]:
    """Adds the service to a server; returns its full name."""
    # The generated types know only the synchronous servicers' signatures.
    inference_pb2_grpc.add_InferenceServiceServicer_to_server(InferenceServicer(engine, side), server)
    return (inference_pb2.DESCRIPTOR.services_by_name["InferenceService"].full_name,)


def event_to_wire(event: Event) -> inference_pb2.GenerateEvent:
    """An event as a message."""
    if not isinstance(event, Finish):
        return inference_pb2.GenerateEvent(delta=delta_to_wire(event))
    counts = event.counts
    finish = inference_pb2.Finish(
        reason=finish_reason_to_wire(event.reason),
        complete=event.complete,
        matched_stop=event.matched_stop,
        usage=inference_pb2.Usage(
            prompt_tokens=counts.prompt_tokens,
            cached_tokens=counts.cached_tokens,
            completion_tokens=counts.completion_tokens,
        ),
        timings=inference_pb2.Timings(prompt_ms=counts.prompt_ms, predicted_ms=counts.predicted_ms),
    )
    return inference_pb2.GenerateEvent(finish=finish)
