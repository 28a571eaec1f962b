"""Hosts on one machine: network namespaces with their own addresses, joined by a bridge in another namespace."""

import ctypes
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_CLONE_NEWNET = 0x40000000
_PREFIX = "promptweave-"
_SUBNET = "10.77.0"
DOMAIN = "cluster.test"


def refusal() -> str | None:
    """Return why hosts cannot be created here; None if they can."""
    missing = [tool for tool in ("ip", "haproxy", "dnsmasq") if not _tool(tool)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    name = f"pw-try-{os.getpid()}"
    done = _run([_tool("ip"), "netns", "add", name])
    if done.returncode:
        return f"network namespaces are not permitted: {done.stderr.strip()}"
    try:
        done = _run([_tool("ip"), "-n", name, "link", "add", "veth-one", "type", "veth", "peer", "name", "veth-two"])
        done = done if done.returncode else _run([_tool("ip"), "-n", name, "link", "add", "bridge", "type", "bridge"])
        return f"no veth, or no bridge: {done.stderr.strip()}" if done.returncode else None
    finally:
        _run([_tool("ip"), "netns", "del", name])


@dataclass
class Host:
    """A host, and the process that runs on it."""

    name: str
    address: str
    namespace: str
    network: "Network"
    log: Path
    process: subprocess.Popen[bytes] | None = None
    arguments: Sequence[str] = ()
    variables: dict[str, str] = field(default_factory=dict)

    def start(self, arguments: Sequence[str] | None = None, **variables: str) -> None:
        """Run a command here; without one, the previous command."""
        if arguments is not None:
            self.arguments, self.variables = arguments, variables
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [_tool("ip"), "netns", "exec", self.namespace, *self.arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.variables},
                start_new_session=True,
            )

    def signal(self, number: int) -> None:
        """Send a signal to all of the host's processes: the engine is in its own session."""
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self, wait_s: float = 40.0) -> None:
        """Stop the service as an orchestrator does: SIGTERM to its process alone, and a wait."""
        assert self.process
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(wait_s)
        self.kill()

    @property
    def alive(self) -> bool:
        """Return whether its process runs."""
        return self.process is not None and self.process.poll() is None

    def pin(self, *cores: int) -> None:
        """Restrict its processes to these cores."""
        for pid in self._pids():
            _run(["taskset", "-a", "-c", "-p", ",".join(map(str, cores)), str(pid)])

    def unpin(self) -> None:
        """Let its processes run on all cores."""
        self.pin(*os.sched_getaffinity(0))

    def kill(self) -> None:
        """Kill all processes, as if the power failed."""
        self.signal(signal.SIGKILL)
        if self.process:
            self.process.wait(10)

    def cut(self, *, off: bool) -> None:
        """Take the host's link down, or up again."""
        self.network.ip("-n", self.network.switch, "link", "set", self.name, "down" if off else "up")

    def _pids(self) -> list[int]:
        found = _run([_tool("ip"), "netns", "pids", self.namespace]).stdout.split()
        # This process runs on the client's host.
        return [int(word) for word in found if int(word) != os.getpid()]


class Network:
    """Hosts, and their names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prefix = f"{_PREFIX}{os.getpid()}"
        self.switch = f"{self.prefix}-switch"
        self.hosts: dict[str, Host] = {}
        self._names = folder / "hosts"
        self._next = 2

    def __enter__(self) -> "Network":
        _sweep()
        self.ip("netns", "add", self.switch)
        self.ip("-n", self.switch, "link", "add", "bridge", "type", "bridge")
        self.ip("-n", self.switch, "link", "set", "bridge", "up")
        self._names.write_text("")
        dns = self.host("dns")
        # Clients' connection pools balance replicas themselves; a name's TTL is one second.
        options = [
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--no-resolv",
            "--no-hosts",
            f"--addn-hosts={self._names}",
        ]
        options += ["--local-ttl=1", "--user=root", "--pid-file", "--bind-interfaces", f"--listen-address={dns.address}"]
        dns.start([_tool("dnsmasq"), *options, f"--local=/{DOMAIN}/"])
        return self

    def __exit__(self, *_: object) -> None:
        for host in self.hosts.values():
            with suppress(OSError, subprocess.SubprocessError):
                host.signal(signal.SIGCONT)
                host.kill()
        for host in self.hosts.values():
            _forget(host.namespace)
        _forget(self.switch)
        with suppress(OSError):
            Path("/etc/netns").rmdir()

    def ip(self, *arguments: str) -> None:
        """Run ip(8). Raises RuntimeError."""
        done = _run([_tool("ip"), *arguments])
        if done.returncode:
            raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")

    def host(self, name: str) -> Host:
        """Create a host whose resolver is the cluster's."""
        namespace = f"{self.prefix}-{name}"
        address = f"{_SUBNET}.{self._next}"
        self._next += 1
        self.hosts[name] = host = Host(name, address, namespace, self, self.folder / f"{name}.log")
        self.ip("netns", "add", namespace)
        self.ip("link", "add", "eth0", "netns", namespace, "type", "veth", "peer", "name", name, "netns", self.switch)
        self.ip("-n", self.switch, "link", "set", name, "master", "bridge", "up")
        self.ip("-n", namespace, "addr", "add", f"{address}/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            self.ip("-n", namespace, "link", "set", link, "up")
        settings = Path("/etc/netns") / namespace
        settings.mkdir(parents=True)
        (settings / "resolv.conf").write_text(f"nameserver {_SUBNET}.2\n")
        return host

    def tell(self, names: dict[str, list[Host]]) -> None:
        """Set the DNS records: an address for each host, as of a headless service."""
        lines = [f"{host.address} {name}.{DOMAIN}\n" for name, hosts in names.items() for host in hosts]
        self._names.write_text("".join(lines))
        self.hosts["dns"].signal(signal.SIGHUP)

    def enter(self, host: Host) -> None:
        """Make everything that this thread opens from now on belong to that host's network."""
        with Path(f"/run/netns/{host.namespace}").open() as file:
            _setns(file)


def _sweep() -> None:
    """Remove what a killed run has left."""
    for name in re.findall(rf"^({_PREFIX}(\d+)-\S+)", _run([_tool("ip"), "netns", "list"]).stdout, re.MULTILINE):
        if not Path(f"/proc/{name[1]}").exists():
            for pid in _run([_tool("ip"), "netns", "pids", name[0]]).stdout.split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            _forget(name[0])


def _forget(namespace: str) -> None:
    _run([_tool("ip"), "netns", "del", namespace])
    shutil.rmtree(Path("/etc/netns") / namespace, ignore_errors=True)


def _setns(file: IO[str]) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(file.fileno(), _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _tool(name: str) -> str:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin") or ""


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    # May be slow on a busy machine.
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def until(what: str, is_so: Callable[[], bool], wait_s: float = 180.0) -> float:
    """Wait until the condition holds; return the seconds that it took. Raises TimeoutError."""
    begun = time.monotonic()
    while not is_so():
        if time.monotonic() - begun > wait_s:
            raise TimeoutError(f"{what}: not within {wait_s:.0f} s")
        time.sleep(0.1)
    return time.monotonic() - begun
