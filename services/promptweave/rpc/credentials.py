"""Certificates for gRPC, reloaded when their files change."""

import ssl
from pathlib import Path

import grpc

from promptweave.rpc.bearer_token import client_interceptors
from promptweave.rpc.reloading_file import ReloadingFile
from promptweave.rpc.security import Security, SecurityError


def server_credentials(security: Security) -> grpc.ServerCredentials | None:
    """Return a port's credentials; None: plaintext. New connections use a renewed certificate. Raises SecurityError."""
    if not security.tls:
        return None
    if security.cert is None:
        raise SecurityError("--tls-client-ca requires --tls-cert and --tls-key")

    def read() -> grpc.ServerCertificateConfiguration:
        ca, key, cert = _read(security)
        return grpc.ssl_server_certificate_configuration([(key or b"", cert or b"")], ca)

    watched = ReloadingFile(_files(security), read, SecurityError)
    return grpc.dynamic_ssl_server_credentials(watched.value(), watched.value, security.ca is not None)


def channel_credentials(security: Security) -> "ReloadingFile[grpc.ChannelCredentials] | None":
    """Return a channel's credentials; None: plaintext. Raises SecurityError."""
    if not security.tls:
        return None
    return ReloadingFile(_files(security), lambda: grpc.ssl_channel_credentials(*_read(security)), SecurityError)


def check_files(security: Security) -> None:
    """Read the files that a client needs, so that bad ones are reported before it starts. Raises SecurityError."""
    channel_credentials(security)
    client_interceptors(security)


def _files(security: Security) -> list[Path]:
    return [file for file in (security.cert, security.key, security.ca) if file]


def _read(security: Security) -> tuple[bytes | None, bytes | None, bytes | None]:
    """Return CA, key and certificate, in the order that gRPC expects. Raises SecurityError for unusable files.

    gRPC accepts any bytes, and then fails each connection if a file is truncated, or the key belongs to another certificate.
    """
    read = (
        _pem(security.ca, "CERTIFICATE"),
        _pem(security.key, "PRIVATE KEY"),
        _pem(security.cert, "CERTIFICATE"),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if security.cert and security.key:
        try:
            context.load_cert_chain(security.cert, security.key, password=_no_password)
        except (OSError, ValueError) as error:
            raise SecurityError(
                f"{security.cert} and {security.key} are not a matching certificate and key: {_why(error)}"
            ) from None
    if security.ca:
        try:
            context.load_verify_locations(security.ca)
        except (OSError, ValueError) as error:
            raise SecurityError(f"{security.ca} contains no usable certificates: {_why(error)}") from None
    return read


def _why(error: Exception) -> str:
    if not isinstance(error, ssl.SSLError):
        return str(error)
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key belongs to another certificate"
    return (error.reason or "a part is missing or damaged").replace("_", " ").lower()


def _no_password() -> str:
    raise ValueError("the key is encrypted; use a key without a password")


def _pem(file: Path | None, what: str) -> bytes | None:
    if file is None:
        return None
    try:
        text = file.read_bytes()
    except OSError as error:
        raise SecurityError(f"cannot read {file}: {error.strerror}") from None
    if f"{what}-----".encode() not in text:
        raise SecurityError(f"{file} contains no {what.lower()}; a PEM file is required")
    return text
