"""The queue: as many inside as there are slots, the others in order, and none forgotten."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptweave.errors import Code
from promptweave.inference.errors import OverloadedError
from promptweave.inference.scheduling.slot_queue import Caller, SlotQueue

pytestmark = pytest.mark.anyio


class QueuedCall:
    """A call that goes through the queue and stays inside until told to leave."""

    def __init__(self, queue: SlotQueue, priority: int = 0, party: Caller | None = None) -> None:
        self.caller = party or Caller(priority)
        self.inside = False
        self._leave = asyncio.Event()
        self.task = asyncio.create_task(self._run(queue))

    async def _run(self, queue: SlotQueue) -> None:
        async with queue.slot(self.caller):
            self.inside = True
            try:
                await self._leave.wait()
            finally:
                self.inside = False

    def leave(self) -> None:
        self._leave.set()


async def settle() -> None:
    """Lets every task do what it can do now."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_are_inside_than_there_are_slots() -> None:
    queue = SlotQueue(2, 10)
    callers = [QueuedCall(queue) for _ in range(5)]
    for left in range(5):
        await settle()
        assert [caller.inside for caller in callers] == [left <= place < left + 2 for place in range(5)]
        callers[left].leave()
    await settle()
    assert queue.running == 0


@pytest.mark.parametrize(
    ("priorities", "order"),
    [
        pytest.param([0, 0, 0], [0, 1, 2], id="arrival"),
        pytest.param([0, 1, 2], [2, 1, 0], id="priority"),
        pytest.param([-(2**31), 2**31 - 1, 0, 0], [1, 2, 3, 0], id="extremes"),
    ],
)
async def test_order(priorities: list[int], order: list[int]) -> None:
    queue = SlotQueue(1, 10)
    first = QueuedCall(queue)
    await settle()
    callers = [QueuedCall(queue, priority) for priority in priorities]
    await settle()
    first.leave()
    for expected in order:
        await settle()
        assert [caller.inside for caller in callers] == [place == expected for place in range(len(callers))]
        callers[expected].leave()


@pytest.mark.parametrize("max_waiting", [0, 1, 3])
async def test_too_many_are_refused(max_waiting: int) -> None:
    queue = SlotQueue(1, max_waiting)
    callers = [QueuedCall(queue) for _ in range(1 + max_waiting)]
    await settle()
    with pytest.raises(OverloadedError) as raised:
        async with queue.slot(Caller(9)):
            pass
    assert raised.value.code is Code.RESOURCE_EXHAUSTED
    assert raised.value.retry_after_s
    for caller in callers:
        caller.leave()
    await settle()
    async with queue.slot(Caller()):
        pass


async def test_an_error_inside_frees_the_slot() -> None:
    queue = SlotQueue(1, 0)
    for _ in range(3):
        with pytest.raises(KeyError):
            async with queue.slot(Caller()):
                raise KeyError


async def test_cancelled_in_the_moment_in_which_the_slot_comes() -> None:
    queue = SlotQueue(1, 10)
    first, second, third = QueuedCall(queue), QueuedCall(queue), QueuedCall(queue)
    await settle()
    first.leave()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second.task.cancel()
    await settle()
    assert third.inside
    third.leave()
    await settle()
    assert queue.running == 0


async def test_a_call_of_many_messages_lets_the_others_in() -> None:
    queue, many = SlotQueue(2, 10), Caller()
    messages = [QueuedCall(queue, party=many) for _ in range(6)]
    await settle()
    others = [QueuedCall(queue), QueuedCall(queue)]
    await settle()
    assert queue.waiting == 3  # One for each call.
    messages[0].leave()
    await settle()
    # It still holds a slot: who holds none goes first.
    assert [caller.inside for caller in (*messages, *others)] == [False, True, False, False, False, False, True, False]
    messages[1].leave()
    await settle()
    # Now it holds none, and is the first that came.
    assert [caller.inside for caller in (*messages, *others)] == [False, False, True, False, False, False, True, False]
    others[0].leave()
    await settle()
    assert others[1].inside
    for caller in (*messages, *others):
        caller.leave()
        await settle()
    assert queue.running == 0


async def test_what_was_let_in_once_is_not_refused() -> None:
    queue, many = SlotQueue(1, 0), Caller()
    messages = [QueuedCall(queue, party=many) for _ in range(3)]
    for message in messages:
        await settle()
        assert message.inside
        message.leave()
    await settle()
    assert (queue.running, many.held) == (0, 0)


async def test_cancelled_in_the_moment_in_which_another_leaves() -> None:
    """The slot is not for it: it must not be given on by it, either."""
    queue = SlotQueue(1, 10)
    async with queue.slot(Caller()):
        second = QueuedCall(queue)
        await settle()
        second.task.cancel()
        # The slot is left here, before the cancelled one hears of it.
    await settle()
    assert queue.running == 0
    async with queue.slot(Caller()):
        assert queue.running == 1


@given(
    slots=st.integers(1, 3),
    steps=st.lists(st.tuples(st.sampled_from(["come", "join", "leave", "cancel", "run"]), st.integers(-2, 2)), max_size=40),
)
async def test_no_slot_is_lost_or_given_twice(slots: int, steps: list[tuple[str, int]]) -> None:
    queue = SlotQueue(slots, 5)
    callers: list[QueuedCall] = []
    for step, number in steps:
        match step:
            case "come":
                callers.append(QueuedCall(queue, number))
            case "join" if callers:
                callers.append(QueuedCall(queue, party=callers[number % len(callers)].caller))
            case "leave" if callers:
                callers[number % len(callers)].leave()
            case "cancel" if callers:
                callers[number % len(callers)].task.cancel()
            case "run":
                # Not always until nothing moves: the races are in between.
                for _ in range(number + 3):
                    await asyncio.sleep(0)
        assert sum(caller.inside for caller in callers) <= slots
    await settle()
    unfinished = [caller for caller in callers if not caller.task.done()]
    # Nobody waits beside a free slot.
    assert sum(caller.inside for caller in unfinished) == min(slots, len(unfinished))
    for caller in callers:
        caller.leave()
    for caller in callers:
        with suppress(asyncio.CancelledError, OverloadedError):
            await caller.task
    assert (queue.running, queue.waiting) == (0, 0)
