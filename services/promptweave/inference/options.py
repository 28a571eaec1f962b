"""Options of the inference service."""

from dataclasses import dataclass
from pathlib import Path

from yarl import URL

from promptweave.inference.errors import StartError
from promptweave.rpc.security import NO_SECURITY, Security

DEFAULT_LISTEN = "127.0.0.1:50052"


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """Options of one engine. Times in seconds."""

    model: Path | None = None
    """A GGUF file, for a managed engine."""
    mmproj: Path | None = None
    """The GGUF file of the model's projector, which enables images."""
    model_id: str | None = None
    """The model's name for clients. None: the file's stem, or the endpoint's own name for it."""
    pooling: str | None = None
    """How an engine that embeds or ranks pools the tokens' vectors. None: the engine generates text."""

    engine: str | None = None
    """The path of a llama-server binary. None: `engine/discovery.py` finds one."""
    engine_args: tuple[str, ...] = ()
    """Additional arguments for a llama-server binary."""
    ctx_size: int | None = None
    """The context of one slot, in tokens. None: the engine's choice (b11549: the model's training context)."""
    parallel: int = 1
    """How many messages are generated at the same time."""
    fast_forward: bool = True
    """Whether text that a grammar forces is appended to the prompt instead of being sampled."""

    session_dir: Path | None = None
    """Where sessions are kept. None: there are none."""
    session_max_bytes: int = 10 * 1024**3
    """Disk space for all sessions; beyond it the least recently used ones are removed."""
    session_max_age_s: float = 7 * 24 * 3600.0
    """A session that was not used for this long is removed."""

    max_waiting: int = 64
    """How many requests may be queued for a slot before more are refused."""
    start_timeout_s: float = 600.0
    """How long the engine may take to load the model."""
    hang_timeout_s: float = 60.0
    """How long the engine may not respond before it is replaced; ten times that if it responds but makes no progress."""
    grace_s: float = 10.0
    """How long running calls, and then the engine, have to end when the service is stopped."""

    def __post_init__(self) -> None:
        """Raise StartError for values out of range."""
        if self.parallel < 1:
            raise StartError(f"--parallel is {self.parallel}; it must be at least 1")
        if self.ctx_size is not None and self.ctx_size < 1:
            raise StartError(f"--ctx-size is {self.ctx_size}; it must be at least 1")
        if self.max_waiting < 0:
            raise StartError(f"--max-queue is {self.max_waiting}; it must be at least 0")


@dataclass(frozen=True, kw_only=True)
class InferenceOptions(EngineOptions):
    """Options of the service, and of its engine for chat. Exactly one of `model` and `endpoints` is given."""

    listen: str = DEFAULT_LISTEN
    """`host:port` (port 0: any) or `unix:/path`."""
    metrics: str | None = None
    """`host:port` of the Prometheus endpoint. None: there is none."""
    security: Security = NO_SECURITY
    """TLS and authorization."""

    endpoints: tuple[str, ...] = ()
    """The URLs of running llama.cpp servers, all with the same model."""
    endpoint_api_key: str | None = None
    """The API key for all of them."""

    embedding_model: Path | None = None
    """A GGUF file, for an embedding engine."""
    embedding_pooling: str | None = None
    """How its tokens' vectors are pooled, by a name in `embeddings/model_file.POOLINGS`. None: as in the file."""
    rerank_model: Path | None = None
    """A GGUF file, for a rerank engine."""
    embedding_ctx_size: int | None = None
    """The longest input of these two engines, in tokens; rounded up to a multiple of 256, and never more than the model was
    trained for. None: the trained length, at most 8,192."""
    whisper_model: Path | None = None
    """A model file of whisper.cpp, for a transcription server. None: there is none."""
    whisper_server: str | None = None
    """The path of whisper.cpp's server. None: the one on PATH."""
    whisper_args: tuple[str, ...] = ()
    """Additional arguments for it."""

    def __post_init__(self) -> None:
        """Raise StartError for options that contradict each other."""
        if (self.model is None) == (not self.endpoints):
            raise StartError("exactly one of --model, --hf-repo or --endpoint is required")
        for place, endpoint in enumerate(self.endpoints):
            if not _is_url(endpoint):
                raise StartError(f"--endpoint {endpoint!r} is not an http:// or https:// URL")
            if endpoint in self.endpoints[:place]:
                raise StartError(f"--endpoint {endpoint!r} is given twice")
        if self.mmproj is not None and self.model is None:
            raise StartError("--mmproj cannot be combined with --endpoint; load the projector in that server instead")
        own = self.embedding_model or self.rerank_model
        if self.endpoints and (self.engine_args or (self.engine and not own)):
            raise StartError(
                "--engine and engine arguments cannot be combined with --endpoint; configure that server instead"
            )
        if self.embedding_pooling and not self.embedding_model:
            raise StartError("--embedding-pooling requires --embedding-model")
        if (self.whisper_server or self.whisper_args) and not self.whisper_model:
            raise StartError("--whisper-server and --whisper-args require --whisper-model")
        if self.embedding_ctx_size is not None and self.embedding_ctx_size < 1:
            raise StartError(f"--embedding-ctx-size is {self.embedding_ctx_size}; it must be at least 1")
        super().__post_init__()


def _is_url(text: str) -> bool:
    try:
        url = URL(text)
        return url.scheme in ("http", "https") and bool(url.host) and url.port is not None
    except ValueError:
        return False
