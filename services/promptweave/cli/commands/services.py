"""`promptweave compiler | inference | facade`: runs a single service, as containers do."""

import sys
from collections.abc import Callable
from typing import Any

import click

from promptweave.cli.options.facade import facade_options, to_facade
from promptweave.cli.options.inference import engine_options, to_inference
from promptweave.cli.options.security import (
    client_security_options,
    server_security_options,
    to_client_security,
    to_server_security,
)
from promptweave.cli.options.services import LOG_FORMAT, SHUTDOWN_TIMEOUT
from promptweave.cli.options.topics import SETTINGS, TopicCommand, log_option, service_option
from promptweave.inference.errors import StartError
from promptweave.rpc.logs import announce, complain
from promptweave.rpc.security import SecurityError

ENGINE_ARGS = click.argument("engine_args", nargs=-1, type=click.UNPROCESSED, metavar="[-- ENGINE ARGUMENTS]")


METRICS = log_option(
    "--metrics",
    metavar="HOST:PORT",
    help="Admin HTTP address, with /metrics for Prometheus and /health and /ready for probes.  [default: off]",
)


@click.command("compiler", cls=TopicCommand, context_settings=SETTINGS)
@service_option(
    "--listen",
    default="127.0.0.1:50051",
    metavar="ADDR",
    help="Listen address: host:port (port 0 picks a free one) or unix:/path.",
)
@METRICS
@server_security_options
@SHUTDOWN_TIMEOUT
@LOG_FORMAT
def compiler(listen: str, metrics: str | None, grace_s: float, **given: Any) -> None:
    """Run the prompt compiler (gRPC). It needs no model and no GPU; any number of replicas can share the load.

    \b
    Example:
      promptweave compiler --listen 0.0.0.0:50051
    """
    from promptweave.compiler.main import run
    from promptweave.compiler.options import CompilerOptions

    try:
        security = to_server_security(given)
    except SecurityError as error:
        complain("compiler", str(error))
        sys.exit(1)
    sys.exit(
        run(
            CompilerOptions(listen=listen, metrics=metrics, grace_s=grace_s, security=security),
            on_listening=_say("compiler"),
        )
    )


@click.command("inference", cls=TopicCommand, context_settings=SETTINGS)
@service_option(
    "--listen",
    default="127.0.0.1:50052",
    metavar="ADDR",
    help="Listen address: host:port (port 0 picks a free one) or unix:/path.",
)
@METRICS
@server_security_options
@engine_options
@SHUTDOWN_TIMEOUT
@LOG_FORMAT
@ENGINE_ARGS
def inference(listen: str, metrics: str | None, engine_args: tuple[str, ...], **given: Any) -> None:
    """Run the inference service (gRPC) with a managed llama.cpp server, or in front of running ones.

    Arguments after `--` are passed unchanged to the engine if it is a llama-server binary.

    \b
    Examples:
      promptweave inference --listen 0.0.0.0:50052 --model model.gguf --parallel 4
      promptweave inference --endpoint http://127.0.0.1:8081
      promptweave inference --endpoint http://10.0.0.1:8081 --endpoint http://10.0.0.2:8081
    """
    from promptweave.inference.main import run

    try:
        security = to_server_security(given)
        options = to_inference(given, listen=listen, metrics=metrics, engine_args=engine_args, security=security)
    except (StartError, SecurityError) as error:
        complain("inference", str(error))
        sys.exit(1)
    sys.exit(run(options, on_listening=_say("inference")))


@click.command("facade", cls=TopicCommand, context_settings=SETTINGS)
@service_option("--compiler", default="127.0.0.1:50051", metavar="ADDR", help="Address of the compiler.")
@service_option("--inference", default="127.0.0.1:50052", metavar="ADDR", help="Address of the inference service.")
@client_security_options
@facade_options
@SHUTDOWN_TIMEOUT
@LOG_FORMAT
def facade(compiler: str, inference: str, **given: Any) -> None:
    """Run the OpenAI API (HTTP) in front of a compiler and an inference service.

    \b
    Example:
      promptweave facade --compiler compiler:50051 --inference inference:50052 --host 0.0.0.0 --port 8080
    """
    from promptweave.facade.main import run

    try:
        security = to_client_security(given)
    except SecurityError as error:
        complain("facade", str(error))
        sys.exit(1)
    sys.exit(run(to_facade(given, compiler=compiler, inference=inference, security=security), on_listening=_say("facade")))


def _say(role: str) -> Callable[[str], None]:
    # On stdout, for a parent process that chose port 0.
    return lambda address: announce(role, f"listening on {address}", address=address)
