"""InferenceService over gRPC: messages → values → messages. Domain errors become status in `rpc/interceptor.py`."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from promptweave.inference.engine import Engine
from promptweave.inference.errors import EngineFailedError, RequestError, UnsupportedError
from promptweave.inference.messages import generate
from promptweave.inference.service_events import event_to_wire
from promptweave.inference.service_request import request_from_wire
from promptweave.v1 import inference_pb2, inference_pb2_grpc, prompt_compiler_pb2

Context = grpc.aio.ServicerContext[Any, Any]


class InferenceServicer(inference_pb2_grpc.InferenceServiceServicer):
    """Serves one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def Generate(  # type: ignore[override] # noqa: N802 - the contract's name
        self, request: inference_pb2.GenerateRequest, context: Context
    ) -> None:
        """Streams a message. Written, not yielded: cancelling the call must find us inside, and so free the slot."""
        async with aclosing(generate(self._engine, request_from_wire(request))) as batches:
            async for events in batches:
                await context.write(inference_pb2.GenerateResponse(events=[event_to_wire(*event) for event in events]))

    async def GetModel(  # noqa: N802
        self, request: inference_pb2.GetModelRequest, context: Context
    ) -> inference_pb2.GetModelResponse:
        """Describes the loaded model."""
        engine = self._engine.ready()
        facts = engine.facts
        model = inference_pb2.ModelInfo(
            id=facts.model_id,
            context_size=facts.context_size,
            slots=facts.slots,
            dialects=[prompt_compiler_pb2.GRAMMAR_DIALECT_GBNF],
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
        """Not served yet."""
        raise UnsupportedError("there is no embedding model")

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


def register(server: grpc.aio.Server, engine: Engine) -> Sequence[str]:
    """Adds the service to a server; returns its full name."""
    # The generated types know only the synchronous servicers' signatures.
    inference_pb2_grpc.add_InferenceServiceServicer_to_server(InferenceServicer(engine), server)
    return (inference_pb2.DESCRIPTOR.services_by_name["InferenceService"].full_name,)
