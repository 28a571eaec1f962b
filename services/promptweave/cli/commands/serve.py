"""`promptweave serve`: runs all services on one machine."""

import asyncio
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from promptweave.cli.commands.services import ENGINE_ARGS
from promptweave.cli.options.facade import facade_options, to_facade
from promptweave.cli.options.inference import engine_options, to_inference
from promptweave.cli.options.services import LOG_FORMAT, SHUTDOWN_TIMEOUT
from promptweave.cli.options.topics import SETTINGS, TopicCommand, log_option, service_option, storage_option
from promptweave.cli.supervisor.supervisor import Running, ServiceEndedError, ServiceSupervisor
from promptweave.compiler.options import CompilerOptions
from promptweave.demo import shipped_model
from promptweave.inference.errors import StartError
from promptweave.rpc.logs import announce, complain

_DEMO_NOTICE = """

  This is the demo model (4 MB): a demonstration, trained on synthetic tool requests. It calls tools and can do nothing else.
  The model file is
    {path}
  For an assistant, use another model:
    promptweave serve --model FILE.gguf
    promptweave serve --hf-repo Qwen/Qwen2.5-1.5B-Instruct-GGUF"""


@click.command("serve", cls=TopicCommand, context_settings=SETTINGS)
@facade_options
@engine_options
@service_option("--compiler-listen", default="127.0.0.1:50051", metavar="ADDR", help="gRPC listen address of the compiler.")
@service_option(
    "--inference-listen",
    default="127.0.0.1:50052",
    metavar="ADDR",
    help="gRPC listen address of the inference service.",
)
@storage_option(
    "--precache",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File with one chat request per line, evaluated once and loaded at each start; see `promptweave precache --help`.",
)
@log_option(
    "--compiler-metrics", metavar="HOST:PORT", help="Admin HTTP address of the compiler, for Prometheus.  [default: off]"
)
@log_option(
    "--inference-metrics",
    metavar="HOST:PORT",
    help="Admin HTTP address of the inference service, for Prometheus.  [default: off]",
)
@SHUTDOWN_TIMEOUT
@LOG_FORMAT
@ENGINE_ARGS
def command(
    compiler_listen: str, inference_listen: str, precache: Path | None, engine_args: tuple[str, ...], **given: Any
) -> None:
    """Run everything on one machine: compiler, inference service with a llama.cpp engine, and OpenAI API on port 8080.

    Without a model it uses the bundled demo model, which shows tool calls. Arguments after `--` are passed unchanged to the
    engine if it is a llama-server binary.

    \b
    Examples:
      promptweave serve
      promptweave serve --model model.gguf --ctx-size 8192 --parallel 4
      promptweave serve --hf-repo Qwen/Qwen2.5-1.5B-Instruct-GGUF
      promptweave serve --endpoint http://127.0.0.1:8081
    """
    demo = not (given["model"] or given["hf_repo"] or given["endpoints"])
    try:
        if demo:
            given["model"] = shipped_model()
        engine = to_inference(given, listen=inference_listen, metrics=given["inference_metrics"], engine_args=engine_args)
    except StartError as error:
        complain("serve", str(error))
        sys.exit(1)
    compiler = CompilerOptions(listen=compiler_listen, metrics=given["compiler_metrics"], grace_s=given["grace_s"])
    household = ServiceSupervisor(
        compiler, engine, lambda *services: to_facade(given, compiler=services[0], inference=services[1]), precache
    )

    def say(running: Running) -> None:
        notice = _DEMO_NOTICE.format(path=given["model"]) if demo else ""
        screen = running.screen() + notice + "\n\n  Press Ctrl-C to stop.\n"
        announce("serve", "ready", screen=screen, **asdict(running))

    try:
        asyncio.run(household.run(say))
    except ServiceEndedError as error:
        # A service that exits with 1 has logged the reason.
        if error.status != 1:
            complain("serve", str(error))
        sys.exit(1)
