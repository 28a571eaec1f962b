"""The store of responses: SQLite, in memory or in a file, with limits on number, size and age.

Each response is stored with all items before it, so that a conversation that continues it stays complete when the response
is deleted or expires. A single thread does all the work, so each method is atomic; several processes may share a file.
"""

import asyncio
import json
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar, cast

from promptweave.common.json_object import JsonObject
from promptweave.facade.openai.responses.objects import ResponseObject

Result = TypeVar("Result")

logger = logging.getLogger(__name__)

_VERSION = 1
_BUSY_S = 5.0
"""How long another process may lock the file."""

_SCHEMA = """
    CREATE TABLE responses (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        created REAL NOT NULL,   -- seconds of the UNIX epoch
        bytes INTEGER NOT NULL,
        response TEXT NOT NULL,  -- JSON: the response object
        items TEXT NOT NULL      -- JSON: all items before its output
    );
    CREATE INDEX responses_by_age ON responses (created, bytes);
    CREATE TABLE items (
        id TEXT NOT NULL,
        response TEXT NOT NULL REFERENCES responses (id) ON DELETE CASCADE,
        PRIMARY KEY (id, response)
    ) WITHOUT ROWID;
    CREATE INDEX items_by_response ON items (response);
"""
_BEYOND_LIMITS = """
    DELETE FROM responses WHERE created < :oldest OR rowid IN (
        SELECT rowid FROM (
            SELECT rowid, row_number() OVER newest AS number, sum(bytes) OVER newest AS size FROM responses
            WINDOW newest AS (ORDER BY created DESC, rowid DESC)
        ) WHERE number > :most OR size > :bytes
    )
"""


class StoreError(Exception):
    """The file cannot be used. The text is for the operator."""


@dataclass(frozen=True)
class StoreLimits:
    """Limits of the store. The oldest responses are removed first."""

    most: int
    """Number of responses; 0 stores none."""
    bytes: int
    """Size of all of them together."""
    age_s: float


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
        self._limits, self._clock = limits, clock
        try:
            if file is not None:
                # Other users of this machine must not read conversations.
                os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
            self._database = sqlite3.connect(file or ":memory:", timeout=_BUSY_S, check_same_thread=False)
            self._prepare(file)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"--responses-store {file}: cannot store responses: {error}; use another file") from None
        self._thread = ThreadPoolExecutor(1, "responses-store")

    def _prepare(self, file: str | None) -> None:
        self._database.execute("PRAGMA foreign_keys = ON")
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute("PRAGMA secure_delete = ON")  # Deleted data is overwritten.
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    self._database.execute(statement)
                self._database.execute(f"PRAGMA user_version = {_VERSION}")
        if version not in (0, _VERSION):
            raise StoreError(f"--responses-store {file}: created by another version of promptweave; use another file")

    def close(self) -> None:
        """Close the store. Responses in memory are lost."""
        self._thread.shutdown()
        self._database.close()

    async def get(self, owner: str, id: str) -> StoredResponse | None:
        """Return a response."""
        return await self._run(lambda: self._get(owner, id))

    async def item(self, owner: str, id: str) -> JsonObject | None:
        """Return an item of a stored conversation."""
        return await self._run(lambda: self._item(owner, id))

    async def delete(self, owner: str, id: str) -> bool:
        """Delete a response; returns whether it existed."""
        return await self._run(lambda: self._delete(owner, id))

    async def keep(self, owner: str, kept: StoredResponse) -> bool:
        """Store a response. False: it cannot be stored, because of its size or the state of the disk."""
        return await self._run(lambda: self._keep(owner, kept))

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _get(self, owner: str, id: str) -> StoredResponse | None:
        row = self._database.execute(
            "SELECT response, items FROM responses WHERE id = ? AND owner = ? AND created >= ?", (id, owner, self._oldest())
        ).fetchone()
        return StoredResponse(json.loads(row[0]), json.loads(row[1])) if row else None

    def _item(self, owner: str, id: str) -> JsonObject | None:
        found = self._database.execute(
            "SELECT responses.id FROM items JOIN responses ON responses.id = items.response"
            " WHERE items.id = ? AND owner = ? ORDER BY created DESC LIMIT 1",
            (id, owner),
        ).fetchone()
        kept = self._get(owner, found[0]) if found else None
        return next((item for item in kept.conversation if item["id"] == id), None) if kept else None

    def _delete(self, owner: str, id: str) -> bool:
        with self._database:
            deleted = self._database.execute("DELETE FROM responses WHERE id = ? AND owner = ?", (id, owner))
        return deleted.rowcount > 0

    def _keep(self, owner: str, kept: StoredResponse) -> bool:
        response, items = (json.dumps(value, ensure_ascii=False) for value in (kept.response, kept.items))
        id, size = kept.response["id"], len(response.encode()) + len(items.encode())
        if self._limits.most == 0 or size > self._limits.bytes:
            return False
        limits = {"oldest": self._oldest(), "most": self._limits.most, "bytes": self._limits.bytes}
        try:
            with self._database:
                self._database.execute(
                    "INSERT INTO responses VALUES (?, ?, ?, ?, ?, ?)", (id, owner, self._clock(), size, response, items)
                )
                self._database.executemany(
                    "INSERT OR IGNORE INTO items VALUES (?, ?)", [(item["id"], id) for item in kept.conversation]
                )
                self._database.execute(_BEYOND_LIMITS, limits)
        except sqlite3.Error as error:
            logger.error("cannot store a response: %s", error)
            return False
        return True

    def _oldest(self) -> float:
        return self._clock() - self._limits.age_s
