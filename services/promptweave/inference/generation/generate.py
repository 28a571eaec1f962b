"""Generates the messages of a request: concurrently, each in its own slot, and once more if the engine died."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from promptweave.common.tasks import task_scope
from promptweave.common.tracing import span
from promptweave.inference.client.counts import Counts
from promptweave.inference.engine.engine import EngineSource, ReadyEngine
from promptweave.inference.errors import EngineAwayError, EngineUnavailableError, UnsupportedError
from promptweave.inference.generation.events import Event, Logprobs
from promptweave.inference.generation.message import check, write_message
from promptweave.inference.generation.output_reader import joined
from promptweave.inference.prompt.image_prompt import pictures_refused
from promptweave.inference.prompt.request import Request
from promptweave.inference.scheduling.event_queue import EventQueue
from promptweave.inference.scheduling.slot_queue import Caller

_SEED_COUNT = 2**32 - 1
"""Number of valid seeds."""

_READY_CHECK_S = 0.05
"""How often an unavailable engine is checked."""
_RESPONDING_CHECK_S = 1.0
"""How often a call that waits for its first events checks whether its engine responds."""
_MAX_WAIT_S = 120.0
"""How long a call without a deadline waits for an unavailable engine before it fails."""

Numbered = tuple[int, Event]


async def generate(
    engines: EngineSource, request: Request, count: Callable[[Counts], None] = lambda counts: None
) -> AsyncGenerator[list[Numbered], None]:
    """Yield the events of all messages, each with its message's index, in batches of those that are ready together.

    Each message ends with its Finish. The first failure ends all of them, after what was generated until then. Closing the
    generator cancels them and frees their slots. `count` receives the counts of each. Raises InferenceError.
    """
    check(request)
    ready, caller = engines.ready(), Caller(request.priority)
    request.sampling.check_tokens(ready.model_info.vocabulary)
    if refused := pictures_refused(ready.model_info, request.program.segments):
        raise refused
    if request.program.lark is not None and not ready.model_info.llguidance:
        raise UnsupportedError(
            "the engine supports only GBNF; request that dialect from the compiler", path="/prompt/llguidance"
        )
    buffer: EventQueue[tuple[int, list[Event]]] = EventQueue(request.n)

    async def write(index: int) -> None:
        try:
            with span("message", attributes={"promptweave.message.index": index}):
                await _write_with_retry(engines, ready, _choice(request, index), caller, index, buffer, count)
        except Exception as error:
            buffer.close(error)
        else:
            buffer.close()

    # Not a TaskGroup: closing this generator raises GeneratorExit at its `yield`, which the group would wrap (PEP 789).
    async with task_scope(*map(write, range(request.n))), aclosing(buffer.read()) as batches:
        async for batch in batches:
            yield _by_message(batch)


async def _write_with_retry(
    engines: EngineSource,
    before: ReadyEngine,
    request: Request,
    caller: Caller,
    index: int,
    buffer: EventQueue[tuple[int, list[Event]]],
    count: Callable[[Counts], None],
) -> None:
    """Generate one message. If the engine dies before it returned any of it, retry once.

    `before`: the engine that was ready when the request arrived.
    """
    again = True
    try:
        ready = engines.ready()
    except EngineUnavailableError as error:
        ready = await _wait_until_ready(engines, before, error)
    while True:
        begun = False
        try:
            async with aclosing(write_message(ready, request, caller, count)) as batches:
                events = await _first_events(batches, engines, ready)
                while events:
                    begun = True
                    await buffer.put((index, events), sum(map(_size, events)))
                    events = await _next(batches)
            return
        except EngineUnavailableError as error:
            # An engine that could not be reached does not count as a try.
            if begun or not (again or isinstance(error, EngineAwayError)):
                raise
            again = again and isinstance(error, EngineAwayError)
            ready = await _wait_until_ready(engines, ready, error)


async def _first_events(
    batches: AsyncGenerator[list[Event], None], engines: EngineSource, ready: ReadyEngine
) -> list[Event]:
    """Return the first events. Raises EngineUnavailableError if `ready` stops responding first and there is another engine.

    An engine that is stopped, or that packets no longer reach, closes no connection. If there is no other, it may recover.
    """
    async with task_scope(_next(batches)) as (first,):
        while not (await asyncio.wait([first], timeout=_RESPONDING_CHECK_S))[0]:
            if not ready.client.is_responding and _has_other_engine(engines, ready):
                raise EngineUnavailableError("the engine does not respond")
        return first.result()


async def _next(batches: AsyncGenerator[list[Event], None]) -> list[Event]:
    """Return the next events; none at the end."""
    return await anext(batches, [])


def _has_other_engine(engines: EngineSource, ready: ReadyEngine) -> bool:
    try:
        other = engines.ready()
    except EngineUnavailableError:
        return False
    return other is not ready and other.client.is_responding


async def _wait_until_ready(engines: EngineSource, before: ReadyEngine, error: EngineUnavailableError) -> ReadyEngine:
    """Return the engine once it is ready again; `before` may still count as ready. Raises `error` after `_MAX_WAIT_S`."""
    try:
        async with asyncio.timeout(_MAX_WAIT_S):
            while True:
                await asyncio.sleep(_READY_CHECK_S)  # Its exit is detected slightly later than its calls fail.
                try:
                    ready = engines.ready()
                except EngineUnavailableError:
                    continue
                if ready is not before or await ready.client.healthy():
                    return ready
    except TimeoutError:
        raise error from None


def _choice(request: Request, index: int) -> Request:
    """Return the request for one of its messages, with its own seed: with the same one they would all be the same."""
    values = request.sampling.values
    if not index or "seed" not in values:
        return request
    seeded = {**values, "seed": (int(values["seed"]) + index) % _SEED_COUNT}
    return replace(request, sampling=replace(request.sampling, values=seeded))


def _size(event: Event) -> int:
    if isinstance(event, Logprobs):
        return sum(1 + len(scores.top) for scores, _ in event.positions)
    return 1


def _by_message(batch: list[tuple[int, list[Event]]]) -> list[Numbered]:
    """Return all events as one list, grouped by message and in order."""
    of: dict[int, list[Event]] = {}
    for index, events in batch:
        of.setdefault(index, []).extend(events)
    return [(index, event) for index, events in of.items() for event in joined(events)]
