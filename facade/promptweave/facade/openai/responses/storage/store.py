"""The store of responses, with limits on number, size and age.

Each response is stored with all items before it, so that a conversation that continues it stays complete when the response
is deleted or expires.
"""

import json
import logging
import sqlite3
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from promptweave.common.json_object import JsonObject
from promptweave.facade.openai.responses.response.objects import ResponseObject
from promptweave.facade.openai.responses.storage.database import Database, StoreLimits

logger = logging.getLogger(__name__)

_LEVEL = 1
"""The level of compression: events are repetitive, so that more effort hardly saves space."""


@dataclass(frozen=True)
class StoredResponse:
    """A response, and all items before its output, oldest first."""

    response: ResponseObject
    items: list[JsonObject]

    @property
    def conversation(self) -> list[JsonObject]:
        """Return all items, including those of the output."""
        return [*self.items, *cast("list[JsonObject]", self.response["output"])]


class ResponseStore:
    """Responses by id. Each belongs to an owner, and does not exist for others."""

    def __init__(self, file: str | None, limits: StoreLimits, clock: Callable[[], float] = time.time) -> None:
        """Open or create `file`; None: in memory. Raises StoreError."""
        self.database = Database(file, limits, clock)
        self._connection = self.database.connection

    def close(self) -> None:
        """Close the store. Responses in memory are lost."""
        self.database.close()

    @property
    def is_storing(self) -> bool:
        """Return whether responses are stored."""
        return self.database.limits.most > 0

    async def get(self, owner: str, id: str) -> StoredResponse | None:
        """Return a response."""
        return await self.database.run(lambda: self._get(owner, id))

    async def item(self, owner: str, id: str) -> JsonObject | None:
        """Return an item of a stored conversation."""
        return await self.database.run(lambda: self._item(owner, id))

    async def delete(self, owner: str, id: str) -> bool:
        """Delete a response; returns whether it existed."""
        return await self.database.run(lambda: self._delete(owner, id))

    async def events(self, owner: str, id: str) -> bytes | None:
        """Return the events of a response; None if they are not stored."""
        return await self.database.run(lambda: self._events(owner, id))

    async def keep(self, owner: str, kept: StoredResponse, events: bytes = b"") -> bool:
        """Store a response, with the events of its stream. False: it cannot be stored, because of its size or the state of
        the disk. Events that are too large are left out."""
        return await self.database.run(lambda: self._keep(owner, kept, events))

    def _get(self, owner: str, id: str) -> StoredResponse | None:
        row = self._connection.execute(
            "SELECT response, items FROM responses WHERE id = ? AND owner = ? AND created >= ?",
            (id, owner, self.database.oldest()),
        ).fetchone()
        return StoredResponse(json.loads(row[0]), json.loads(row[1])) if row else None

    def _item(self, owner: str, id: str) -> JsonObject | None:
        found = self._connection.execute(
            "SELECT responses.id FROM items JOIN responses ON responses.id = items.response"
            " WHERE items.id = ? AND owner = ? ORDER BY created DESC LIMIT 1",
            (id, owner),
        ).fetchone()
        kept = self._get(owner, found[0]) if found else None
        return next((item for item in kept.conversation if item["id"] == id), None) if kept else None

    def _delete(self, owner: str, id: str) -> bool:
        with self._connection:
            deleted = self._connection.execute("DELETE FROM responses WHERE id = ? AND owner = ?", (id, owner))
        return deleted.rowcount > 0

    def _events(self, owner: str, id: str) -> bytes | None:
        row = self._connection.execute(
            "SELECT events FROM events JOIN responses ON responses.id = events.response"
            " WHERE events.response = ? AND owner = ? AND created >= ?",
            (id, owner, self.database.oldest()),
        ).fetchone()
        return zlib.decompress(row[0]) if row else None

    def _keep(self, owner: str, kept: StoredResponse, events: bytes) -> bool:
        response, items = (json.dumps(value, ensure_ascii=False) for value in (kept.response, kept.items))
        id, size = kept.response["id"], len(response.encode()) + len(items.encode())
        if self.database.limits.most == 0 or size > self.database.limits.bytes:
            return False
        packed = zlib.compress(events, _LEVEL) if events else b""
        if size + len(packed) > self.database.limits.bytes:
            packed = b""
        try:
            with self._connection:
                self._connection.execute(
                    "INSERT INTO responses VALUES (?, ?, ?, ?, ?, ?)",
                    (id, owner, self.database.now(), size + len(packed), response, items),
                )
                self._connection.executemany(
                    "INSERT OR IGNORE INTO items VALUES (?, ?)", [(item["id"], id) for item in kept.conversation]
                )
                if packed:
                    self._connection.execute("INSERT INTO events VALUES (?, ?)", (id, packed))
                self.database.delete_beyond_limits("responses", "created")
        except sqlite3.Error as error:
            logger.error("cannot store a response: %s", error)
            return False
        return True
