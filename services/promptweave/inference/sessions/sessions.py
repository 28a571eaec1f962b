"""Sessions: a conversation continues where the engine left it, in any slot, and after a restart.

A session is a cache: the prompt of every request is complete, and the part that a session holds need not be evaluated again.
So a state that is lost, damaged or of another model costs time, but never changes the output.

The state is saved after each message, before the slot is given to another request.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar
from weakref import WeakValueDictionary

from promptweave.inference.client.llama_client import EngineClient, Slot
from promptweave.inference.errors import (
    EngineAwayError,
    EngineFailedError,
    EngineUnavailableError,
    InferenceError,
    OverloadedError,
    RequestError,
    SessionNotFoundError,
    SessionUnusableError,
    UnsupportedError,
)
from promptweave.inference.sessions.store import SavedSession, SessionFiles

logger = logging.getLogger(__name__)

MAX_ID_LENGTH = 256
_MAX_WAITING = 16
"""Queued requests for one session. They are not in the engine's queue, which has its own bound."""
ANY_SLOT = -1
"""The engine chooses the slot with the most similar prompt, or the least recently used one."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class SessionRef:
    """The session that a message belongs to, and the one it starts from if it is new."""

    id: str
    parent_id: str | None = None

    def __post_init__(self) -> None:
        """Raise RequestError for an id of invalid length."""
        for field, value in (("session_id", self.id), ("parent_session_id", self.parent_id)):
            if value is not None and not 1 <= len(value) <= MAX_ID_LENGTH:
                raise RequestError(
                    f"{field} has {len(value)} characters; it must have 1 to {MAX_ID_LENGTH}", path=f"/{field}"
                )


class Sessions:
    """The sessions of one engine, in one run of it."""

    def __init__(self, client: EngineClient, files: SessionFiles) -> None:
        self._client, self._files = client, files
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        # Slot → the session that it holds, and the task that left it there: a slot that has run another task since then
        # holds something else. In order of use.
        self._residents: dict[int, tuple[str, int]] = {}
        self._in_use: set[int] = set()
        self._waiting: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        """Return the number of requests that are queued for a session."""
        return self._waiting.total()

    @asynccontextmanager
    async def alone(self, session_id: str) -> AsyncIterator[None]:
        """Hold a session exclusively: operations on one session are serialized. Raises OverloadedError.

        To be entered before waiting for an engine slot: the holder of an engine slot never waits for a session.
        """
        if self._waiting[session_id] >= _MAX_WAITING:
            raise OverloadedError(
                f"{_MAX_WAITING} requests are already queued for the session {session_id!r}; retry later", retry_after_s=1.0
            )
        async with AsyncExitStack() as stack:
            self._waiting[session_id] += 1
            try:
                await stack.enter_async_context(self._locks.setdefault(session_id, asyncio.Lock()))
            finally:
                self._waiting[session_id] -= 1
                self._waiting += Counter()  # Drops those without queued requests.
            yield

    @asynccontextmanager
    async def slot_for(self, ref: SessionRef) -> AsyncIterator[int]:
        """Reserve a slot to generate in, which holds as much of the session as exists. Raises SessionNotFoundError.

        The caller must hold an engine slot, which guarantees an idle slot.
        """
        saved = await self._saved(ref)
        idle = await self._idle()
        if not idle:  # A request without a session was faster.
            yield ANY_SLOT
            return
        resident = self._resident([ref.id, *([saved.id] if saved else [])], idle)
        slot = self._spare(idle) if resident is None else resident
        with self._reserved(slot):
            if saved and resident is None:
                try:
                    await self._restore(saved, slot)
                except SessionUnusableError as error:
                    logger.warning("%s; reevaluating it", error.message)
            yield slot.id

    async def save(self, ref: SessionRef, slot: int) -> SavedSession | None:
        """Save what the slot holds now as the session. None: that failed and was logged; the message is complete."""
        file = ""
        try:
            file = await asyncio.to_thread(self._files.new_file, ref.id)
            tokens = await self._client.save_slot(slot, file)
            saved = await asyncio.to_thread(self._files.keep, ref.id, ref.parent_id, tokens, file)
        except (InferenceError, OSError) as error:
            why = error.message if isinstance(error, InferenceError) else error.strerror
            logger.error("cannot save the session %r: %s", ref.id, why)
            if file:
                with suppress(OSError):
                    await asyncio.to_thread(self._files.drop_file, file)
            return None
        self._residents.pop(slot, None)
        with suppress(InferenceError):  # It may die after saving.
            tasks = {one.id: one.task for one in await self._client.slots()}
            self._residents[slot] = (ref.id, tasks.get(slot, 0))
        return saved

    async def restore(self, session_id: str) -> SavedSession:
        """Load a session into a slot. Raises SessionNotFoundError and SessionUnusableError.

        The caller must hold the session (`alone`) and an engine slot.
        """
        saved = await self._find(session_id)
        idle = await self._idle()
        if not idle:
            raise OverloadedError("no idle slot to load the session into", retry_after_s=1.0)
        if self._resident([session_id], idle) is None:
            slot = self._spare(idle)
            with self._reserved(slot):
                await self._restore(saved, slot)
        return saved

    async def find(self, session_id: str) -> SavedSession:
        """Return a saved session. Raises SessionNotFoundError."""
        async with self.alone(session_id):
            return await self._find(session_id)

    async def fork(self, parent_id: str, session_id: str) -> SavedSession:
        """Create a session as a copy of another. Raises SessionNotFoundError."""
        SessionRef(session_id, parent_id)
        if parent_id == session_id:
            raise RequestError("a session cannot be forked from itself", path="/id")
        async with AsyncExitStack() as stack:
            # Always in the same order: two sessions that are forked from each other would deadlock.
            for one in sorted((parent_id, session_id)):
                await stack.enter_async_context(self.alone(one))
            return await self._on_disk(lambda: self._files.fork(parent_id, session_id))

    async def delete(self, session_id: str) -> None:
        """Delete a session. Raises SessionNotFoundError."""
        async with self.alone(session_id):
            await self._on_disk(lambda: self._files.delete(session_id))
            self._residents = {slot: held for slot, held in self._residents.items() if held[0] != session_id}

    async def all(self) -> list[SavedSession]:
        """Return all sessions, most recently used first."""
        return await self._on_disk(self._files.all)

    @contextmanager
    def _reserved(self, slot: Slot) -> Iterator[None]:
        self._in_use.add(slot.id)
        try:
            yield
        finally:
            self._in_use.discard(slot.id)

    async def _idle(self) -> list[Slot]:
        return [slot for slot in await self._client.slots() if not slot.processing and slot.id not in self._in_use]

    def _resident(self, session_ids: list[str], idle: list[Slot]) -> Slot | None:
        """Return the slot that still holds one of these sessions, preferring earlier ones."""
        tasks = {(name, slot.task): slot for name in session_ids for slot in idle}
        return next((slot for held, slot in tasks.items() if self._residents.get(slot.id) == held), None)

    def _spare(self, idle: list[Slot]) -> Slot:
        """Return a slot without a session, or else the one whose session is least recently used."""
        order = list(self._residents)
        return min(idle, key=lambda slot: order.index(slot.id) if slot.id in order else -1)

    async def _saved(self, ref: SessionRef) -> SavedSession | None:
        """Return the saved session, or its parent if it is new."""
        try:
            return await self._find(ref.id)
        except SessionNotFoundError:
            if ref.parent_id is None:
                return None
        try:
            return await self._find(ref.parent_id)
        except SessionNotFoundError as error:
            error.path = "/parent_session_id"
            raise

    async def _find(self, session_id: str) -> SavedSession:
        return await self._on_disk(lambda: self._files.find(session_id))

    async def _restore(self, saved: SavedSession, slot: Slot) -> None:
        """Load a state into a slot. Raises SessionUnusableError."""
        held = await self._hold(saved)
        try:
            await self._on_disk(lambda: self._files.check(held))
            self._residents.pop(slot.id, None)
            await self._load(saved, held.file, slot)
        finally:
            await self._on_disk(lambda: self._files.drop_file(held.file))
        self._residents[slot.id] = (saved.id, slot.task)
        await self._on_disk(lambda: self._files.touch(saved))

    async def _hold(self, saved: SavedSession) -> SavedSession:
        """Return the session with a state that stays. A message of the session itself may have replaced the one found."""
        try:
            return await self._on_disk(lambda: self._files.hold(saved))
        except SessionUnusableError:
            found = await self._find(saved.id)
            if found.file == saved.file:
                raise
            return await self._on_disk(lambda: self._files.hold(found))

    async def _load(self, saved: SavedSession, file: str, slot: Slot) -> None:
        try:
            await self._client.restore_slot(slot.id, file)
        except RequestError as error:
            raise SessionUnusableError(f"the engine cannot load the session {saved.id!r}: {error.message}") from None
        except EngineAwayError:
            raise
        except EngineUnavailableError:
            # Loading may have crashed it, and would again for each message.
            await self._on_disk(lambda: self._files.disown(saved))
            raise

    async def _on_disk(self, work: Callable[[], Result]) -> Result:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            raise EngineFailedError(f"cannot store sessions in {self._files.folder}: {error.strerror}") from None


class SessionLease:
    """A message, and the session that it belongs to, if any."""

    def __init__(self, sessions: Sessions | None, ref: SessionRef | None) -> None:
        self._sessions, self._ref = sessions, ref

    @classmethod
    @asynccontextmanager
    async def taken(cls, sessions: Sessions | None, ref: SessionRef | None) -> AsyncIterator["SessionLease"]:
        """Wait until no other message of the session is being generated. Raises UnsupportedError."""
        if ref is None:
            yield cls(None, None)
            return
        if sessions is None:
            raise UnsupportedError(
                "sessions are not enabled; they require a managed engine and --session-dir", path="/session_id"
            )
        async with sessions.alone(ref.id):
            yield cls(sessions, ref)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[int]:
        """Reserve the slot to generate in; save the session if the block ends without an exception.

        The caller must hold an engine slot.
        """
        if self._sessions is None or self._ref is None:
            yield ANY_SLOT
            return
        async with self._sessions.slot_for(self._ref) as slot:
            yield slot
            if slot != ANY_SLOT:
                # A task of its own, which outlives a cancellation: the caller may end the call after the last event.
                saving = asyncio.ensure_future(self._sessions.save(self._ref, slot))
                try:
                    await asyncio.shield(saving)
                except asyncio.CancelledError:
                    await saving
                    raise
