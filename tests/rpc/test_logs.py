"""Logs: one line a record, whatever is in it."""

import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from promptweave.rpc.logs import FIELDS, FORMAT_VARIABLE, LEVEL_VARIABLE, REQUEST_ID, announce, complain, set_up_logs, tell


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("httpx", "httpcore", "asyncio", "grpc"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_a_traceback_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("test")
    try:
        raise KeyError("a\nb")
    except KeyError:
        logging.getLogger("x").exception("first\n\nsecond")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("promptweave test ERROR: first | second | Traceback")
    assert "KeyError" in line


@pytest.mark.parametrize(
    ("level", "said"),
    [
        pytest.param(None, ["INFO", "WARNING", "ERROR"], id="default"),
        pytest.param("debug", ["DEBUG", "INFO", "WARNING", "ERROR"], id="debug"),
        pytest.param("ERROR", ["ERROR"], id="error"),
        pytest.param("loud", ["INFO", "WARNING", "ERROR"], id="unknown"),
    ],
)
def test_levels(
    level: str | None, said: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(LEVEL_VARIABLE, raising=False)
    if level:
        monkeypatch.setenv(LEVEL_VARIABLE, level)
    set_up_logs("test")
    for name in ("DEBUG", "INFO", "WARNING", "ERROR"):
        logging.getLogger("promptweave.x").log(logging.getLevelNamesMapping()[name], "words")
    lines = capsys.readouterr().err.splitlines()
    if level == "loud":
        assert "'loud'; it must be debug, info, warning or error" in lines.pop(0)
    assert lines == [f"promptweave test {name}: words" for name in said]


def test_a_complaint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    complain("test", "one\n  two")
    assert capsys.readouterr().err == "promptweave test: one two\n"


@pytest.fixture
def as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FORMAT_VARIABLE, "json")


def objects(text: str) -> list[dict[str, Any]]:
    """The lines, each of which has what every line has."""
    read = [json.loads(line) for line in text.splitlines()]
    for line in read:
        assert abs(datetime.now(UTC) - datetime.fromisoformat(line["time"])) < timedelta(minutes=5)
        assert line["time"].endswith("Z")
        assert {"level", "service", "logger", "message"} <= line.keys()
    return read


def test_a_record_is_an_object(as_json: None, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("test")
    REQUEST_ID.set("req_1")
    try:
        raise KeyError("a\nb")
    except KeyError:
        logging.getLogger("x").exception(
            "Größe %s\n\udc80", "\u2028", extra={FIELDS: {"status": 500, "of": ValueError("y")}}
        )
    finally:
        REQUEST_ID.set(None)
    logging.getLogger("x").info("later")
    out = capsys.readouterr().err
    assert out.isascii()
    line, later = objects(out)
    assert {key: line[key] for key in line if key not in ("time", "exception")} == {
        "level": "error",
        "service": "test",
        "logger": "x",
        "message": "Größe \u2028\n\udc80",
        "request_id": "req_1",
        "status": 500,
        "of": "y",
    }
    assert line["exception"].startswith("Traceback")
    assert "KeyError" in line["exception"]
    assert not {"exception", "request_id"} & later.keys()


def test_what_python_writes_itself_is_an_object(as_json: None, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("test")
    sys.excepthook(ValueError, ValueError("why"), None)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("old\nways", stacklevel=1)
    uncaught, in_thread, warning = objects(capsys.readouterr().err)
    assert (uncaught["level"], uncaught["message"]) == ("critical", "uncaught: ValueError")
    assert "why" in uncaught["exception"]
    assert in_thread["message"] == "uncaught: ZeroDivisionError"
    assert "old\nways" in warning["message"]


def test_what_is_said_beside_the_log(as_json: None, capsys: pytest.CaptureFixture[str]) -> None:
    complain("test", "one\n  two")
    tell("test", "three")
    announce("test", "ready", screen="a screen\n", address="1.2.3.4:5")
    out, err = capsys.readouterr()
    assert [(line["level"], line["message"]) for line in objects(err)] == [("error", "one two"), ("info", "three")]
    (ready,) = objects(out)
    assert (ready["message"], ready["address"], ready["service"]) == ("ready", "1.2.3.4:5", "test")


def test_what_is_said_to_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    tell("test", "three")
    complain("", "four")
    announce("test", "ready", screen="a screen\n", address="x")
    announce("test", "ready", address="x")
    assert tuple(capsys.readouterr()) == ("a screen\n\nready\n", "promptweave test: three\npromptweave: four\n")
