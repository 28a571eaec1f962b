"""`promptweave serve`: everything on one machine."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import platformdirs

from promptweave.cli.household import Household, ServiceEndedError
from promptweave.cli.service_options import GRACE, SETTINGS, engine_options, facade_options, to_facade, to_inference
from promptweave.cli.services import ENGINE_ARGS
from promptweave.compiler.options import CompilerOptions
from promptweave.inference.errors import StartError
from promptweave.rpc.logs import complain

_DEMO_NOTICE = """

  This is the demo model: its weights are random, so its words are noise and only the structure is real:
  whatever it calls is valid for the tools' schemas. For words that mean something, bring a model:
    promptweave serve --model FILE.gguf
    promptweave serve --hf-repo Qwen/Qwen2.5-1.5B-Instruct-GGUF"""


@click.command("serve", context_settings=SETTINGS)
@facade_options
@engine_options
@click.option("--compiler-listen", default="127.0.0.1:50051", metavar="ADDR", help="Where the compiler listens for gRPC.")
@click.option("--inference-listen", default="127.0.0.1:50052", metavar="ADDR", help="Where inference listens for gRPC.")
@click.option(
    "--precache",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Chat requests, one on each line, to evaluate once and load at each start: see `promptweave precache --help`.",
)
@click.option("--compiler-metrics", metavar="HOST:PORT", help="The compiler's metrics for Prometheus.  [default: nowhere]")
@click.option("--inference-metrics", metavar="HOST:PORT", help="Those of the inference service.  [default: nowhere]")
@GRACE
@ENGINE_ARGS
def command(
    compiler_listen: str, inference_listen: str, precache: Path | None, engine_args: tuple[str, ...], **given: Any
) -> None:
    """Run everything on one machine: compiler, inference with a llama.cpp engine, and the OpenAI API on port 8080.

    Without a model it makes a tiny one with random weights, once. What follows `--` goes to the engine as it is, where the
    engine is a llama-server binary.

    \b
    Examples:
      promptweave serve
      promptweave serve --model model.gguf --ctx-size 8192 --parallel 4
      promptweave serve --hf-repo Qwen/Qwen2.5-1.5B-Instruct-GGUF
      promptweave serve --endpoint http://127.0.0.1:8081
    """
    demo = not (given["model"] or given["hf_repo"] or given["endpoint"])
    try:
        if demo:
            given["model"] = _demo_model()
        engine = to_inference(given, listen=inference_listen, metrics=given["inference_metrics"], engine_args=engine_args)
    except StartError as error:
        complain("serve", str(error))
        sys.exit(1)
    compiler = CompilerOptions(listen=compiler_listen, metrics=given["compiler_metrics"], grace_s=given["grace"])
    household = Household(
        compiler, engine, lambda *services: to_facade(given, compiler=services[0], inference=services[1]), precache
    )
    try:
        asyncio.run(
            household.run(
                lambda screen: click.echo(screen + (_DEMO_NOTICE if demo else "") + "\n\n  Ctrl-C stops everything.\n")
            )
        )
    except ServiceEndedError as error:
        # A service that ends with 1 has said why.
        if error.status != 1:
            complain("serve", str(error))
        sys.exit(1)


def _demo_model() -> Path:
    """The demo model in the user's cache, written if it is not there. Raises StartError."""
    from promptweave.demo import file_name

    path = platformdirs.user_cache_path("promptweave") / file_name()
    if path.exists():
        return path
    click.echo(f"no model was given: writing the demo model to {path}", err=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(
            f"cannot write the demo model to {path.parent}: {error.strerror}; set XDG_CACHE_HOME, or give --model FILE"
        ) from None
    # In a process of its own: the libraries that it takes would stay in this one.
    writing = [sys.executable, "-P", "-m", "promptweave.cli.main", "demo-model", str(path), "--force"]
    done = subprocess.run(writing, capture_output=True, text=True, check=False)  # noqa: S603 - it is ourselves
    if done.returncode or not path.exists():
        reason = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise StartError(f"cannot write the demo model: {reason}; give a model with --model FILE")
    return path
