"""Which callers the services and the proxy accept: only those with a certificate of the cluster's."""

import grpc
from benchmarks.cluster.network import DOMAIN
from benchmarks.cluster.services import INFERENCE, Cluster
from grpc_health.v1 import health_pb2, health_pb2_grpc


def refusals(cluster: Cluster) -> dict[str, dict[str, str]]:
    """Return, by server and caller, the status of a health check, which needs no token."""
    found: dict[str, dict[str, str]] = {}
    for where, name, host in (("proxy", "balancer", cluster.balancer), ("service", "inference", cluster.inferences[0])):
        rows = found[where] = {}
        for who in ("facade", "no certificate", "another CA's", "expired", "plain text"):
            rows[who] = _ask(cluster, f"{host.address}:{INFERENCE}", f"{name}.{DOMAIN}", who)
    return found


def _ask(cluster: Cluster, address: str, name: str, who: str) -> str:
    folder = cluster.folder
    file = {"facade": "facade", "another CA's": "stranger", "expired": "expired"}.get(who)
    pair = [(folder / f"{file}.{end}").read_bytes() for end in ("key", "pem")] if file else [None, None]
    credentials = grpc.ssl_channel_credentials((folder / "ca.pem").read_bytes(), *pair)
    # This process does not use the cluster's DNS.
    options = [("grpc.ssl_target_name_override", name)]
    plain = who == "plain text"
    with grpc.insecure_channel(address) if plain else grpc.secure_channel(address, credentials, options) as channel:
        try:
            health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=30)
        except grpc.RpcError as error:
            return str(error.code().name)
    return "OK"
