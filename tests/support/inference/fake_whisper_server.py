"""A fake whisper.cpp server (1.9.1) that misbehaves on demand and returns the transcript that it is given.

As a program it takes whisper-server's arguments, and `--fake` with how it should be: `well`, `dying` (says why and exits),
`never` (does not listen), `slow` (listens after a second), `strange` (answers what no whisper server answers). The prompt
says what becomes of a file: `die`, `wait` (for a minute), `fail`, `ffmpeg`; a file that begins with `noise` is unreadable.
Else the segments tell how many bytes and which fields came; or the transcript is the JSON that the file holds.
"""

import argparse
import json
import os
import signal
import stat
import sys
import time
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def install(folder: Path) -> str:
    """Makes a program of this file; returns its path."""
    program = folder / "whisper-server"
    program.write_text(f"#!{sys.executable}\n" + Path(__file__).read_text())
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


def write_model(path: Path, *, vocabulary: int = 51866) -> Path:
    """The beginning of a model's file, which is all that is read before a server reads it."""
    path.write_bytes(b"lmgg" + vocabulary.to_bytes(4, "little") + bytes(64))
    return path


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    manner = "well"
    root = ""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        known = self.path == f"{self.server.root}/health"
        self.answer(200 if known else 404, {"status": "ok"} if known else "File Not Found")

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        parts = {_name(part): part.get_payload(decode=True) for part in BytesParser().parsebytes(head + data).walk()}
        audio = parts.pop("file", b"")
        fields = {name: value.decode() for name, value in parts.items() if name and isinstance(value, bytes)}
        assert isinstance(audio, bytes)
        prompt = fields.get("prompt")
        if prompt == "die":
            os._exit(3)
        if prompt == "wait":
            time.sleep(60)
        if self.path != f"{self.server.root}/inference" or self.server.manner == "strange":
            self.answer(200, {"what": "?"})
        elif prompt == "fail":
            self.answer(500, {"error": "failed to process audio"})
        elif prompt == "ffmpeg":
            self.answer(500, {"error": "FFmpeg conversion failed."})
        elif audio.startswith(b"noise"):
            self.answer(400, "Invalid request")
        elif audio.startswith(b"{"):
            self.answer(200, json.loads(audio))
        else:
            self.answer(200, _echo(audio, fields))

    def answer(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _name(part: Message) -> Any:
    return part.get_param("name", header="content-disposition")


def _echo(audio: bytes, fields: dict[str, str]) -> dict[str, Any]:
    told = [f" {name}={value}" for name, value in sorted(fields.items())]
    texts = [f" {len(audio)} bytes.", *told]
    return {
        "task": "transcribe",
        "language": "english",
        "duration": len(audio) / 1000,
        "text": "\n".join(texts),
        "segments": [_segment(place, text) for place, text in enumerate(texts)],
    }


def _segment(place: int, text: str) -> dict[str, Any]:
    start = float(place)
    words = [
        {"word": word, "start": start, "end": start + 0.5, "probability": 0.5}
        for word in text.replace(" ", "\0 ").split("\0")
    ]
    return {
        "id": place,
        "text": text,
        "start": start,
        "end": start + 1.0,
        "tokens": [place, place + 1],
        "words": words,
        "temperature": 0.0,
        "avg_logprob": -0.5,
        "no_speech_prob": 0.25,
    }


def main() -> None:
    """Runs it until it is ended."""
    parser = argparse.ArgumentParser()
    for name in ("--model", "--host", "--request-path", "--public"):
        parser.add_argument(name)
    parser.add_argument("--port", type=int)
    parser.add_argument("--fake", default="well")
    given = parser.parse_args()
    if given.fake == "dying":
        sys.exit("error: the model hurts\n\nusage: whisper-server [options]\n  -et N  entropy threshold for decoder fail")
    if given.fake == "never":
        signal.pause()
    if given.fake == "slow":
        time.sleep(1)
    server = _Server((given.host, given.port), _Handler)
    server.manner, server.root = given.fake, given.request_path
    server.serve_forever()


if __name__ == "__main__":
    main()
