"""A cluster on one machine: two facades, two compilers and three inference services with real engines behind HAProxy, each
on its own host (a network namespace), with mTLS and a token between them. Run it as root, with iproute2, HAProxy and
dnsmasq:

    python -m benchmarks.cluster             everything, a quarter of an hour
    python -m benchmarks.cluster --short     a few minutes, for the tests: status 1 if a result is not as expected

Prints a table: how many turns of conversations return to their replica, how compiler throughput scales, what clients see
when a host is killed, frozen or cut off, when all are restarted in turn, and when a replica is added, and which calls are
refused.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

from benchmarks.cluster.load import Load, conversations, warm_up
from benchmarks.cluster.network import Host, Network, refusal, until
from benchmarks.cluster.refusals import refusals
from benchmarks.cluster.services import FACADE, Cluster
from benchmarks.cluster.throughput import REQUEST, throughput

_BEFORE_S = 3.0
_FOUND_S = 120.0
"""How long a new replica may take to start and be found."""
PARTS = ("mtls", "affinity", "throughput", "faults", "replica", "restart")
AIM = 0.95
"""The share of turns that should return to their replica."""


def main() -> int:
    """Run the benchmark; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="fewer conversations and faults")
    parser.add_argument("--only", choices=PARTS, metavar="PART", help=f"one of {', '.join(PARTS)}")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where logs are left")
    options = parser.parse_args()
    if why := refusal():
        print(f"skipped: {why}")
        return 77
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Network(options.keep or Path(folder)) as network:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        cluster = Cluster(network, compilers=2, inferences=3, facades=2)
        begun = time.monotonic()
        try:
            cluster.start()
            say("start", "all are ready", f"{time.monotonic() - begun:.0f} s")
            return asyncio.run(show(cluster, options.only, short=options.short))
        except (TimeoutError, AssertionError):
            for host in network.hosts.values():
                print(f"--- {host.name}\n{host.log.read_text()[-1500:] if host.log.exists() else ''}", file=sys.stderr)
            raise


def say(part: str, what: str, found: str) -> None:
    """Print a row of the table."""
    print(f"| {part} | {what} | {found} |", flush=True)


async def show(cluster: Cluster, only: str | None, *, short: bool) -> int:
    """Run all parts, or one; return 1 if a result is not as expected."""
    urls = [f"http://{host.address}:{FACADE}" for host in cluster.facades]
    await warm_up(urls)
    wrong: list[str] = []
    if only in (None, "mtls"):
        wrong += who_is_refused(cluster)
    if only in (None, "affinity"):
        wrong += await affinity(cluster, urls, short=short)
    if only == "throughput" or not (only or short):
        await side_by_side(cluster)
        await warm_up(urls)  # One of them was restarted.
    if only in (None, "faults"):
        wrong += await faults(cluster, urls, short=short)
    if only in (None, "replica"):
        wrong += await new_replica(cluster, urls)
    if only == "restart" or not (only or short):
        wrong += await rolling_restart(cluster, urls)
    for line in wrong:
        print(f"not as it should be: {line}")
    return 1 if wrong else 0


def who_is_refused(cluster: Cluster) -> list[str]:
    """Check that only the facade's certificate is accepted."""
    wrong = []
    for where, rows in refusals(cluster).items():
        say("mTLS", f"calls to the {where}", ", ".join(f"{who}: {status}" for who, status in rows.items()))
        wrong += [f"{who} at the {where}: {status}" for who, status in rows.items() if (status == "OK") != (who == "facade")]
    return wrong


async def affinity(cluster: Cluster, urls: list[str], *, short: bool) -> list[str]:
    """Compare balancing conversations by prefix with round-robin."""
    count, turns, wrong = (9, 4, []) if short else (20, 6, [])
    for name, by_prefix in (("by prefix", True), ("round robin", False)):
        if not by_prefix:
            if short:
                break
            cluster.balance(by_prefix=False)
            cluster.wait()
        before = len(cluster.served())
        seen = await conversations(urls, count, turns)
        replicas = defaultdict(list)
        expected = before + count * turns - seen.failed
        until("the log", lambda expected=expected: len(cluster.served()) >= expected)
        for replica, prefix in cluster.served()[before:]:
            replicas[prefix].append(replica)
        pairs = [pair for used in replicas.values() for pair in pairwise(used)]
        back = sum(one == other for one, other in pairs) / len(pairs)
        used = len({replica for all_of_it in replicas.values() for replica in all_of_it})
        say(
            f"{count} conversations of {turns} turns",
            name,
            f"{back:.0%} of later turns came back to their replica, {seen.cached:.0%} of their prompts were cached,"
            f" {used} replicas were at work, {seen.failed} failed{_reasons(seen.reasons)}",
        )
        if by_prefix and (back < AIM or seen.failed or used < 2):
            wrong.append(
                f"conversations: {back:.0%} came back, {used} replicas, {seen.failed} failed{_reasons(seen.reasons)}"
            )
    cluster.balance(by_prefix=True)
    cluster.wait()
    return wrong


