"""What probes and Prometheus are told over HTTP."""

import socket

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from promptweave.rpc.address import ListenError
from promptweave.rpc.admin_http import Readiness, serve_admin


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_metrics_and_health(host: str) -> None:
    registry, state = CollectorRegistry(), [Readiness.NOT_READY]
    Counter("seen", "What was seen.", registry=registry).inc()
    with (
        serve_admin(f"{host}:0", registry, lambda: state[0]) as address,
        httpx.Client(base_url=f"http://{address}") as client,
    ):
        assert "seen_total 1.0" in client.get("/metrics").text
        assert client.get("/health").status_code == 200
        assert (client.get("/ready").status_code, client.get("/ready").text) == (503, "not ready\n")
        state[0] = Readiness.READY
        assert client.get("/ready").status_code == 200
        assert client.get("/other").status_code == 404
        assert client.head("/ready").status_code == 200
        state[0] = Readiness.STOPPING
        assert (client.get("/ready").status_code, client.get("/ready").text) == (404, "stopping\n")
        assert client.get("/health").status_code == 200
        state[0] = Readiness.STUCK
        assert [(client.get(path).status_code, client.get(path).text) for path in ("/ready", "/health")] == [
            (500, "stuck\n")
        ] * 2


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_without_a_host_it_is_every_address() -> None:
    with serve_admin(":0", CollectorRegistry()) as address:
        assert address
        for host in ("127.0.0.1", "[::1]"):
            assert httpx.get(f"http://{host}{address}/health").text == "ok\n"
        for taken in (address, f"127.0.0.1{address}", f"[::1]{address}"):
            with pytest.raises(ListenError, match="in use"), serve_admin(taken, CollectorRegistry()):
                pass
