"""Auxiliary engines for embeddings, reranking and transcription, each supervised independently."""

import asyncio
import logging
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Protocol, TypeVar

from promptweave.inference.embeddings.model_file import POOLINGS, RANK, read_vector_model
from promptweave.inference.engine.engine import Engine, ReadyEngine
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.engine.model_file import check_model_file
from promptweave.inference.errors import EngineUnavailableError, StartError, UnsupportedError
from promptweave.inference.options import EngineOptions, InferenceOptions
from promptweave.inference.process.managed_process import OnReady, Supervised
from promptweave.inference.process.supervisor import Supervision
from promptweave.inference.scheduling.slot_queue import SlotQueue
from promptweave.inference.transcription.whisper_server import ReadyWhisper, WhisperServer

logger = logging.getLogger(__name__)

_MAX_TEXT_TOKENS = 8192
"""Default limit, in tokens. A text is evaluated in one piece, and the memory for it is allocated at the start."""

_CONTEXT_UNIT = 256
"""The engine rounds every context up to a multiple of it (b11549) and reports that size; the batch has to be as large."""

_SLOTS = 4
"""How many short texts are evaluated together, if the model needs no cache for them. A causal model caches each text, and
texts that share its context exceed it (b11549: an error for all of them)."""

_HOPELESS_S = 30.0
"""Delay before an engine that ran before, and can no longer be started, is tried again."""


class EngineRole(Enum):
    """The role of an engine; the value is the prefix of its option: `--embedding-model`."""

    EMBEDDING = "embedding"
    RERANK = "rerank"
    WHISPER = "whisper"


class HasSlotQueue(Protocol):
    """What every ready engine has."""

    @property
    def slot_queue(self) -> SlotQueue:
        """Return its queue."""
        ...


Ready = TypeVar("Ready")


class AuxiliaryEngines:
    """The auxiliary engines that are configured."""

    def __init__(self, engines: Mapping[EngineRole, Engine], whisper: Supervised[ReadyWhisper] | None = None) -> None:
        self._vectors = engines
        self._whisper = whisper
        self.engines: Mapping[EngineRole, Supervised[HasSlotQueue]] = {
            **engines,
            **({EngineRole.WHISPER: whisper} if whisper else {}),
        }

    @classmethod
    def supervised(cls, options: InferenceOptions) -> "AuxiliaryEngines":
        """Create managed engines for the configured models. Raises StartError."""
        return cls({role: Supervisor(given) for role, given in side_options(options).items()}, _whisper(options))

    def ready(self, role: EngineRole) -> ReadyEngine:
        """Return the embedding or rerank engine, if it is ready now.

        Raises UnsupportedError if there is none, and EngineUnavailableError.
        """
        return self._ready(role, self._vectors.get(role))

    def ready_whisper(self) -> ReadyWhisper:
        """Return the transcription engine; see `ready`."""
        return self._ready(EngineRole.WHISPER, self._whisper)

    def _ready(self, role: EngineRole, engine: Supervised[Ready] | None) -> Ready:
        if engine is None:
            raise UnsupportedError(
                f"no {role.value} model is loaded; start the inference service with --{role.value}-model FILE"
            )
        try:
            return engine.ready()
        except EngineUnavailableError as error:
            raise EngineUnavailableError(
                f"{role.value} model: {error.message}", retry_after_s=error.retry_after_s or 1.0
            ) from None

    async def run(self, role: EngineRole, on_ready: OnReady) -> None:
        """Supervise one of them until cancelled. Raises StartError if it cannot start at all.

        If it ran before and can no longer be started, the others continue, and it is retried from time to time.
        """
        was_ready = False

        async def on_engine_ready(ready: bool) -> None:
            nonlocal was_ready
            was_ready = was_ready or ready
            await on_ready(ready)

        while True:
            try:
                await self.engines[role].run(on_engine_ready)
            except StartError as error:
                if not was_ready:
                    raise StartError(f"--{role.value}-model: {error}") from None
                logger.error("the %s engine is not running: %s", role.value, error)
            await asyncio.sleep(_HOPELESS_S)


NO_AUXILIARY_ENGINES = AuxiliaryEngines({})


def _whisper(options: InferenceOptions) -> Supervised[ReadyWhisper] | None:
    if options.whisper_model is None:
        return None
    try:
        program = WhisperServer(options)
    except StartError as error:
        raise StartError(f"--whisper-model: {error}") from None
    return Supervision(program, start_timeout_s=options.start_timeout_s, grace_s=options.grace_s)


def side_options(options: InferenceOptions) -> dict[EngineRole, EngineOptions]:
    """Return the options of the embedding and rerank engines. Raises StartError for models unfit for their role."""
    given = {EngineRole.EMBEDDING: options.embedding_model, EngineRole.RERANK: options.rerank_model}
    return {role: _engine_options(options, role, model) for role, model in given.items() if model is not None}


def _engine_options(options: InferenceOptions, role: EngineRole, model: Path) -> EngineOptions:
    try:
        check_model_file(model)
        file = read_vector_model(model)
    except StartError as error:
        raise StartError(f"--{role.value}-model: {error}") from None
    pooling = (options.embedding_pooling if role is EngineRole.EMBEDDING else None) or file.pooling
    if (pooling == RANK) is not (role is EngineRole.RERANK):
        if role is EngineRole.RERANK:
            raise StartError(
                f"--rerank-model: {model} is not a reranker (its pooling is {pooling or 'not specified'}, not rank)"
            )
        raise StartError(f"--embedding-model: {model} is a reranker; pass it as --rerank-model")
    if pooling is None:
        known = ", ".join(name for name in POOLINGS.values() if name != RANK)
        raise StartError(
            f"--embedding-model: {model} does not specify its pooling; set --embedding-pooling to one of {known}"
        )
    return EngineOptions(
        model=model,
        pooling=pooling,
        engine=options.engine,
        ctx_size=_rounded(options.embedding_ctx_size or min(file.context_size, _MAX_TEXT_TOKENS)),
        parallel=1 if file.causal else _SLOTS,
        max_waiting=options.max_waiting,
        start_timeout_s=options.start_timeout_s,
        hang_timeout_s=options.hang_timeout_s,
        grace_s=options.grace_s,
    )


def _rounded(context_size: int) -> int:
    return -(-context_size // _CONTEXT_UNIT) * _CONTEXT_UNIT
