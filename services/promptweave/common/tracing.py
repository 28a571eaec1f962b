"""OpenTelemetry traces, if the SDK is installed (extra `otel`) and the OTEL_* variables request them; otherwise no-ops.

The variables are the standard ones for exporters, sampling and propagation
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). Names of spans and attributes follow the
semantic conventions for HTTP, RPC and generative AI; promptweave's own begin with `promptweave.`. Spans contain no prompts
and no answers (unless `captures_content`), and for an error its kind, never its text.

The provider is kept in this module and not registered globally: frameworks would add their own spans to it.
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
"""How long a stop waits for spans to reach their collector."""


class Span:
    """A timed operation. This base class does nothing; it stands for an operation that is not traced."""

    def set(self, attributes: Attributes) -> None:
        """Add attributes to the span."""

    def rename(self, name: str) -> None:
        """Rename the span."""

    def fail(self, kind: str) -> None:
        """Mark the span as failed; `kind` has few distinct values: a code, a reason, a class."""

    def end(self) -> None:
        """End the span. Call it once."""

    def headers(self) -> dict[str, str]:
        """Return the headers that make a call in any process part of the span: `traceparent`."""
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
    """Return whether this process traces. Check it before gathering costly attributes."""
    return _tracer is not None


def begin_span(name: str, kind: str = "internal", attributes: Attributes | None = None) -> Span:
    """Start a child of the current span without making it current: for generators, whose steps run in other contexts.

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
    """Open a span for the block and make it current. An exception from the block marks it as failed, if `fails` is set.

    `carrier`: headers of an incoming call, in lower case, which may name the parent span.
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
    """Return the headers that make a call part of the current span; {} if there is none."""
    if _tracer is None:
        return {}
    from opentelemetry import propagate

    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier


def trace_ids() -> dict[str, str]:
    """Return the current span's `trace_id` and `span_id`, for logs; {} if there is none."""
    if _tracer is None:
        return {}
    from opentelemetry import trace

    current = trace.get_current_span().get_span_context()
    if not current.is_valid:
        return {}
    return {"trace_id": trace.format_trace_id(current.trace_id), "span_id": trace.format_span_id(current.span_id)}


def kind_of(error: BaseException) -> str:
    """Return an error's kind: a promptweave error's reason, or its code if the reason is unspecified; else the class."""
    if not isinstance(error, PromptweaveError):
        return type(error).__qualname__
    return error.code.value if error.reason == "ERROR_REASON_UNSPECIFIED" else error.reason


def captures_content() -> bool:
    """Return whether spans may contain prompts and answers, by the variable of the conventions for generative AI."""
    name = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
    return tracing_on() and os.environ.get(name, "").strip().lower() in ("true", "span_only", "span_and_event")


@contextmanager
def tracing(role: str) -> Iterator[None]:
    """Trace this process during the block, if the environment requests it. If that is impossible, the reason is logged."""
    global _tracer, _provider
    provider = _made(role) if _is_enabled() else None
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
    """Stop tracing, and wait a few seconds at most until the collector has received the remaining spans.

    For callers that cannot wait for the end of `tracing`. Without a reachable collector, the SDK itself would retry for 15
    s.
    """
    global _tracer, _provider
    provider, _tracer, _provider = _provider, None, None
    if provider is not None:
        telling = threading.Thread(target=provider.shutdown, daemon=True)
        telling.start()
        telling.join(_STOP_S)


def _is_enabled() -> bool:
    """Return whether the environment requests traces.

    By the standard, spans go to port 4317 of this machine by default; here a variable has to be set.
    """
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
        logger.warning("OTEL_* variables enable tracing, but %s; run pip install 'promptweave[otel]'", error)
        return None
    described = {"service.version": version("promptweave")}
    if not os.environ.get("OTEL_SERVICE_NAME") and "service.name=" not in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        described["service.name"] = f"promptweave-{role}"
    provider = TracerProvider(resource=Resource.create(described), shutdown_on_exit=False)
    for exporter in exporters:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _exporters() -> "Iterator[SpanExporter]":
    """Yield the exporters that OTEL_TRACES_EXPORTER names. Raises ImportError."""
    from importlib.metadata import entry_points

    for name in (os.environ.get("OTEL_TRACES_EXPORTER") or "otlp").split(","):
        entry = _PROTOCOLS[_protocol()] if name.strip() == "otlp" else name.strip()
        found = [*entry_points(group="opentelemetry_traces_exporter", name=entry)]
        if not found:
            raise ImportError(f"the exporter {entry!r} is not installed")
        yield found[0].load()()


_PROTOCOLS = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}


def _protocol() -> str:
    names = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    given = next((os.environ[name].strip() for name in names if os.environ.get(name)), "grpc")
    if given not in _PROTOCOLS:
        raise ImportError(f"the protocol {given!r} is not supported (use {' or '.join(_PROTOCOLS)})")
    return given
