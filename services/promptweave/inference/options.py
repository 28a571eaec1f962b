"""What the inference service is started with."""

from dataclasses import dataclass
from pathlib import Path

from yarl import URL

from promptweave.inference.errors import StartError
from promptweave.rpc.security import NO_SECURITY, Security

DEFAULT_LISTEN = "127.0.0.1:50052"


@dataclass(frozen=True, kw_only=True)
class InferenceOptions:
    """One of `model` and `endpoints` is given. Times in seconds."""

    listen: str = DEFAULT_LISTEN
    """`host:port` (port 0: any) or `unix:/path`."""

    metrics: str | None = None
    """`host:port` where Prometheus may ask. None: nowhere."""

    security: Security = NO_SECURITY
    """TLS, and who may call."""

    model: Path | None = None
    """A GGUF file, for an engine of our own."""
    mmproj: Path | None = None
    """The GGUF file of the model's projector, with which it takes pictures."""
    endpoints: tuple[str, ...] = ()
    """The URLs of llama.cpp servers that run already, all with the same model."""
    endpoint_api_key: str | None = None
    """The key of them all."""

    engine: str | None = None
    """The path of a llama-server binary. None: `engine/discovery.py` looks for one."""
    engine_args: tuple[str, ...] = ()
    """More arguments for a llama-server binary."""
    ctx_size: int | None = None
    """The context of one slot, in tokens. None: the engine's choice (b11549: the model's training context)."""
    parallel: int = 1
    """How many messages are written at the same time."""
    fast_forward: bool = True
    """Whether text that a grammar forces is appended to the prompt instead of being sampled."""

    embedding_model: Path | None = None
    """A GGUF file, for a second engine, which embeds."""
    embedding_pooling: str | None = None
    """How its tokens' vectors become one, by a name of `vector_model.POOLINGS`. None: as the file says."""
    rerank_model: Path | None = None
    """A GGUF file, for an engine that ranks documents."""
    embedding_ctx_size: int | None = None
    """The longest input of these two engines, in tokens; rounded up to a multiple of 256, and never more than the model was
    trained for. None: as much as that, at most 8,192."""
    whisper_model: Path | None = None
    """A model file of whisper.cpp, for a server that transcribes. None: there is none."""
    whisper_server: str | None = None
    """The path of whisper.cpp's server. None: the one on PATH."""
    whisper_args: tuple[str, ...] = ()
    """More arguments for it."""
    pooling: str | None = None
    """Of the engine for `model`: it gives vectors, or ranks. None: it writes text. Set by `auxiliary_engines.py`."""

    session_dir: Path | None = None
    """Where sessions are kept. None: there are none."""
    session_max_bytes: int = 10 * 1024**3
    """What all sessions may take on disk; then those go that were not used for longest."""
    session_max_age_s: float = 7 * 24 * 3600.0
    """A session that was not used for so long is forgotten."""

    model_id: str | None = None
    """The model's name for clients. None: the file's stem, or the endpoint's own name for it."""

    max_waiting: int = 64
    """How many calls may wait for a slot before more are refused."""
    start_timeout_s: float = 600.0
    """How long the engine may take to load the model."""
    hang_timeout_s: float = 60.0
    """How long the engine may be silent before it is replaced; ten times that, where it answers but does not get on."""
    grace_s: float = 10.0
    """How long running calls have to end, and then the engine, when the service is told to stop."""

    def __post_init__(self) -> None:
        """Raises StartError for options that contradict each other."""
        if (self.model is None) == (not self.endpoints):
            raise StartError("give either a model file or the endpoint of a running llama.cpp server")
        for place, endpoint in enumerate(self.endpoints):
            if not _is_url(endpoint):
                raise StartError(f"the endpoint {endpoint!r} is no http:// or https:// URL")
            if endpoint in self.endpoints[:place]:
                raise StartError(f"the endpoint {endpoint!r} is given twice")
        if self.mmproj is not None and self.model is None:
            raise StartError("a projector (--mmproj) is of a model of ours: the endpoint has its own, or none")
        own = self.embedding_model or self.rerank_model
        if self.endpoints and (self.engine_args or (self.engine and not own)):
            raise StartError("an engine, or arguments for one, cannot be given together with an endpoint")
        if self.embedding_pooling and not self.embedding_model:
            raise StartError("a pooling is of an embedding model: give one, too")
        if (self.whisper_server or self.whisper_args) and not self.whisper_model:
            raise StartError("a whisper server, or arguments for one, need a whisper model: give one, too")
        if self.embedding_ctx_size is not None and self.embedding_ctx_size < 1:
            raise StartError(f"the embedding context size is {self.embedding_ctx_size}: at least 1 is needed")
        if self.parallel < 1:
            raise StartError(f"parallel is {self.parallel}: at least 1 is needed")
        if self.ctx_size is not None and self.ctx_size < 1:
            raise StartError(f"the context size is {self.ctx_size}: at least 1 is needed")
        if self.max_waiting < 0:
            raise StartError(f"max_waiting is {self.max_waiting}: at least 0 is needed")


def _is_url(text: str) -> bool:
    try:
        url = URL(text)
        return url.scheme in ("http", "https") and bool(url.host) and url.port is not None
    except ValueError:
        return False
