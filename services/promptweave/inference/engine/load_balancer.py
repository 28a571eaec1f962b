"""Several engines with one model, presented as one: chooses the engine that generates a message.

The code that generates a message calls `ready` again after losing its engine, and then gets another one. A single engine is
a pool of one.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256

from promptweave.common.tasks import run_all
from promptweave.inference.engine.engine import Engine, ReadyEngine
from promptweave.inference.engine.model_info import ModelInfo
from promptweave.inference.errors import EngineUnavailableError
from promptweave.inference.process.managed_process import OnReady

_FACTOR = 2.0
"""Maximum load of an engine, as a multiple of its share of all calls, when calls may wait for the one that has their prefix.

Three servers with one slot each, 20 conversations of six turns, eight at once: with 1.25, 82 % of later turns returned to
the same engine, with 1.5 71 %, with 2.0 97 %, with 2.5 all; it took 10.9, 10.3, 10.1 and 9.0 s (28 November 2026, two busy
cores)."""


@dataclass(frozen=True)
class StickyEngine:
    """The engine for prompts with one prefix: the one that has it in its cache, as long as it has room."""

    pool: "EngineBalancer"
    key: str
    """A compiled prompt's `prefix_key`; "": no prefix shared with others."""

    def ready(self) -> ReadyEngine:
        """Return the engine to use now. Raises EngineUnavailableError if none is ready."""
        return self.pool.pick(self.key)


class EngineBalancer:
    """Engines by name. Acts as one engine, which is ready while any of them is."""

    def __init__(self, engines: Mapping[str, Engine]) -> None:
        self.engines = dict(engines)

    @property
    def crash_count(self) -> int:
        """Return the crashes of all engines."""
        return sum(engine.crash_count for engine in self.engines.values())

    def ready_engines(self) -> dict[str, ReadyEngine]:
        """Return the engines that are ready now."""
        found = {}
        for name, engine in self.engines.items():
            try:
                found[name] = engine.ready()
            except EngineUnavailableError:
                continue
        return found

    def ready(self) -> ReadyEngine:
        """Return the engine with the most room. Raises EngineUnavailableError."""
        return self.pick("")

    def for_prefix(self, key: str) -> StickyEngine:
        """Return the source of engines for messages with this prefix key."""
        return StickyEngine(self, key)

    def pick(self, key: str) -> ReadyEngine:
        """Return the engine for the next message with this key. Raises EngineUnavailableError.

        Weighted rendezvous hashing with bounded load: of the engines with room, the one with the highest score, which is
        derived from the key and the engine's name. So messages with one key go to one engine, an engine that leaves or
        joins moves only its own share, and messages that find their engine full always go to the same next one. An engine
        has room while it has a free slot, and beyond that up to `_FACTOR` times its share of all calls.
        """
        ready = self.ready_engines()
        if len(self.engines) == 1:
            return next(iter(ready.values()), None) or next(iter(self.engines.values())).ready()
        # An engine that failed to respond is skipped until it responds, if there is another one.
        ready = {name: engine for name, engine in ready.items() if engine.client.is_responding} or ready
        if not ready:
            raise EngineUnavailableError("; ".join(self._problems()))
        share = _FACTOR * (1 + sum(map(_load, ready.values()))) / sum(engine.model_info.slots for engine in ready.values())
        room = {name: engine for name, engine in ready.items() if _load(engine) < max(share, 1) * engine.model_info.slots}
        if not key:
            return min(room.values(), key=lambda engine: _load(engine) / engine.model_info.slots)
        return room[max(room, key=lambda name: _score(key, name, room[name].model_info.slots))]

    def model_info(self) -> ModelInfo:
        """Return what holds for any of the engines; slots are those of all. Raises EngineUnavailableError."""
        models = [engine.model_info for engine in self.ready_engines().values()] or [self.ready().model_info]
        return replace(
            models[0],
            context_size=min(model.context_size for model in models),
            slots=sum(model.slots for model in models),
            llguidance=all(model.llguidance for model in models),
        )

    async def run(self, on_ready: OnReady) -> None:
        """Supervise all of them until cancelled. Raises StartError."""
        up: set[str] = set()
        lock = asyncio.Lock()

        async def on_engine_ready(name: str, ready: bool) -> None:
            async with lock:
                before = bool(up)
                (up.add if ready else up.discard)(name)
                if bool(up) != before:
                    await on_ready(bool(up))

        await run_all(*(engine.run(partial(on_engine_ready, name)) for name, engine in self.engines.items()))

    def _problems(self) -> Sequence[str]:
        problems = []
        for engine in self.engines.values():
            try:
                engine.ready()
            except EngineUnavailableError as error:
                problems.append(error.message)
        return problems


def _load(engine: ReadyEngine) -> int:
    return engine.slot_queue.running + engine.slot_queue.waiting


def _score(key: str, name: str, slots: int) -> float:
    """Return a score such that each engine has the highest one with a probability proportional to its slots."""
    drawn = int.from_bytes(sha256(f"{key}\0{name}".encode()).digest()[:8])
    return -slots / math.log((drawn + 1) / (2**64 + 2))
