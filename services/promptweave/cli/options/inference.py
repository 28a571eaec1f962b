"""Options of the inference service, shared by `serve` and `inference`."""

import shlex
from pathlib import Path
from typing import Any

import click
import platformdirs

from promptweave.cli.huggingface import fetch_model
from promptweave.cli.options.topics import Decorator, all_of, auxiliary_option, engine_option, model_option, storage_option
from promptweave.cli.options.values import ABSOLUTE_FILE, DAY_S, FILE, GIB, fields_of, in_bytes, in_seconds
from promptweave.inference.errors import StartError
from promptweave.inference.options import InferenceOptions
from promptweave.rpc.security import NO_SECURITY, Security

engine_options: Decorator[Any] = all_of(
    model_option("--model", type=FILE, metavar="FILE", help="GGUF file of the model."),
    model_option(
        "--hf-repo",
        metavar="REPO",
        help="Hugging Face repository to download the model from, such as Qwen/Qwen2.5-1.5B-Instruct-GGUF.",
    ),
    model_option("--hf-file", metavar="FILE", help="GGUF file in --hf-repo.  [default: Q4_K_M, or the first]"),
    model_option(
        "--mmproj",
        type=ABSOLUTE_FILE,
        metavar="FILE",
        help="GGUF file of the model's multimodal projector, for image input.",
    ),
    engine_option(
        "--endpoint",
        "endpoints",
        multiple=True,
        metavar="URL",
        help="URL of a running llama.cpp server to use instead of a managed one. Repeatable; all servers must serve the same"
        " model.",
    ),
    engine_option("--endpoint-api-key", metavar="KEY", help="API key for --endpoint (used for all endpoints)."),
    engine_option("--engine", metavar="PATH", help="llama-server binary.  [default: from PATH, or the xllamacpp wheel]"),
    engine_option(
        "--ctx-size",
        type=click.IntRange(1),
        metavar="N",
        help="Context size per slot, in tokens.  [default: the model's]",
    ),
    engine_option(
        "--parallel",
        type=click.IntRange(1),
        default=InferenceOptions.parallel,
        metavar="N",
        help="Number of slots: responses generated concurrently.",
    ),
    engine_option(
        "--max-queue",
        "max_waiting",
        aliases=("--queue",),
        type=click.IntRange(0),
        default=InferenceOptions.max_waiting,
        metavar="N",
        help="Maximum queued requests; further ones are rejected.",
    ),
    engine_option(
        "--fast-forward/--no-fast-forward",
        default=InferenceOptions.fast_forward,
        help="Append text that the grammar forces (keys, tool names) to the prompt instead of sampling it: same output, less"
        " time. Requests can also disable it.",
    ),
    auxiliary_option(
        "--embedding-model",
        type=ABSOLUTE_FILE,
        metavar="FILE",
        help="GGUF file of an embedding model; runs in its own engine.",
    ),
    auxiliary_option(
        "--embedding-pooling",
        type=click.Choice(["mean", "cls", "last"]),
        help="Pooling of the embedding model.  [default: from the model file]",
    ),
    auxiliary_option(
        "--rerank-model",
        type=ABSOLUTE_FILE,
        metavar="FILE",
        help="GGUF file of a reranker; runs in its own engine.",
    ),
    auxiliary_option(
        "--embedding-ctx-size",
        type=click.IntRange(1),
        metavar="N",
        help="Maximum input length of the embedding and rerank models, in tokens.  [default: the model's, at most 8192]",
    ),
    auxiliary_option(
        "--whisper-model",
        type=ABSOLUTE_FILE,
        metavar="FILE",
        help="whisper.cpp model file (ggml-*.bin), for audio transcription.",
    ),
    auxiliary_option(
        "--whisper-server", metavar="PATH", help="whisper.cpp server binary.  [default: whisper-server from PATH]"
    ),
    auxiliary_option(
        "--whisper-args",
        default="",
        metavar="ARGS",
        help="Extra server arguments, shell-quoted, such as '--threads 8 --convert'.",
    ),
    storage_option(
        "--session-dir",
        type=FILE,
        metavar="DIR",
        help="Directory for saved sessions (requests with a session_id).  [default: in the user's cache]",
    ),
    storage_option(
        "--session-max-gib",
        "session_max_bytes",
        type=click.FloatRange(0, min_open=True),
        default=InferenceOptions.session_max_bytes / GIB,
        callback=in_bytes(GIB),
        metavar="GIB",
        help="Maximum total size of all sessions, in GiB; the least recently used are deleted first.",
    ),
    storage_option(
        "--session-max-days",
        "session_max_age_s",
        type=click.FloatRange(0, min_open=True),
        default=InferenceOptions.session_max_age_s / DAY_S,
        callback=in_seconds(DAY_S),
        metavar="DAYS",
        help="Delete sessions that have not been used for this many days.",
    ),
    model_option("--model-id", metavar="NAME", help="Model name reported to clients.  [default: from the file or endpoint]"),
    engine_option(
        "--startup-timeout",
        "start_timeout_s",
        aliases=("--start-timeout",),
        type=click.FloatRange(1),
        default=InferenceOptions.start_timeout_s,
        metavar="S",
        help="Maximum time for loading the model, in seconds.",
    ),
    engine_option(
        "--watchdog-timeout",
        "hang_timeout_s",
        aliases=("--hang-timeout",),
        type=click.FloatRange(1),
        default=InferenceOptions.hang_timeout_s,
        metavar="S",
        help="Seconds without a response before the engine is replaced; ten times that if it responds without progress.",
    ),
)


def to_inference(
    given: dict[str, Any],
    *,
    listen: str,
    metrics: str | None,
    engine_args: tuple[str, ...] = (),
    security: Security = NO_SECURITY,
) -> InferenceOptions:
    """Return the inference service's options. Downloads the model if necessary. Raises StartError."""
    model = _model(given)
    known: dict[str, Any] = {
        "listen": listen,
        "metrics": metrics,
        "security": security,
        "model": model.resolve() if model else None,
        "engine_args": engine_args,
        "whisper_args": _split(given["whisper_args"]),
        "session_dir": _session_dir(given["session_dir"]) if model else None,
    }
    return InferenceOptions(**fields_of(InferenceOptions, given) | known)


def _model(given: dict[str, Any]) -> Path | None:
    """Return the model's file, None with --endpoint."""
    sources = {"--model": "model", "--hf-repo": "hf_repo", "--endpoint": "endpoints"}
    given_sources = [option for option, name in sources.items() if given[name]]
    if len(given_sources) != 1:
        given_text = f", not {' and '.join(given_sources)}" if given_sources else ""
        raise StartError(f"exactly one of --model, --hf-repo or --endpoint is required{given_text}")
    if given["hf_file"] and not given["hf_repo"]:
        raise StartError("--hf-file requires --hf-repo")
    if given["hf_repo"]:
        return fetch_model(given["hf_repo"], given["hf_file"])
    model: Path | None = given["model"]
    return model


def _split(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise StartError(f"--whisper-args {text!r}: {error}") from None


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
