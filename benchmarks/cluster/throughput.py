"""Compilations per second of one compiler and of two, through the proxy."""

import statistics

import grpc
import grpc.aio
from benchmarks.cluster.network import DOMAIN
from benchmarks.cluster.services import COMPILER, Cluster
from benchmarks.compiler import together

from promptweave.demo.model import demo_template
from promptweave.rpc.bearer_token import client_interceptors
from promptweave.rpc.channel import channel
from promptweave.rpc.security import Security

REQUEST = "8 tools, 50 KB"
_CALLERS = 16
_ROUNDS = 3


async def throughput(cluster: Cluster) -> tuple[float, float]:
    """Measure the first compiler alone, and the first two, each on its own core. Returns medians of alternating rounds."""
    first, second = cluster.compilers[:2]
    certificates = [(cluster.folder / name).read_bytes() for name in ("ca.pem", "facade.key", "facade.pem")]
    credentials = grpc.ssl_channel_credentials(*certificates)
    found: dict[int, list[float]] = {1: [], 2: []}
    first.pin(0)
    for _ in range(_ROUNDS):
        for count in (2, 1):
            if count == 1:
                second.stop()
            else:
                if not second.alive:
                    second.start()
                cluster.wait()
                second.pin(1)
            cluster.wait_for_compilers(count)
            found[count].append(await _rate(cluster, credentials))
    second.start()
    first.unpin()
    cluster.wait()
    return statistics.median(found[1]), statistics.median(found[2])


async def _rate(cluster: Cluster, credentials: grpc.ChannelCredentials) -> float:
    async with channel(
        f"{cluster.balancer.address}:{COMPILER}",
        credentials,
        # This process does not use the cluster's DNS.
        [("grpc.ssl_target_name_override", f"balancer.{DOMAIN}")],
        client_interceptors(Security(token_file=cluster.folder / "token")),
    ) as connection:
        return await together(demo_template(), [connection], REQUEST, _CALLERS)
