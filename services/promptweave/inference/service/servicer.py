"""InferenceService over gRPC: converts protobuf requests, runs them, and converts the results.

Domain errors become a gRPC status in `rpc/error_interceptor.py`.
"""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp
from prometheus_client import CollectorRegistry

from promptweave.inference.auxiliary_engines import NO_AUXILIARY_ENGINES, AuxiliaryEngines, EngineRole
from promptweave.inference.engine.engine import Engine
from promptweave.inference.engine.load_balancer import EngineBalancer
from promptweave.inference.engine.model_info import ModelInfo
from promptweave.inference.errors import EngineFailedError, RequestError, UnsupportedError
from promptweave.inference.generation.generate import generate
from promptweave.inference.scheduling.slot_queue import Caller
from promptweave.inference.service.deprecated_metrics import DeprecatedEngineMetrics
from promptweave.inference.service.embeddings import ROLES, embed_from_wire, rerank_from_wire
from promptweave.inference.service.engine_metrics import EngineMetrics
from promptweave.inference.service.generate_events import event_to_wire, session_to_wire
from promptweave.inference.service.generate_request import request_from_wire
from promptweave.inference.service.metrics import MessageMetrics
from promptweave.inference.service.transcription import transcribe_from_wire, whisper_to_wire
from promptweave.inference.sessions.sessions import Sessions
from promptweave.v1 import inference_pb2, inference_pb2_grpc, prompt_compiler_pb2

Context = grpc.aio.ServicerContext[Any, Any]


