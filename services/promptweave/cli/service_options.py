"""The options of the services, shared by `serve` and by the commands that run one service each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from promptweave.cli.hub import fetch_model
from promptweave.facade.options import DEFAULT_ALIASES, FacadeOptions
from promptweave.inference.errors import StartError
from promptweave.inference.options import InferenceOptions

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]

SETTINGS = {"show_default": True}

_ENGINE = [
    click.option("--model", type=click.Path(path_type=Path), metavar="FILE", help="The GGUF file of the model."),
    click.option(
        "--hf-repo", metavar="REPO", help="A model on Hugging Face instead, such as Qwen/Qwen2.5-1.5B-Instruct-GGUF."
    ),
    click.option("--hf-file", metavar="FILE", help="With --hf-repo: which of its files.  [default: Q4_K_M, or the first]"),
    click.option("--endpoint", metavar="URL", help="A llama.cpp server that runs already, instead of an engine of our own."),
    click.option("--endpoint-api-key", metavar="KEY", help="With --endpoint: the key that it asks for."),
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
    click.option("--model-id", metavar="NAME", help="The model's name for clients.  [default: the file's]"),
    click.option(
        "--start-timeout",
        type=click.FloatRange(1),
        default=600.0,
        metavar="S",
        help="Seconds that loading the model may take.",
    ),
]

_FACADE = [
    click.option("--host", default="127.0.0.1", help="The address to listen on; 0.0.0.0 lets other machines in."),
    click.option("--port", type=click.IntRange(0, 65535), default=8080, help="The port of the OpenAI API; 0: any free one."),
    click.option("--api-key", metavar="KEY", help="Ask clients for this key.  [default: none is asked for]"),
    click.option(
        "--alias",
        "aliases",
        multiple=True,
        default=DEFAULT_ALIASES,
        metavar="NAME",
        help="A further name of the model, with wildcards. Several times for several; replaces the default ones.",
    ),
    click.option(
        "--request-timeout",
        type=click.FloatRange(1),
        default=600.0,
        metavar="S",
        help="Seconds that a whole request may take.",
    ),
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

GRACE = click.option(
    "--grace", type=click.FloatRange(0), default=10.0, metavar="S", help="Seconds for running requests to end at a stop."
)


def _all(options: list[Decorator[Any]]) -> Decorator[Any]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


engine_options: Decorator[Any] = _all(_ENGINE)
facade_options: Decorator[Any] = _all(_FACADE)


def to_inference(given: dict[str, Any], *, listen: str, engine_args: tuple[str, ...] = ()) -> InferenceOptions:
    """The inference service's options from the command's. Downloads the model if need be. Raises StartError."""
    given_sources = [option for option in ("--model", "--hf-repo", "--endpoint") if given[option[2:].replace("-", "_")]]
    if len(given_sources) != 1:
        given_text = " and ".join(given_sources) or "nothing"
        raise StartError(f"give one of --model FILE, --hf-repo REPO and --endpoint URL, not {given_text}")
    if given["hf_file"] and not given["hf_repo"]:
        raise StartError("--hf-file names a file of a repository: give --hf-repo, too")
    model = fetch_model(given["hf_repo"], given["hf_file"]) if given["hf_repo"] else given["model"]
    return InferenceOptions(
        listen=listen,
        model=model.resolve() if model else None,
        endpoint=given["endpoint"],
        endpoint_api_key=given["endpoint_api_key"],
        engine=given["engine"],
        engine_args=engine_args,
        ctx_size=given["ctx_size"],
        parallel=given["parallel"],
        model_id=given["model_id"],
        max_waiting=given["queue"],
        start_timeout_s=given["start_timeout"],
        grace_s=given["grace"],
    )


def to_facade(given: dict[str, Any], *, compiler: str, inference: str) -> FacadeOptions:
    """The facade's options from the command's."""
    return FacadeOptions(
        host=given["host"],
        port=given["port"],
        compiler=compiler,
        inference=inference,
        api_key=given["api_key"],
        aliases=tuple(given["aliases"]),
        request_timeout_s=given["request_timeout"],
        responses_store=given["responses_store"],
        responses_most=given["responses_most"],
        responses_bytes=round(given["responses_size"] * 1024 * 1024),
        responses_age_s=given["responses_age"] * 86_400,
        grace_s=given["grace"],
    )
