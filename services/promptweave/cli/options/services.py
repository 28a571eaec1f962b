"""The options of the services, shared by `serve` and by the commands that run one service each."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import platformdirs

from promptweave.cli.huggingface import fetch_model
from promptweave.facade.options import DEFAULT_ALIASES, FacadeOptions
from promptweave.inference.errors import StartError
from promptweave.inference.options import InferenceOptions
from promptweave.rpc.logs import FORMATS, choose_format
from promptweave.rpc.security import NO_SECURITY, Security

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]

SETTINGS = {"show_default": True}

_ENGINE = [
    click.option("--model", type=click.Path(path_type=Path), metavar="FILE", help="The GGUF file of the model."),
    click.option(
        "--hf-repo", metavar="REPO", help="A model on Hugging Face instead, such as Qwen/Qwen2.5-1.5B-Instruct-GGUF."
    ),
    click.option("--hf-file", metavar="FILE", help="With --hf-repo: which of its files.  [default: Q4_K_M, or the first]"),
    click.option(
        "--mmproj",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The GGUF file of the model's projector, with which it takes pictures.",
    ),
    click.option(
        "--endpoint",
        "endpoints",
        multiple=True,
        metavar="URL",
        help="A llama.cpp server that runs already, instead of an engine of our own. Several times for several of them, with"
        " one model.",
    ),
    click.option("--endpoint-api-key", metavar="KEY", help="With --endpoint: the key that it asks for, or they all."),
    click.option(
        "--engine", metavar="PATH", help="A llama-server binary.  [default: the one on PATH, or the xllamacpp wheel]"
    ),
    click.option(
        "--ctx-size", type=click.IntRange(1), metavar="N", help="Tokens of context of each slot.  [default: the model's]"
    ),
    click.option("--parallel", type=click.IntRange(1), default=1, metavar="N", help="How many answers are written at once."),
    click.option(
        "--queue",
        type=click.IntRange(0),
        default=64,
        metavar="N",
        help="How many requests may wait before more are refused.",
    ),
    click.option(
        "--fast-forward/--no-fast-forward",
        default=True,
        help="Append text that a grammar forces (keys, tool names) to the prompt instead of sampling it: the same answer,"
        " sooner. Requests may turn it off, too.",
    ),
    click.option(
        "--embedding-model",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The GGUF file of an embedding model, for a second engine.",
    ),
    click.option(
        "--embedding-pooling",
        type=click.Choice(["mean", "cls", "last"]),
        help="How the embedding model pools.  [default: as its file says]",
    ),
    click.option(
        "--rerank-model",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The GGUF file of a reranker, for an engine of its own.",
    ),
    click.option(
        "--embedding-ctx-size",
        type=click.IntRange(1),
        metavar="N",
        help="Tokens of the longest text for these two.  [default: the model's, at most 8192]",
    ),
    click.option(
        "--whisper-model",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A model file of whisper.cpp (ggml-*.bin), to transcribe sound with its server.",
    ),
    click.option("--whisper-server", metavar="PATH", help="whisper.cpp's server.  [default: whisper-server on PATH]"),
    click.option(
        "--whisper-args",
        default="",
        metavar="ARGS",
        help="More arguments for it, quoted as for a shell, such as '--threads 8 --convert'.",
    ),
    click.option(
        "--session-dir",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Where sessions are kept (requests that give a session_id).  [default: in the user's cache]",
    ),
    click.option(
        "--session-max-gib",
        type=click.FloatRange(0, min_open=True),
        default=10.0,
        metavar="GIB",
        help="What all sessions may take; then the least used go.",
    ),
    click.option(
        "--session-max-days",
        type=click.FloatRange(0, min_open=True),
        default=7.0,
        metavar="DAYS",
        help="Sessions that were not used for so long are forgotten.",
    ),
    click.option("--model-id", metavar="NAME", help="The model's name for clients.  [default: the file's]"),
    click.option(
        "--start-timeout",
        type=click.FloatRange(1),
        default=600.0,
        metavar="S",
        help="Seconds that loading the model may take.",
    ),
    click.option(
        "--hang-timeout",
        type=click.FloatRange(1),
        default=60.0,
        metavar="S",
        help="Seconds that the engine may be silent before it is replaced; ten times that for work without progress.",
    ),
]

_FACADE = [
    click.option("--host", default="127.0.0.1", help="The address to listen on; 0.0.0.0 lets other machines in."),
    click.option("--port", type=click.IntRange(0, 65535), default=8080, help="The port of the OpenAI API; 0: any free one."),
    click.option(
        "--api-key",
        "api_keys",
        multiple=True,
        metavar="KEY",
        help="Ask clients for this key. Several times for several.  [default: none is asked for]",
    ),
    click.option(
        "--api-keys-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Keys, one on each line; read again when it changes.",
    ),
    click.option(
        "--requests-per-minute",
        type=click.IntRange(1),
        metavar="N",
        help="What each key may ask; where none is asked for, each address.  [default: no limit]",
    ),
    click.option(
        "--concurrent-requests", type=click.IntRange(1), metavar="N", help="Likewise, at once.  [default: no limit]"
    ),
    click.option(
        "--cors-origin",
        "cors_origins",
        multiple=True,
        metavar="ORIGIN",
        help="A web site whose pages may ask, such as https://example.org; '*' for all.  [default: none]",
    ),
    click.option("--tls-cert", type=click.Path(path_type=Path), metavar="FILE", help="With --tls-key: HTTPS. PEM files."),
    click.option("--tls-key", type=click.Path(path_type=Path), metavar="FILE", help="The key of --tls-cert."),
    click.option(
        "--max-body",
        type=click.FloatRange(0, min_open=True),
        default=32.0,
        metavar="MIB",
        help="The largest request that is read, in MiB.",
    ),
    click.option("--access-log/--no-access-log", default=True, help="Log each request, without its contents."),
    click.option(
        "--alias",
        "aliases",
        multiple=True,
        default=DEFAULT_ALIASES,
        metavar="NAME",
        help="A further name of the model, with wildcards. Several times for several; replaces the default ones.",
    ),
    click.option(
        "--routes",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Several models: their names and addresses, in TOML; read again when it changes. See docs/deploy.md.",
    ),
    click.option(
        "--request-timeout",
        type=click.FloatRange(1),
        default=600.0,
        metavar="S",
        help="Seconds that a whole request may take.",
    ),
    click.option("--no-explorer", is_flag=True, help="Leave out the Prompt Explorer, the page at /."),
    click.option(
        "--responses-store",
        type=click.Path(dir_okay=False, resolve_path=True),
        metavar="FILE",
        help="Where /v1/responses keeps what it wrote (SQLite).  [default: in memory]",
    ),
    click.option(
        "--responses-most",
        type=click.IntRange(0),
        default=10_000,
        metavar="N",
        help="How many responses are kept, 0: none. The oldest go first.",
    ),
    click.option(
        "--responses-size",
        type=click.FloatRange(0),
        default=256.0,
        metavar="MIB",
        help="How much is kept of responses, in MiB.",
    ),
    click.option(
        "--responses-age", type=click.FloatRange(0), default=30.0, metavar="DAYS", help="How long responses are kept."
    ),
]

_SERVER_SECURITY = [
    click.option(
        "--tls-cert",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="With --tls-key: TLS. PEM files; like all of these read again when they change.",
    ),
    click.option("--tls-key", type=click.Path(path_type=Path), metavar="FILE", help="The key of --tls-cert."),
    click.option(
        "--tls-client-ca",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Let only those call whose certificate this CA has signed (mTLS).",
    ),
    click.option(
        "--token-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Let only those call who bring the token in this file.",
    ),
]

_CLIENT_SECURITY = [
    click.option(
        "--services-ca",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Call the services with TLS, and trust what this CA has signed. Like all of these read again when it changes.",
    ),
    click.option(
        "--services-cert",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="With --services-key: the certificate to show them.",
    ),
    click.option("--services-key", type=click.Path(path_type=Path), metavar="FILE", help="The key of --services-cert."),
    click.option(
        "--services-token-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The file of the token that they ask for.",
    ),
]

GRACE = click.option(
    "--grace", type=click.FloatRange(0), default=10.0, metavar="S", help="Seconds for running requests to end at a stop."
)

LOG_FORMAT = click.option(
    "--log-format",
    type=click.Choice(FORMATS),
    default=FORMATS[0],
    expose_value=False,
    callback=lambda context, parameter, value: choose_format(value),
    help="How the log on stderr is written: for people, or a JSON object on each line.",
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
    """How a service knows its callers; takes these options out of the command's. Raises SecurityError."""
    cert, key, ca, token = (given.pop(name) for name in ("tls_cert", "tls_key", "tls_client_ca", "token_file"))
    return Security(cert=cert, key=key, ca=ca, token_file=token)


def to_client_security(given: dict[str, Any]) -> Security:
    """How the services are called; takes these options out of the command's. Raises SecurityError."""
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
    """The inference service's options from the command's. Downloads the model if need be. Raises StartError."""
    sources = {"--model": "model", "--hf-repo": "hf_repo", "--endpoint": "endpoints"}
    given_sources = [option for option, name in sources.items() if given[name]]
    if len(given_sources) != 1:
        given_text = " and ".join(given_sources) or "nothing"
        raise StartError(f"give one of --model FILE, --hf-repo REPO and --endpoint URL, not {given_text}")
    if given["hf_file"] and not given["hf_repo"]:
        raise StartError("--hf-file names a file of a repository: give --hf-repo, too")
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
    """None where nothing was given and the user has no cache: then there are no sessions."""
    if given:
        return given.absolute()
    folder = platformdirs.user_cache_path("promptweave") / "sessions"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder


def to_facade(given: dict[str, Any], *, compiler: str, inference: str, security: Security = NO_SECURITY) -> FacadeOptions:
    """The facade's options from the command's."""
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
