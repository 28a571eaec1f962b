"""The SQLite database of stored responses and conversations, in memory or in a file.

A single thread does all the work, so each step is atomic; several processes may share a file.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

Result = TypeVar("Result")

_BUSY_S = 5.0
"""How long another process may lock the file."""

_RESPONSES = """
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
_CONVERSATIONS = """
    CREATE TABLE conversations (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        changed REAL NOT NULL,       -- seconds of the UNIX epoch
        bytes INTEGER NOT NULL,      -- size of the conversation object and its items
        conversation TEXT NOT NULL   -- JSON: the conversation object
    );
    CREATE INDEX conversations_by_age ON conversations (changed, bytes);
    CREATE TABLE conversation_items (
        conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        id TEXT NOT NULL,
        item TEXT NOT NULL,          -- JSON
        PRIMARY KEY (conversation, position)
    ) WITHOUT ROWID;
"""
_EVENTS = """
    CREATE TABLE events (
        response TEXT PRIMARY KEY REFERENCES responses (id) ON DELETE CASCADE,
        events BLOB NOT NULL         -- the events of its stream, compressed with zlib
    ) WITHOUT ROWID;
"""
_VERSIONS = (_RESPONSES, _CONVERSATIONS, _EVENTS)
"""What each version of the schema adds."""


class StoreError(Exception):
    """The file cannot be used. The text is for the operator."""


@dataclass(frozen=True)
class StoreLimits:
    """Limits of the responses, and of the conversations. The oldest are removed first."""

    most: int
    """Number of responses; 0 stores none."""
    bytes: int
    """Size of all of them together."""
    age_s: float


class Database:
    """An open database. `limits` are those of each table."""

    def __init__(self, file: str | None, limits: StoreLimits, clock: Callable[[], float] = time.time) -> None:
        """Open or create `file`; None: in memory. Raises StoreError."""
        self.limits = limits
        self.now = clock
        try:
            if file is not None:
                # Other users of this machine must not read conversations.
                os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
            self.connection = sqlite3.connect(file or ":memory:", timeout=_BUSY_S, check_same_thread=False)
            self._prepare(file)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"--responses-store {file}: cannot store responses: {error}; use another file") from None
        self._thread = ThreadPoolExecutor(1, "responses-store")

    def _prepare(self, file: str | None) -> None:
        self.connection.execute("PRAGMA foreign_keys = ON")
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.execute("PRAGMA secure_delete = ON")  # Deleted data is overwritten.
        with self.connection:
            self.connection.execute("BEGIN IMMEDIATE")
            (version,) = self.connection.execute("PRAGMA user_version").fetchone()
            for schema in _VERSIONS[version:]:
                for statement in schema.split(";"):
                    self.connection.execute(statement)
            if version < len(_VERSIONS):
                self.connection.execute(f"PRAGMA user_version = {len(_VERSIONS)}")
        if version > len(_VERSIONS):
            raise StoreError(f"--responses-store {file}: created by another version of promptweave; use another file")

    async def run(self, work: Callable[[], Result]) -> Result:
        """Return the result of `work`, which runs in the thread that may use the connection."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def delete_beyond_limits(self, table: str, age: str) -> None:
        """Delete the rows of a table that are too old, and the oldest of too many. `age`: the column with their time."""
        self.connection.execute(
            f"""
            DELETE FROM {table} WHERE {age} < :oldest OR rowid IN (
                SELECT rowid FROM (
                    SELECT rowid, row_number() OVER newest AS number, sum(bytes) OVER newest AS size FROM {table}
                    WINDOW newest AS (ORDER BY {age} DESC, rowid DESC)
                ) WHERE number > :most OR size > :bytes
            )
            """,  # noqa: S608 - both names are constants
            {"oldest": self.oldest(), "most": self.limits.most, "bytes": self.limits.bytes},
        )

    def oldest(self) -> float:
        """Return the time before which what was stored has expired."""
        return self.now() - self.limits.age_s

    def close(self) -> None:
        """Close the database. What is in memory is lost."""
        self._thread.shutdown()
        self.connection.close()
