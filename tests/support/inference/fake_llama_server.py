"""A fake llama-server that misbehaves on demand. For everything else the tests use a real engine.

As a program it takes llama-server's arguments, and after `--fake` how it should start: `well`, `dying` (says why and exits),
`gbnf` (aborts at a grammar of llguidance, as builds without it do), `never` (loads forever), `once` (as `well`,
but a second start dies), `strange` (is healthy, and no llama.cpp), `locked` (knows another key). `--stubborn` makes it, and
a process that it starts then, ignore SIGTERM; `--fake-slots` says how many it has. A file beside it counts its lives.
What `/completion` does is in its prompt: see `_Handler.complete`.
"""

import argparse
import json
import os
import signal
import stat
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

PROPS = {
    "default_generation_settings": {"n_ctx": 512},
    "total_slots": 1,
    "bos_token": "<s>",
    "eos_token": "</s>",
    "build_info": "b1-fake",
    "chat_template": "{{ messages }}",
}
LOCKED = (401, {"error": {"code": 401, "message": "Invalid API Key", "type": "authentication_error"}})


def install(folder: Path) -> str:
    """Makes a program of this file; returns its path."""
    program = folder / "llama-server"
    program.write_text(f"#!{sys.executable}\n" + Path(__file__).read_text())
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    manner = "well"
    slots = 1
    life = 1
    stuck = False
    """It works on one message forever: others wait."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.server.manner == "never":
            self.answer(503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}})
        elif self.path == "/props" and self.server.manner == "locked":
            self.answer(*LOCKED)
        elif self.path == "/props" and self.server.manner != "strange":
            self.answer(200, PROPS | {"total_slots": self.server.slots})
        elif self.path == "/slots" and self.server.stuck:
            self.answer(200, [{"id": 0, "n_ctx": 512, "is_processing": True, "n_prompt_tokens": 256}])
        elif self.path == "/nothing":
            self.connection.close()
        else:
            self.answer(200, {"status": "ok"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/tokenize":
            self.answer(200, {"tokens": [ord(char) for char in body["content"]]})
        elif self.path == "/completion":
            if not body.get("grammar", "").startswith("%llguidance"):
                self.complete(body["prompt"])
            elif self.server.manner == "gbnf":
                os._exit(134)
            else:
                self.answer(400, {"error": {"code": 400, "message": "no grammar", "type": "invalid_request_error"}})

    def answer(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def complete(self, prompt: str) -> None:
        if prompt == "refuse":
            self.answer(*LOCKED)
            return
        if prompt == "gibberish":
            self.answer(200, {})
            return
        if prompt == "die" or (prompt == "die-once" and self.server.life == 1):
            os._exit(3)
        if prompt == "stick":
            self.server.stuck = True
        if self.server.stuck or (prompt == "wait" and self.server.life == 1):
            time.sleep(60)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.event("a", 1)
        match prompt:
            case "error":
                self.piece('data: {"error": {"code": 500, "message": "it hurts", "type": "server_error"}}\n\n')
            case "error-text":
                self.piece('data: {"error": "it hurts"}\n\n')
            case "no-json":
                self.piece("data: [DONE]\n\n")
            case "no-event":
                self.piece("data: {}\n\n")
            case "none" | "die-once" | "wait":
                self.piece(_event("", 1, stop_type="none"))
            case "vanish":
                self.connection.close()
                return
            case "crash":
                os._exit(3)
            case "hang":
                self.server.stuck = True
                time.sleep(60)
            case "pieces":
                whole = ": a comment\n\n" + _event("b", 2) + _event("", 2, stop_type="limit")
                for char in whole:
                    self.piece(char)
        self.piece("")  # As the engine does: its answer is whole, whatever was in it.

    def event(self, text: str, written: int) -> None:
        self.piece(_event(text, written))

    def piece(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


def _event(text: str, written: int, stop_type: str | None = None) -> str:
    event = {"content": text, "tokens": [97] if text else [], "tokens_predicted": written, "stop": stop_type is not None}
    return f"data: {json.dumps(event | ({'stop_type': stop_type} if stop_type else {}))}\n\n"


def _count_lives() -> int:
    file = Path(__file__).with_name("lives")
    life = int(file.read_text()) + 1 if file.exists() else 1
    file.write_text(str(life))
    return life


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host")
    parser.add_argument("--model")
    parser.add_argument("--fake", default="well")
    parser.add_argument("--stubborn", action="store_true")
    parser.add_argument("--fake-slots", type=int, default=1)
    options, _ = parser.parse_known_args()
    if options.stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            signal.pause()
    mark = Path(f"{options.model}.started")
    if options.fake == "dying" or (options.fake == "once" and mark.exists()):
        print("0.00.001.000 E fake_load: error loading model: the fake was told to die", file=sys.stderr)
        print("0.00.002.000 E srv          init: exiting due to model loading error", file=sys.stderr)
        sys.exit(1)
    mark.touch()
    with _Server(options.host, _Handler) as server:
        server.manner, server.slots = options.fake, options.fake_slots
        server.life = _count_lives()
        server.serve_forever()


if __name__ == "__main__":
    main()