async def side_by_side(cluster: Cluster) -> None:
    """Measure two compilers side by side; they scale as far as there are cores for them and for the callers."""
    one, two = await throughput(cluster)
    cores = len(os.sched_getaffinity(0))
    say(
        "compilers side by side",
        f"each on a core of its own of {cores}, {REQUEST}",
        f"{one:.0f} compilations a second of one, {two:.0f} of two: {two / one:.2f} times as many",
    )


def kill(host: Host) -> None:
    """Kill the host's processes, as if the power failed."""
    host.kill()


def freeze(host: Host) -> None:
    """Stop all of the host's processes (SIGSTOP)."""
    host.signal(signal.SIGSTOP)


def cut(host: Host) -> None:
    """Take the host's link down."""
    host.cut(off=True)


def heal(host: Host, fault: Callable[[Host], None]) -> None:
    """Undo a fault."""
    if fault is kill:
        host.start()
    elif fault is freeze:
        host.signal(signal.SIGCONT)
    else:
        host.cut(off=False)


async def faults(cluster: Cluster, urls: list[str], *, short: bool) -> list[str]:
    """Kill, freeze and cut off one replica of each kind, while clients send requests."""
    wrong = []
    chosen = [(cluster.inferences[0], fault) for fault in (kill, freeze, cut)]
    if not short:
        chosen += [(host, fault) for host in (cluster.compilers[0], cluster.facades[0]) for fault in (kill, freeze, cut)]
    for host, fault in chosen:
        async with Load(urls) as load:
            await asyncio.sleep(_BEFORE_S)
            at = time.monotonic()
            fault(host)
            await asyncio.sleep(12 if short else 25)
            trouble = max(0.0, load.last_trouble - at)
            heal(host, fault)
        say(f"{fault.__name__} {host.name}", "while 4 clients ask", told(load, trouble))
        wrong += [f"{fault.__name__} {host.name}: {load.reasons}"] if load.outcomes["failed"] else []
        cluster.wait()
    return wrong


async def new_replica(cluster: Cluster, urls: list[str]) -> list[str]:
    """Check that a replica that is added to the DNS gets calls."""
    host = cluster.network.host("inference4")
    cluster.start_inference(host)
    cluster.inferences.append(host)
    cluster.tell_names()
    async with Load(urls, clients=6) as load:
        begun = time.monotonic()
        has_work = partial(cluster.written, host)
        while not (written := await asyncio.to_thread(has_work)) and time.monotonic() - begun < _FOUND_S:
            await asyncio.sleep(0.5)
        took = time.monotonic() - begun
    say("a replica is added", "from its start to its first call", f"{took:.1f} s; {told(load, 0)}")
    return [f"a new replica: {took:.0f} s, {load.reasons}"] if not written or load.outcomes["failed"] else []


async def rolling_restart(cluster: Cluster, urls: list[str]) -> list[str]:
    """Restart all hosts in turn, as an orchestrator does."""
    wrong = []
    for kind, hosts in (("compiler", cluster.compilers), ("inference", cluster.inferences), ("facade", cluster.facades)):
        async with Load(urls) as load:
            begun = time.monotonic()
            for host in hosts:
                await asyncio.to_thread(host.stop)
                host.start()
                await asyncio.to_thread(cluster.wait)
            took = time.monotonic() - begun
        say(f"rolling restart of {len(hosts)} {kind}s", "while 4 clients ask", f"{took:.0f} s; {told(load, 0)}")
        wrong += [f"restart of {kind}s: {load.reasons}"] if load.outcomes["failed"] or load.outcomes["cut"] else []
    return wrong


def told(load: Load, trouble: float) -> str:
    """Describe what clients saw."""
    words = [f"{load.outcomes[name]} {name}" for name in ("whole", "cut", "failed", "refused") if load.outcomes[name]]
    words += [f"{load.repeated} repeated by the client", f"slowest {load.slowest_s:.1f} s"]
    return ", ".join(words) + (f"; last trouble after {trouble:.1f} s" if trouble else "") + _reasons(load.reasons)


def _reasons(reasons: Counter[str]) -> str:
    why = ", ".join(f"{count} × {reason}" for reason, count in reasons.items())
    return f" ({why})" if why else ""


if __name__ == "__main__":
    sys.exit(main())
