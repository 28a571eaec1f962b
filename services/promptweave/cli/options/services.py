"""Options of all services."""

import click

from promptweave.cli.options.topics import log_option, service_option
from promptweave.compiler.options import CompilerOptions
from promptweave.rpc.logs import FORMATS, choose_format

SHUTDOWN_TIMEOUT = service_option(
    "--shutdown-timeout",
    "grace_s",
    aliases=("--grace",),
    type=click.FloatRange(0),
    default=CompilerOptions.grace_s,
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
