"""OpenTelemetry: one trace through all services and the engine, told to a real collector."""

import json
import re
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.cli.test_json_logs import LISTENING, SECRETS, objects, request
from tests.support.cli.invoke import REQUEST
from tests.support.cli.readiness import TIMEOUT_S, until_ready
from tests.support.inference.processes import external_server, free_port
from tests.support.serving import START_S, running

if TYPE_CHECKING:
    from tests.support.otlp_collector import Collector
else:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc", reason="the extra `otel` is not installed")
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra `otel` is not installed")
from tests.support.otlp_collector import at_work, collecting, collecting_over_http

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
GENERATE, COMPILE = "promptweave.v1.InferenceService/Generate", "promptweave.v1.PromptCompilerService/Compile"


class Recorder(socketserver.ThreadingTCPServer):
    """Between a service and an engine: carries what they say, and keeps what the service says."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Carrying)
        self.port = port
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.asked: list[bytearray] = []

    def traceparent(self, path: str) -> str:
        """That of the requests for a path; those that tried the engine at its start have none."""
        asked = [request for request in map(bytes, self.asked) if request.startswith(f"POST {path} ".encode())]
        found = {found[1] for each in asked if (found := re.search(rb"(?i)^traceparent: *(\S+)\r$", each, re.MULTILINE))}
        assert len(found) == 1, asked
        return found.pop().decode()


class _Carrying(socketserver.BaseRequestHandler):
    server: Recorder

    def handle(self) -> None:
        heard = bytearray()
        self.server.asked.append(heard)
        try:
            far = socket.create_connection(("127.0.0.1", self.server.port))
        except OSError:
            return
        with far:
            back = threading.Thread(target=_carry, args=(far, self.request, bytearray()), daemon=True)
            back.start()
            _carry(self.request, far, heard)
            back.join()


def _carry(source: socket.socket, sink: socket.socket, heard: bytearray) -> None:
    try:
        while piece := source.recv(1 << 16):
            heard += piece
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


@contextmanager
def recording(port: int) -> Iterator[Recorder]:
    with Recorder(port) as recorder, at_work(recorder):
        yield recorder


@contextmanager
def services(folder: Path, environment: dict[str, str], *engine: str) -> Iterator[tuple[httpx.Client, dict[str, Path]]]:
    """The three of them with a client, and the files of their logs. Spans are told at the latest when they have ended."""
    logs = {role: folder / role for role in ("compiler", "inference", "facade")}
    with ExitStack() as stack:

        def started(role: str, *arguments: str) -> str:
            stderr = stack.enter_context(open(logs[role], "w"))
            command = (role, "--log-format", "json", *arguments)
            _, said = stack.enter_context(running(*command, until=LISTENING, env=environment, stderr=stderr))
            found = re.search(LISTENING, said)
            assert found
            return found[1]

        compiler = started("compiler", "--listen", "127.0.0.1:0")
        inference = started("inference", "--listen", "127.0.0.1:0", *engine)
        url = f"http://{started('facade', '--port', '0', '--compiler', compiler, '--inference', inference)}"
        until_ready(url)
        with httpx.Client(base_url=url, timeout=4 * TIMEOUT_S) as client:
            yield client, logs


def to(collector: "Collector", **more: str) -> dict[str, str]:
    """The environment of whoever tells it."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **more}


