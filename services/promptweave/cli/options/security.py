"""`--tls-cert` to `--services-token-file`: how the services and their callers authenticate each other."""

from pathlib import Path
from typing import Any

import click

from promptweave.cli.options.topics import Decorator, all_of, security_option
from promptweave.rpc.security import Security

_FILE = click.Path(path_type=Path)

server_security_options: Decorator[Any] = all_of(
    security_option(
        "--tls-cert",
        type=_FILE,
        metavar="FILE",
        help="TLS certificate (PEM). Requires --tls-key. Reloaded when it changes, like the other files of this section.",
    ),
    security_option("--tls-key", type=_FILE, metavar="FILE", help="Private key of --tls-cert (PEM)."),
    security_option(
        "--tls-client-ca",
        type=_FILE,
        metavar="FILE",
        help="Require client certificates signed by this CA (mTLS).",
    ),
    security_option(
        "--token-file",
        type=_FILE,
        metavar="FILE",
        help="Require callers to send the token in this file.",
    ),
)

client_security_options: Decorator[Any] = all_of(
    security_option(
        "--services-ca",
        type=_FILE,
        metavar="FILE",
        help="Call the services over TLS and trust certificates signed by this CA. Reloaded when it changes, like the other"
        " files for the services.",
    ),
    security_option(
        "--services-cert",
        type=_FILE,
        metavar="FILE",
        help="Client certificate for the services (mTLS). Requires --services-key.",
    ),
    security_option("--services-key", type=_FILE, metavar="FILE", help="Private key of --services-cert (PEM)."),
    security_option(
        "--services-token-file",
        type=_FILE,
        metavar="FILE",
        help="File with the token that the services require.",
    ),
)


def to_server_security(given: dict[str, Any]) -> Security:
    """Remove the server security options from `given` and return them as Security. Raises SecurityError."""
    cert, key, ca, token = (given.pop(name) for name in ("tls_cert", "tls_key", "tls_client_ca", "token_file"))
    return Security(cert=cert, key=key, ca=ca, token_file=token)


def to_client_security(given: dict[str, Any]) -> Security:
    """Remove the client security options from `given` and return them as Security. Raises SecurityError."""
    names = ("services_cert", "services_key", "services_ca", "services_token_file")
    cert, key, ca, token = (given.pop(name) for name in names)
    return Security(cert=cert, key=key, ca=ca, token_file=token)
