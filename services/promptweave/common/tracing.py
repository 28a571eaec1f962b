"""Traces by OpenTelemetry, where its SDK is there (the extra `otel`) and the OTEL_* variables ask for them; else nothing.

The variables are the standard's own: what is exported where, what is sampled, what goes on the wire
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). Spans are named, and what they say is
called, by its semantic conventions for HTTP, RPC and generative AI; what is ours begins with `promptweave.`. No prompt and
no answer is in them, and of an error its kind, never its text.

The provider is kept here and not made the process's own: frameworks would add spans of theirs to it.
"""

import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from promptweave.errors import PromptweaveError

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

logger = logging.getLogger(__name__)

AttributeValue = str | bool | int | float | Sequence[str]
Attributes = Mapping[str, AttributeValue]

_STOP_S = 3.0
"""How long a stop waits for spans to get to their collector."""


class Span:
    """Something that takes time. This one is not traced; one that is does something in each of these."""

    def set(self, attributes: Attributes) -> None:
        """Says more of it."""

    def rename(self, name: str) -> None:
        """Gives it another name."""

    def fail(self, kind: str) -> None:
        """It failed; `kind` is of few values: a code, a reason, a class."""

    def end(self) -> None:
        """It is over. Once."""

    def headers(self) -> dict[str, str]:
        """What makes a call part of it, in whatever process: `traceparent`."""
        return {}


class _Traced(Span):
    def __init__(self, span: "trace.Span") -> None:
        self._span = span

    def set(self, attributes: Attributes) -> None:
        self._span.set_attributes(dict(attributes))

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def fail(self, kind: str) -> None:
        from opentelemetry.trace import StatusCode

        self._span.set_attribute("error.type", kind)
        self._span.set_status(StatusCode.ERROR)

    def end(self) -> None:
        self._span.end()

    def headers(self) -> dict[str, str]:
        from opentelemetry import propagate, trace

        carrier: dict[str, str] = {}
        propagate.inject(carrier, trace.set_span_in_context(self._span))
        return carrier


NO_SPAN = Span()

_tracer: "trace.Tracer | None" = None
_provider: "TracerProvider | None" = None


def tracing_on() -> bool:
    """Whether this process traces. To be asked before attributes are gathered at some cost."""
    return _tracer is not None


def begin_span(name: str, kind: str = "internal", attributes: Attributes | None = None) -> Span:
    """A span within the current one. It does not become that itself: for generators, whose steps run in other contexts.

    `kind`: internal, server, client.
    """
    if _tracer is None:
        return NO_SPAN
    from opentelemetry.trace import SpanKind

    return _Traced(_tracer.start_span(name, kind=SpanKind[kind.upper()], attributes=dict(attributes or {})))


@contextmanager
def span(
    name: str,
    kind: str = "internal",
    attributes: Attributes | None = None,
    *,
    carrier: Mapping[str, str] | None = None,
    fails: bool = True,
) -> Iterator[Span]:
    """A span for the block, and the current one there. What the block raises is its error, if it `fails` with it.

    `carrier`: headers in lower case that came with a call from elsewhere, which may say what it is part of.
    """
    if _tracer is None:
        yield NO_SPAN
        return
    from opentelemetry import context, propagate, trace

    token = context.attach(propagate.extract(carrier)) if carrier is not None else None
    try:
        begun = begin_span(name, kind, attributes)
        assert isinstance(begun, _Traced)
        with trace.use_span(begun._span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield begun
            except Exception as error:
                if fails:
                    begun.fail(kind_of(error))
                raise
    finally:
        if token is not None:
            context.detach(token)


def trace_headers() -> dict[str, str]:
    """What makes a call part of the current span; {} where there is none."""
    if _tracer is None:
        return {}
    from opentelemetry import propagate

    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier


def trace_ids() -> dict[str, str]:
    """The current span, for logs: `trace_id` and `span_id`; {} where there is none."""
    if _tracer is None:
        return {}
    from opentelemetry import trace

    current = trace.get_current_span().get_span_context()
    if not current.is_valid:
        return {}
    return {"trace_id": trace.format_trace_id(current.trace_id), "span_id": trace.format_span_id(current.span_id)}


def kind_of(error: BaseException) -> str:
    """An error's kind: the reason of ours, or its code where it has no reason of its own; the class of others."""
    if not isinstance(error, PromptweaveError):
        return type(error).__qualname__
    return error.code.value if error.reason == "ERROR_REASON_UNSPECIFIED" else error.reason


def captures_content() -> bool:
    """Whether prompts and answers may be in spans: the variable of the conventions for generative AI."""
    name = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
    return tracing_on() and os.environ.get(name, "").strip().lower() in ("true", "span_only", "span_and_event")


@contextmanager
def tracing(role: str) -> Iterator[None]:
    """Traces what this process does in the block, if the environment asks for it. What keeps it from doing so is logged."""
    global _tracer, _provider
    provider = _made(role) if _asked() else None
    if provider is None:
        yield
        return
    from importlib.metadata import version

    _tracer, _provider = provider.get_tracer("promptweave", version("promptweave")), provider
    try:
        yield
    finally:
        stop_tracing()


def stop_tracing() -> None:
    """Ends it, and waits until the collector has what was traced, for some seconds at most.

    For who cannot wait for the end of `tracing`. Where there is no collector, the SDK itself would try for 15 s.
    """
    global _tracer, _provider
    provider, _tracer, _provider = _provider, None, None
    if provider is not None:
        telling = threading.Thread(target=provider.shutdown, daemon=True)
        telling.start()
        telling.join(_STOP_S)


def _asked() -> bool:
    """The standard's default is to export to this machine's port 4317; here something has to be said."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = os.environ.get("OTEL_TRACES_EXPORTER", "").strip()
    named = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return exporters != "none" and bool(exporters or any(os.environ.get(name) for name in named))


def _made(role: str) -> "TracerProvider | None":
    from importlib.metadata import version

    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporters = [*_exporters()]
    except ImportError as error:
        logger.warning("OTEL_* variables ask for traces, and %s: pip install 'promptweave[otel]' makes them", error)
        return None
    described = {"service.version": version("promptweave")}
    if not os.environ.get("OTEL_SERVICE_NAME") and "service.name=" not in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        described["service.name"] = f"promptweave-{role}"
    provider = TracerProvider(resource=Resource.create(described), shutdown_on_exit=False)
    for exporter in exporters:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _exporters() -> "Iterator[SpanExporter]":
    """What OTEL_TRACES_EXPORTER names. Raises ImportError."""
    from importlib.metadata import entry_points

    for name in (os.environ.get("OTEL_TRACES_EXPORTER") or "otlp").split(","):
        entry = _PROTOCOLS[_protocol()] if name.strip() == "otlp" else name.strip()
        found = [*entry_points(group="opentelemetry_traces_exporter", name=entry)]
        if not found:
            raise ImportError(f"there is no exporter {entry!r}")
        yield found[0].load()()


_PROTOCOLS = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}


def _protocol() -> str:
    names = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    given = next((os.environ[name].strip() for name in names if os.environ.get(name)), "grpc")
    if given not in _PROTOCOLS:
        raise ImportError(f"there is no protocol {given!r}: it may be {' or '.join(_PROTOCOLS)}")
    return given
