"""`promptweave compiler | inference | facade`: each service by itself, as containers start them."""

import sys
from collections.abc import Callable
from typing import Any

import click

from promptweave.cli.options.services import (
    GRACE,
    LOG_FORMAT,
    SETTINGS,
    client_security_options,
    engine_options,
    facade_options,
    server_security_options,
    to_client_security,
    to_facade,
    to_inference,
    to_server_security,
)
from promptweave.inference.errors import StartError
from promptweave.rpc.logs import announce, complain
from promptweave.rpc.security import SecurityError

ENGINE_ARGS = click.argument("engine_args", nargs=-1, type=click.UNPROCESSED, metavar="[-- ENGINE ARGUMENTS]")


METRICS = click.option(
    "--metrics",
    metavar="HOST:PORT",
    help="Where Prometheus may ask, at /metrics, and probes, at /health and /ready.  [default: nowhere]",
)


@click.command("compiler", context_settings=SETTINGS)
@click.option("--listen", default="127.0.0.1:50051", metavar="ADDR", help="host:port (port 0: any free one) or unix:/path.")
@METRICS
@server_security_options
@GRACE
@LOG_FORMAT
def compiler(listen: str, metrics: str | None, grace: float, **given: Any) -> None:
    """Run the prompt compiler (gRPC). It needs no model and no GPU, and any number of replicas can share the work.

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
        run(CompilerOptions(listen=listen, metrics=metrics, grace_s=grace, security=security), on_listening=_say("compiler"))
    )


@click.command("inference", context_settings=SETTINGS)
@click.option("--listen", default="127.0.0.1:50052", metavar="ADDR", help="host:port (port 0: any free one) or unix:/path.")
@METRICS
@server_security_options
@engine_options
@GRACE
@LOG_FORMAT
@ENGINE_ARGS
def inference(listen: str, metrics: str | None, engine_args: tuple[str, ...], **given: Any) -> None:
    """Run the inference service (gRPC), with a llama.cpp server as its child, or in front of a running one.

    What follows `--` goes to the engine as it is, where the engine is a llama-server binary.

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


@click.command("facade", context_settings=SETTINGS)
@click.option("--compiler", default="127.0.0.1:50051", metavar="ADDR", help="The compiler's address.")
@click.option("--inference", default="127.0.0.1:50052", metavar="ADDR", help="The inference service's address.")
@client_security_options
@facade_options
@GRACE
@LOG_FORMAT
def facade(compiler: str, inference: str, **given: Any) -> None:
    """Run the OpenAI API in front of the two services.

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
    # On stdout, for whoever started us on port 0.
    return lambda address: announce(role, f"listening on {address}", address=address)