class InferenceServicer(inference_pb2_grpc.InferenceServiceServicer):
    """Serves the generating engines, which have one model, and the auxiliary engines."""

    def __init__(self, engine: EngineBalancer, metrics: MessageMetrics, auxiliary: AuxiliaryEngines) -> None:
        self._engine = engine
        self._metrics = metrics
        self._auxiliary = auxiliary

    async def Generate(  # type: ignore[override] # noqa: N802 - the contract's name
        self, request: inference_pb2.GenerateRequest, context: Context
    ) -> None:
        """Stream messages. Uses `context.write`, not `yield`: a cancellation must be raised in here, to free the slot."""
        engine = self._engine.for_prefix(request.prompt.prefix_key)
        message = generate(engine, request_from_wire(request), self._metrics.count)
        async with aclosing(self._metrics.measured(message)) as batches:
            async for events in batches:
                await context.write(inference_pb2.GenerateResponse(events=[event_to_wire(*event) for event in events]))

    async def GetModel(  # noqa: N802
        self, request: inference_pb2.GetModelRequest, context: Context
    ) -> inference_pb2.GetModelResponse:
        """Describe a loaded model."""
        if request.role == inference_pb2.MODEL_ROLE_TRANSCRIPTION:
            return inference_pb2.GetModelResponse(model=whisper_to_wire(self._auxiliary.ready_whisper()))
        role = ROLES.get(request.role)
        engine = self._engine.ready() if role is None else self._auxiliary.ready(role)
        model_info = self._engine.model_info() if role is None else engine.model_info
        model = inference_pb2.ModelInfo(
            id=model_info.model_id,
            context_size=model_info.context_size,
            slots=model_info.slots,
            dialects=_dialects(model_info) if role is None else [],
            images=role is None and model_info.media_marker is not None,
            embeddings=EngineRole.EMBEDDING in self._auxiliary.engines,
            created=Timestamp(seconds=int(engine.since)),
            engine=model_info.engine,
        )
        if model_info.template is not None:
            model.template.source = model_info.template
            model.template.bos_token, model.template.eos_token = model_info.bos, model_info.eos
            model.template.named.update(model_info.named_templates)
            model.template.special_tokens.extend(model_info.special_tokens)
        return inference_pb2.GetModelResponse(model=model)

    async def Tokenize(  # noqa: N802
        self, request: inference_pb2.TokenizeRequest, context: Context
    ) -> inference_pb2.TokenizeResponse:
        """Convert text to token ids."""
        client = self._engine.ready().client
        how = {"parse_special": request.parse_special, "add_special": request.add_special}
        if not request.with_pieces:
            return inference_pb2.TokenizeResponse(tokens=await client.tokenize(request.text, **how))
        tokens = await client.tokenize_in_pieces(request.text, **how)
        return inference_pb2.TokenizeResponse(tokens=[token for token, _ in tokens], pieces=[piece for _, piece in tokens])

    async def Detokenize(  # noqa: N802
        self, request: inference_pb2.DetokenizeRequest, context: Context
    ) -> inference_pb2.DetokenizeResponse:
        """Convert token ids to text."""
        client = self._engine.ready().client
        try:
            text = await client.detokenize(list(request.tokens))
        except EngineFailedError:
            # The engine responds to an id out of range with a 500 and the text of a C++ exception.
            raise RequestError("the vocabulary does not contain one of the token ids", path="/tokens") from None
        return inference_pb2.DetokenizeResponse(text=text)

    async def Embed(  # noqa: N802
        self, request: inference_pb2.EmbedRequest, context: Context
    ) -> inference_pb2.EmbedResponse:
        """Convert texts to vectors."""
        return await embed_from_wire(self._auxiliary.ready(EngineRole.EMBEDDING), request)

    async def Rerank(  # noqa: N802
        self, request: inference_pb2.RerankRequest, context: Context
    ) -> inference_pb2.RerankResponse:
        """Rank documents, best first."""
        return await rerank_from_wire(self._auxiliary.ready(EngineRole.RERANK), request)

    async def Transcribe(  # noqa: N802
        self, request: inference_pb2.TranscribeRequest, context: Context
    ) -> inference_pb2.TranscribeResponse:
        """Convert audio to text."""
        return await transcribe_from_wire(self._auxiliary.ready_whisper(), request)

    async def SaveSession(  # noqa: N802
        self, request: inference_pb2.SaveSessionRequest, context: Context
    ) -> inference_pb2.SaveSessionResponse:
        """Return the saved session. Saves nothing itself: each message saves its session."""
        return inference_pb2.SaveSessionResponse(session=session_to_wire(await self._sessions().find(request.id)))

    async def RestoreSession(  # noqa: N802
        self, request: inference_pb2.RestoreSessionRequest, context: Context
    ) -> inference_pb2.RestoreSessionResponse:
        """Load a session ahead of its next message."""
        sessions = self._sessions()
        async with sessions.alone(request.id), self._engine.ready().slot_queue.slot(Caller()):
            return inference_pb2.RestoreSessionResponse(session=session_to_wire(await sessions.restore(request.id)))

    async def ForkSession(  # noqa: N802
        self, request: inference_pb2.ForkSessionRequest, context: Context
    ) -> inference_pb2.ForkSessionResponse:
        """Copy a session."""
        forked = await self._sessions().fork(request.parent_id, request.id)
        return inference_pb2.ForkSessionResponse(session=session_to_wire(forked))

    async def ListSessions(  # noqa: N802
        self, request: inference_pb2.ListSessionsRequest, context: Context
    ) -> inference_pb2.ListSessionsResponse:
        """List sessions. A page starts after the previous one's last session: new and deleted sessions shift nothing."""
        listed = await self._sessions().all()
        if request.page_token:
            last_used, _, last_id = request.page_token.partition(" ")
            try:
                after = (-float(last_used), last_id)
            except ValueError:
                raise RequestError(
                    "page_token is invalid; pass the next_page_token of a previous response", path="/page_token"
                ) from None
            listed = [session for session in listed if (-session.last_used, session.id) > after]
        page = listed[: request.page_size] if request.page_size else listed
        more = len(page) < len(listed)
        return inference_pb2.ListSessionsResponse(
            sessions=map(session_to_wire, page),
            next_page_token=f"{page[-1].last_used!r} {page[-1].id}" if more else "",
        )

    async def DeleteSession(  # noqa: N802
        self, request: inference_pb2.DeleteSessionRequest, context: Context
    ) -> inference_pb2.DeleteSessionResponse:
        """Delete a session."""
        await self._sessions().delete(request.id)
        return inference_pb2.DeleteSessionResponse()

    def _sessions(self) -> Sessions:
        sessions = self._engine.ready().sessions
        if sessions is None:
            raise UnsupportedError("sessions are not enabled; they require a managed engine and --session-dir")
        return sessions


def _dialects(model_info: ModelInfo) -> list[prompt_compiler_pb2.GrammarDialect.ValueType]:
    """Return the supported dialects, best first: promptweave's grammars are designed for GBNF."""
    llguidance = [prompt_compiler_pb2.GRAMMAR_DIALECT_LLGUIDANCE] if model_info.llguidance else []
    return [prompt_compiler_pb2.GRAMMAR_DIALECT_GBNF, *llguidance]


def register(
    server: grpc.aio.Server,
    engine: Engine,
    registry: CollectorRegistry | None = None,
    auxiliary: AuxiliaryEngines = NO_AUXILIARY_ENGINES,
) -> Sequence[str]:
    """Add the service to a server; return its full name. `registry`: for its metrics."""
    registry = registry or CollectorRegistry()
    pool = engine if isinstance(engine, EngineBalancer) else EngineBalancer({"": engine})
    engines = EngineMetrics(pool, auxiliary)
    registry.register(engines)
    registry.register(DeprecatedEngineMetrics(engines))
    # The generated types know only the synchronous servicers' signatures.
    servicer = InferenceServicer(pool, MessageMetrics(registry), auxiliary)
    inference_pb2_grpc.add_InferenceServiceServicer_to_server(servicer, server)
    return (inference_pb2.DESCRIPTOR.services_by_name["InferenceService"].full_name,)
