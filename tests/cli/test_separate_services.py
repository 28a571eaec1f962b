"""The three services as separate processes, as containers start them, with mTLS and a token between them."""

import re
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from tests.support.cli.invoke import REQUEST
from tests.support.cli.readiness import TIMEOUT_S, until_ready
from tests.support.inference.processes import free_port
from tests.support.serving import COMMAND, running

LISTENING = "listening on (.*)"


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a CA, a certificate for this machine, and a token."""
    folder, authority = tmp_path_factory.mktemp("secrets"), trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    trustme.CA().issue_cert("127.0.0.1").private_key_pem.write_to_path(str(folder / "other.pem"))
    (folder / "token").write_text("one-word\n")
    return folder


def started(stack: ExitStack, *arguments: str | Path) -> str:
    """Where the service listens that was started."""
    _, said = stack.enter_context(running(*map(str, arguments), until=LISTENING))
    found = re.search(LISTENING, said)
    assert found
    return found[1]


def test_apart_and_secured(secrets: Path, demo_model: Path) -> None:
    own = ("--tls-cert", secrets / "cert.pem", "--tls-key", secrets / "key.pem", "--tls-client-ca", secrets / "ca.pem")
    token = ("--token-file", secrets / "token")
    with ExitStack() as stack:
        compiler = started(stack, "compiler", "--listen", "127.0.0.1:0", *own, *token)
        inference = started(stack, "inference", "--listen", "127.0.0.1:0", "--model", demo_model, *own, *token)
        files = {"ca": "ca.pem", "cert": "cert.pem", "key": "key.pem", "token-file": "token"}

        def front(*but: str) -> httpx.Client:
            """A client of a facade that calls the services with all that it needs, but for some."""
            chosen = [(f"--services-{name}", secrets / file) for name, file in files.items() if name not in but]
            options = [word for option in chosen for word in option]
            url = started(stack, "facade", "--port", "0", "--compiler", compiler, "--inference", inference, *options)
            return stack.enter_context(httpx.Client(base_url=f"http://{url}", timeout=TIMEOUT_S))

        trusted = front()
        until_ready(str(trusted.base_url).rstrip("/"))
        body: dict[str, Any] = {
            **REQUEST,
            "tool_choice": "required",
            "model": trusted.get("/v1/models").json()["data"][0]["id"],
        }
        answer = trusted.post("/v1/chat/completions", json=body).json()
        assert answer["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "get_weather"

        # What is wrong between the services is not the client's fault.
        assert front("cert", "key").post("/v1/chat/completions", json=body).status_code == 503
        assert front("token-file").post("/v1/chat/completions", json=body).status_code == 500


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        pytest.param(("compiler", "--tls-cert", "cert.pem"), "must be given together", id="half"),
        pytest.param(("compiler", "--tls-client-ca", "ca.pem"), "requires --tls-cert", id="no-own"),
        pytest.param(("compiler", "--tls-cert", "cert.pem", "--tls-key", "other.pem"), "another certificate", id="no-pair"),
        pytest.param(("inference", "--token-file", "absent"), "cannot read", id="no-token"),
        pytest.param(("facade", "--compiler", "compiler"), "--compiler compiler: not a valid address", id="no-port"),
        pytest.param(("facade", "--services-ca", "absent"), "cannot read", id="no-ca"),
        pytest.param(("precache", "/dev/null", "--services-ca", "absent"), "cannot read", id="precache"),
    ],
)
def test_what_does_not_do_is_one_line(secrets: Path, demo_model: Path, arguments: tuple[str, ...], reason: str) -> None:
    if arguments[0] == "inference":
        arguments += ("--model", str(demo_model))
    if arguments[0] in ("inference", "compiler"):
        arguments += ("--listen", "127.0.0.1:0")
    done = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, cwd=secrets, timeout=TIMEOUT_S, check=False
    )
    assert (done.returncode != 0, done.stderr.count("\n")) == (True, 1), done.stderr
    assert reason in done.stderr
    # Nothing is wrong with where it listens.
    assert "--listen" not in done.stderr


def test_probes(demo_model: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    with running("inference", "--listen", "127.0.0.1:0", "--model", str(demo_model), "--metrics", address, until=LISTENING):
        until_ready(f"http://{address}")
        assert httpx.get(f"http://{address}/health").text == "ok\n"
        assert 'promptweave_engine_up{endpoint="",role="chat"} 1.0' in httpx.get(f"http://{address}/metrics").text