@pytest.mark.anyio
async def test_one_trace(demo_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As our own engines: else its threads wait for each other spinning, which takes for ever on a busy machine.
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    port = free_port()
    async with external_server(demo_model, port):
        with (
            collecting() as collector,
            recording(port) as recorder,
            services(tmp_path, to(collector), "--endpoint", recorder.url) as (client, logs),
        ):
            body = request() | {"temperature": 0.7, "max_tokens": 400, "top_p": 0.95, "seed": 3}
            answer = client.post("/v1/chat/completions", json=body, headers={"traceparent": TRACEPARENT})
            assert answer.status_code == 200, answer.text

    spans = collector.spans
    assert {span.trace for span in spans if span.parent} == {TRACE}
    assert not [secret for secret in SECRETS for raw in collector.raw if secret.encode() in raw]
    assert not [span for span in spans if span.failed]
    assert all(span.start <= span.end for span in spans)

    http = collector.named("POST /v1/chat/completions")
    assert (http.service, http.kind, http.trace, http.parent) == ("promptweave-facade", "server", TRACE, PARENT)
    assert (
        http.attributes.items()
        >= {
            "http.request.method": "POST",
            "http.route": "/v1/chat/completions",
            "http.response.status_code": 200,
            "url.path": "/v1/chat/completions",
            "promptweave.request_id": answer.headers["x-request-id"],
        }.items()
    )
    assert [name for name in collector.below(http) if "GetModel" not in name] == [COMPILE, "chat gpt-4o"]

    asking = collector.named(COMPILE, kind="client")
    compiling = collector.named(COMPILE, kind="server")
    assert (compiling.service, compiling.parent) == ("promptweave-compiler", asking.id)
    assert compiling.attributes["rpc.response.status_code"] == "OK"
    assert collector.below(compiling) == ["queue"]

    chat = collector.named("chat gpt-4o")
    usage = answer.json()["usage"]
    assert (chat.service, chat.kind) == ("promptweave-facade", "client")
    assert (
        chat.attributes.items()
        >= {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "promptweave",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.model": answer.json()["model"],
            "gen_ai.output.type": "text",
            "gen_ai.request.temperature": 0.7,
            "gen_ai.request.top_p": 0.95,
            "gen_ai.request.seed": 3,
            "gen_ai.request.max_tokens": 400,
            "gen_ai.usage.input_tokens": usage["prompt_tokens"],
            "gen_ai.usage.output_tokens": usage["completion_tokens"],
            "gen_ai.response.finish_reasons": [answer.json()["choices"][0]["finish_reason"]],
        }.items()
    )
    assert collector.below(chat) == [GENERATE]

    generating = collector.named(GENERATE)
    assert (generating.service, generating.kind) == ("promptweave-inference", "server")
    message = collector.named("message")
    assert message.parent == generating.id
    assert collector.below(message) == ["queue", "prompt", "decode"]
    decode = collector.named("decode").attributes
    assert decode["promptweave.prompt_tokens"] == usage["prompt_tokens"]
    assert decode["promptweave.output_tokens"] == usage["completion_tokens"]

    # The engine is told, too.
    assert recorder.traceparent("/completion") == f"00-{TRACE}-{message.id}-01"

    (access,) = [line for line in objects(logs["facade"].read_text()) if line.get("status") == 200 and "method" in line]
    assert (access["trace_id"], access["span_id"]) == (TRACE, http.id)


def test_errors_streams_and_contents(demo_model: Path, tmp_path: Path) -> None:
    switch = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true", "OTEL_SERVICE_NAME": "mine"}
    with (
        collecting_over_http() as collector,
        services(
            tmp_path,
            to(collector, OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf", **switch),
            *("--model", str(demo_model), "--ctx-size", "512"),
        ) as (client, _),
    ):
        answer = client.post("/v1/chat/completions", json=request() | {"stream": True, "n": 2, "temperature": 0})
        assert answer.text.endswith("data: [DONE]\n\n")
        long = request() | {"messages": [{"role": "user", "content": "Xylophon " * 400}]}
        assert client.post("/v1/chat/completions", json=long).status_code == 400
        assert client.post("/v1/completions", json={"prompt": "x", "max_tokens": 3, "temperature": 0}).status_code == 200
        assert client.post("/v1/chat/completions", json={"messages": 1}).status_code == 400
        assert client.get("/no/such/page").status_code == 404
        assert client.get("/health").status_code == 200

    assert {span.service for span in collector.spans} == {"mine"}
    chats = [span for span in collector.spans if span.name == "chat gpt-4o"]
    whole, failed = sorted(chats, key=lambda span: span.failed)
    assert whole.attributes["gen_ai.request.choice.count"] == 2
    assert whole.attributes["gen_ai.response.finish_reasons"] == ["tool_calls", "tool_calls"]
    assert json.loads(whole.attributes["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "Xylophon"}]}
    ]
    assert json.loads(whole.attributes["gen_ai.tool.definitions"])[0]["function"]["name"] == "secret_tool"
    written = json.loads(whole.attributes["gen_ai.output.messages"])
    assert [message["finish_reason"] for message in written] == ["tool_calls", "tool_calls"]
    for message in written:
        for part in message["parts"]:
            assert (part["type"], part["name"], json.loads(part["arguments"])) == (
                "tool_call",
                "secret_tool",
                {"of": "Quagga"},
            )
    # An error is its kind, and where it is the caller's the servers have none.
    assert failed.attributes["error.type"] == "ERROR_REASON_CONTEXT_OVERFLOW"
    failing = [span for span in collector.spans if span.trace == failed.trace]
    assert {span.name for span in failing if span.failed} == {"chat gpt-4o", "message"}
    (plain,) = [span for span in collector.spans if span.attributes.get("gen_ai.operation.name") == "text_completion"]
    assert plain.attributes["gen_ai.response.finish_reasons"] == ["length"]
    assert collector.named("GET").attributes["http.response.status_code"] == 404
    assert not [span for span in collector.spans if "health" in span.name.lower()]


def test_a_service_that_is_away(tmp_path: Path) -> None:
    with collecting() as collector, open(tmp_path / "log", "w") as stderr:
        away = f"127.0.0.1:{free_port()}"
        command = ("facade", "--port", "0", "--compiler", away, "--inference", away)
        with running(*command, until="listening on", env=to(collector), stderr=stderr) as (_, said):
            url = said.split()[-1]
            assert httpx.post(f"http://{url}/v1/chat/completions", json=REQUEST, timeout=TIMEOUT_S).status_code == 503
    call = collector.named("promptweave.v1.InferenceService/GetModel")
    assert (call.failed, call.attributes["error.type"]) == (True, "UNAVAILABLE")
    http = collector.named("POST /v1/chat/completions")
    assert (http.failed, http.attributes["error.type"]) == (True, "503")


def started_and_stopped(tmp_path: Path, **environment: str) -> tuple[str, float]:
    """The log of a compiler that was started and stopped, and the seconds of its stop."""
    with open(tmp_path / "log", "w") as stderr:
        with running("compiler", "--listen", "127.0.0.1:0", until="listening", env=environment, stderr=stderr):
            began = time.monotonic()
        seconds = time.monotonic() - began
    return (tmp_path / "log").read_text(), seconds


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        pytest.param({}, "", id="nothing"),
        pytest.param({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, "", id="none"),
        pytest.param({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, "", id="disabled"),
        pytest.param({"OTEL_TRACES_EXPORTER": "otlp"}, "promptweave[otel]", id="asked"),
    ],
)
def test_without_the_extra(environment: dict[str, str], told: str, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden" / "opentelemetry" / "sdk"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError('hidden')")
    log, _ = started_and_stopped(tmp_path, PYTHONPATH=str(tmp_path / "hidden"), **environment)
    assert (told in log) if told else "OTEL" not in log, log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        pytest.param({"OTEL_TRACES_EXPORTER": "nowhere"}, "the exporter 'nowhere' is not installed", id="exporter"),
        pytest.param(
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
            "the protocol 'http/json' is not supported",
            id="protocol",
        ),
    ],
)
def test_what_cannot_be_done_is_said(environment: dict[str, str], told: str, tmp_path: Path) -> None:
    log, _ = started_and_stopped(tmp_path, **environment)
    assert told in log


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_collector_that_is_away_holds_nothing_up(protocol: str, tmp_path: Path) -> None:
    """A call that is traced, and a stop after it."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": nowhere, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
    away = f"127.0.0.1:{free_port()}"
    with open(tmp_path / "log", "w") as stderr:
        command = ("facade", "--port", "0", "--compiler", away, "--inference", away)
        with running(*command, until="listening on", env=environment, stderr=stderr) as (_, said):
            url = f"http://{said.split()[-1]}"
            assert httpx.post(f"{url}/v1/chat/completions", json=REQUEST, timeout=TIMEOUT_S).status_code == 503
            began = time.monotonic()
    assert time.monotonic() - began < START_S / 2


def test_nothing_is_imported_where_nobody_asks() -> None:
    program = """
import sys
import promptweave.cli.commands.services, promptweave.compiler.main, promptweave.inference.main
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
import promptweave.facade.main
assert not [name for name in sys.modules if name.startswith("opentelemetry.sdk")]
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=START_S)
