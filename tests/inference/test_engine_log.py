"""The engine's log: which line explains its exit."""

import pytest

from promptweave.inference.process.log import EngineLog

LOADING = [
    "0.00.001.000 I llama_model_loader: loaded meta data with 21 key-value pairs",
    "0.00.002.000 E llama_model_load: error loading model: tensor 'x' has wrong shape",
    "0.00.003.000 E llama_model_load_from_file_impl: failed to load model",
    "0.00.004.000 E srv    load_model: failed to load model, '/tmp/a.gguf'",
    "0.00.005.000 E srv          init: exiting due to model loading error",
]


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        pytest.param([], "", id="silent"),
        pytest.param(LOADING, "llama_model_load: error loading model: tensor 'x' has wrong shape", id="loading"),
        pytest.param(LOADING[3:], "srv          init: exiting due to model loading error", id="only-the-aftermath"),
        pytest.param(["all is well", "", "  bye  "], "bye", id="no-error"),
        pytest.param(["error: unknown argument: --x", "usage: ..."], "error: unknown argument: --x", id="without-levels"),
        pytest.param(
            ["terminate called", "/ggml.c:7: GGML_ASSERT(a) failed", "stack:"],
            "/ggml.c:7: GGML_ASSERT(a) failed",
            id="abort",
        ),
        pytest.param(["0.00.001.000 I error_handler: ready"], "error_handler: ready", id="a-level-decides"),
        pytest.param(["cannot run /bin/x: Permission denied"], "cannot run /bin/x: Permission denied", id="launcher"),
        pytest.param(["E" * 5000], "E" * 400, id="long"),
        pytest.param(["0.00.001.000 E first", *["talk"] * 500], "first", id="long-ago"),
    ],
)
def test_cause(lines: list[str], cause: str) -> None:
    log = EngineLog()
    for line in lines:
        log.note(line)
    assert log.cause() == cause


def test_its_errors_are_logged_once_it_is_ready(caplog: pytest.LogCaptureFixture) -> None:
    log = EngineLog()
    log.note("0.00.001.000 E while it starts")
    log.quiet = False
    log.note("0.00.002.000 E while it runs")
    log.note("0.00.003.000 I for every request")
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == ["engine: while it runs"]
