"""Certificates for gRPC, read again when their files change."""

from pathlib import Path

import grpc

from promptweave.rpc.security import Security, SecurityError
from promptweave.rpc.token import bringing
from promptweave.rpc.watched import Watched


def server_credentials(security: Security) -> grpc.ServerCredentials | None:
    """For a port; None: plain text. A renewed certificate is used by the next connection. Raises SecurityError."""
    if not security.tls:
        return None
    if security.cert is None:
        raise SecurityError(
            "clients are asked for certificates only where the service has one: give --tls-cert and --tls-key"
        )

    def read() -> grpc.ServerCertificateConfiguration:
        pairs = [(_pem(security.key, "PRIVATE KEY") or b"", _pem(security.cert, "CERTIFICATE") or b"")]
        return grpc.ssl_server_certificate_configuration(pairs, _pem(security.ca, "CERTIFICATE"))

    watched = Watched(_files(security), read, SecurityError)
    return grpc.dynamic_ssl_server_credentials(watched.value(), watched.value, security.ca is not None)


def channel_credentials(security: Security) -> "Watched[grpc.ChannelCredentials] | None":
    """For a channel; None: plain text. Raises SecurityError."""
    if not security.tls:
        return None

    def read() -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(
            _pem(security.ca, "CERTIFICATE"),
            _pem(security.key, "PRIVATE KEY"),
            _pem(security.cert, "CERTIFICATE"),
        )

    return Watched(_files(security), read, SecurityError)


def check_files(security: Security) -> None:
    """Reads what a client will need, so that it need not start for nothing. Raises SecurityError."""
    channel_credentials(security)
    bringing(security)


def _files(security: Security) -> list[Path]:
    return [file for file in (security.cert, security.key, security.ca) if file]


def _pem(file: Path | None, what: str) -> bytes | None:
    if file is None:
        return None
    try:
        text = file.read_bytes()
    except OSError as error:
        raise SecurityError(f"cannot read {file}: {error.strerror}") from None
    if f"{what}-----".encode() not in text:
        raise SecurityError(f"there is no {what.lower()} in {file}: a PEM file is needed")
    return text
