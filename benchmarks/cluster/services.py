"""The services on their hosts: mTLS and a token between them, and HAProxy in front of compilers and inference."""

import datetime
import re
import sys
from pathlib import Path

import httpx
import trustme
from benchmarks.cluster.network import DOMAIN, Host, Network, until

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "services" / "promptweave" / "demo" / "promptweave-demo.gguf"
PROGRAM = [sys.executable, "-P", "-m", "promptweave.cli.main"]
COMPILER, INFERENCE, FACADE, METRICS = 50051, 50052, 8080, 9090
TOKEN = "one-word-of-the-cluster"

_BALANCE = "    balance hdr(x-promptweave-prefix)\n"
_SERVED = re.compile(r" inferences/(inference\d+) .* \{([0-9a-f]+)\} ")


class Cluster:
    """All services of the cluster."""

    def __init__(self, network: Network, *, compilers: int, inferences: int, facades: int) -> None:
        self.network, self.folder = network, network.folder
        self._issue_certificates()
        self.client = network.host("client")
        self.balancer = network.host("balancer")
        self.compilers = [network.host(f"compiler{number}") for number in range(1, compilers + 1)]
        self.inferences = [network.host(f"inference{number}") for number in range(1, inferences + 1)]
        self.facades = [network.host(f"facade{number}") for number in range(1, facades + 1)]
        self.tell_names()

    def tell_names(self) -> None:
        """Publish the replicas' addresses in the DNS, as an orchestrator does."""
        self.network.tell({"compiler": self.compilers, "inference": self.inferences, "balancer": [self.balancer]})

    def start(self) -> None:
        """Start everything, and wait until it is ready."""
        self.balance(by_prefix=True)
        for host in self.compilers:
            self.start_compiler(host)
        for host in self.inferences:
            self.start_inference(host)
        for host in self.facades:
            self.start_facade(host)
        self.network.enter(self.client)
        self.wait()

    def wait(self) -> None:
        """Wait until everything is ready, and the proxy knows it."""
        for host in self.facades:
            until(f"{host.name} ready", lambda host=host: _says(f"http://{host.address}:{FACADE}/ready"))
        for host in (*self.compilers, *self.inferences):
            until(f"{host.name} ready", lambda host=host: _says(f"http://{host.address}:{METRICS}/ready"))
        for kind, wanted in (("compilers", self.compilers), ("inferences", self.inferences)):
            until(f"{kind} known to the proxy", lambda kind=kind, wanted=wanted: self._up(kind) == len(wanted))

    def wait_for_compilers(self, count: int) -> None:
        """Wait until the proxy knows of `count` compilers."""
        until("compilers known to the proxy", lambda: self._up("compilers") == count)

    def balance(self, *, by_prefix: bool) -> None:
        """Start the proxy, or restart it."""
        text = (ROOT / "deploy" / "haproxy" / "haproxy.cfg").read_text()
        assert _BALANCE in text
        file = self.folder / "haproxy.cfg"
        file.write_text(text if by_prefix else text.replace(_BALANCE, "    balance roundrobin\n"))
        if self.balancer.process:
            self.balancer.kill()
        self.balancer.start(
            ["haproxy", "-db", "-f", str(file)],
            COMPILERS=f"compiler.{DOMAIN}",
            INFERENCES=f"inference.{DOMAIN}",
            TLS_PEM=str(self.folder / "balancer.both.pem"),
            TLS_CA=str(self.folder / "ca.pem"),
        )

    def start_compiler(self, host: Host) -> None:
        """Start a compiler."""
        host.start([*PROGRAM, "compiler", "--listen", f"0.0.0.0:{COMPILER}", *self._served("compiler")])

    def start_inference(self, host: Host) -> None:
        """Start an inference service with a real engine."""
        sessions = str(self.folder / "sessions")
        model = ["--model", str(MODEL), "--parallel", "4", "--ctx-size", "2048", "--session-dir", sessions]
        host.start([*PROGRAM, "inference", "--listen", f"0.0.0.0:{INFERENCE}", *model, *self._served("inference")])

    def start_facade(self, host: Host) -> None:
        """Start a facade."""
        balancer = f"balancer.{DOMAIN}"
        services = ["--compiler", f"{balancer}:{COMPILER}", "--inference", f"{balancer}:{INFERENCE}"]
        services += ["--services-ca", self._file("ca.pem"), "--services-token-file", self._file("token")]
        services += ["--services-cert", self._file("facade.pem"), "--services-key", self._file("facade.key")]
        host.start([*PROGRAM, "facade", "--host", "0.0.0.0", "--port", str(FACADE), "--no-access-log", *services])

    def served(self) -> list[tuple[str, str]]:
        """Return, for each Generate in the order of completion, the replica's name in the proxy and the conversation's
        prefix."""
        return _SERVED.findall(self.balancer.log.read_text())

    def written(self, host: Host) -> float:
        """Return how many tokens an inference service has generated; 0 if it does not respond."""
        try:
            text = httpx.get(f"http://{host.address}:{METRICS}/metrics", timeout=30).text
        except httpx.HTTPError:
            return 0
        found = re.findall(r"^promptweave_generation_tokens_total (\S+)", text, re.MULTILINE)
        return float(found[0]) if found else 0

    def _up(self, backend: str) -> int:
        try:
            text = httpx.get(f"http://{self.balancer.address}:{METRICS}/metrics", timeout=10).text
        except httpx.HTTPError:
            return -1
        found = re.findall(rf'^haproxy_backend_active_servers{{proxy="{backend}"}} (\d+)', text, re.MULTILINE)
        return int(found[0]) if found else -1

    def _served(self, name: str) -> list[str]:
        options = ["--tls-cert", self._file(f"{name}.pem"), "--tls-key", self._file(f"{name}.key")]
        options += ["--tls-client-ca", self._file("ca.pem"), "--token-file", self._file("token")]
        return [*options, "--metrics", f"0.0.0.0:{METRICS}"]

    def _file(self, name: str) -> str:
        return str(self.folder / name)

    def _issue_certificates(self) -> None:
        (self.folder / "token").write_text(TOKEN)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self._file("ca.pem"))
        yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
        for name, by, end in (
            *((name, authority, None) for name in ("compiler", "inference", "balancer", "facade")),
            ("stranger", trustme.CA(), None),
            ("expired", authority, yesterday),
        ):
            issued = by.issue_cert(f"{name}.{DOMAIN}", not_after=end)
            Path(self._file(f"{name}.pem")).write_bytes(issued.cert_chain_pems[0].bytes())
            issued.private_key_pem.write_to_path(self._file(f"{name}.key"))
            issued.private_key_and_cert_chain_pem.write_to_path(self._file(f"{name}.both.pem"))


def _says(url: str) -> bool:
    try:
        return httpx.get(url, timeout=10).is_success
    except httpx.HTTPError:
        return False
