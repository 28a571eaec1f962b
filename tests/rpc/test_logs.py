"""Logs: one line a record, whatever is in it."""

import logging
from collections.abc import Iterator

import pytest

from promptweave.rpc.logs import LEVEL_VARIABLE, complain, set_up_logs


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
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
        assert "'loud': it may be debug, info, warning or error" in lines.pop(0)
    assert lines == [f"promptweave test {name}: words" for name in said]


def test_a_complaint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    complain("test", "one\n  two")
    assert capsys.readouterr().err == "promptweave test: one two\n"
