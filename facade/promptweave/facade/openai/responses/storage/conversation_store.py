"""The store of conversations: items that several responses share."""

import json
import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from promptweave.common.json_object import JsonObject
from promptweave.facade.openai.responses.response.objects import ConversationObject
from promptweave.facade.openai.responses.storage.database import Database

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredConversation:
    """A conversation and its items, oldest first."""

    conversation: ConversationObject
    items: list[JsonObject]


class ConversationStore:
    """Conversations by id. Each belongs to an owner, and does not exist for others."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection = database.connection

    async def get(self, owner: str, id: str) -> StoredConversation | None:
        """Return a conversation."""
        return await self._database.run(lambda: self._get(owner, id))

    async def create(self, owner: str, stored: StoredConversation) -> bool:
        """Store a new conversation. False: it cannot be stored, because of its size or the state of the disk."""
        return await self._database.run(lambda: self._write(lambda: self._create(owner, stored)))

    async def update(self, owner: str, conversation: ConversationObject) -> bool:
        """Replace the conversation object. False: the conversation does not exist, or becomes too large."""
        return await self._database.run(lambda: self._write(lambda: self._update(owner, conversation)))

    async def append(self, owner: str, id: str, items: Sequence[JsonObject]) -> bool:
        """Add items at the end. False: the conversation does not exist, or becomes too large."""
        return await self._database.run(lambda: self._write(lambda: self._append(owner, id, items)))

    async def delete(self, owner: str, id: str) -> bool:
        """Delete a conversation; returns whether it existed."""
        return await self._database.run(lambda: self._write(lambda: self._delete(owner, id)))

    async def delete_item(self, owner: str, id: str, item: str) -> bool:
        """Delete an item; returns whether it existed."""
        return await self._database.run(lambda: self._write(lambda: self._delete_item(owner, id, item)))

    def _write(self, work: Callable[[], bool]) -> bool:
        """Return the result of `work`, whose changes are undone if it is false."""
        try:
            with self._connection:
                if not work():
                    self._connection.rollback()
                    return False
        except sqlite3.Error as error:
            logger.error("cannot store a conversation: %s", error)
            return False
        return True

    def _get(self, owner: str, id: str) -> StoredConversation | None:
        row = self._connection.execute(
            "SELECT conversation FROM conversations WHERE id = ? AND owner = ? AND changed >= ?",
            (id, owner, self._database.oldest()),
        ).fetchone()
        if row is None:
            return None
        items = self._connection.execute(
            "SELECT item FROM conversation_items WHERE conversation = ? ORDER BY position", (id,)
        ).fetchall()
        return StoredConversation(json.loads(row[0]), [json.loads(item) for (item,) in items])

    def _create(self, owner: str, stored: StoredConversation) -> bool:
        id = stored.conversation["id"]
        text = json.dumps(stored.conversation, ensure_ascii=False)
        self._connection.execute(
            "INSERT INTO conversations VALUES (?, ?, ?, ?, ?)",
            (id, owner, self._database.now(), len(text.encode()), text),
        )
        return self._append(owner, id, stored.items)

    def _update(self, owner: str, conversation: ConversationObject) -> bool:
        text, id = json.dumps(conversation, ensure_ascii=False), conversation["id"]
        self._connection.execute(
            "UPDATE conversations SET bytes = bytes + ? - length(CAST(conversation AS BLOB)), conversation = ?"
            " WHERE id = ? AND owner = ?",
            (len(text.encode()), text, id, owner),
        )
        return self._append(owner, id, [])

    def _append(self, owner: str, id: str, items: Sequence[JsonObject]) -> bool:
        texts = [(item["id"], json.dumps(item, ensure_ascii=False)) for item in items]
        added = sum(len(text.encode()) for _, text in texts)
        limits = self._database.limits
        changed = self._connection.execute(
            "UPDATE conversations SET bytes = bytes + ?, changed = ? WHERE id = ? AND owner = ? AND bytes + ? <= ?",
            (added, self._database.now(), id, owner, added, limits.bytes if limits.most else -1),
        )
        if changed.rowcount == 0:
            return False
        (last,) = self._connection.execute(
            "SELECT coalesce(max(position), -1) FROM conversation_items WHERE conversation = ?", (id,)
        ).fetchone()
        self._connection.executemany(
            "INSERT INTO conversation_items VALUES (?, ?, ?, ?)",
            [(id, place, *text) for place, text in enumerate(texts, last + 1)],
        )
        self._database.delete_beyond_limits("conversations", "changed")
        return True

    def _delete(self, owner: str, id: str) -> bool:
        deleted = self._connection.execute("DELETE FROM conversations WHERE id = ? AND owner = ?", (id, owner))
        return deleted.rowcount > 0

    def _delete_item(self, owner: str, id: str, item: str) -> bool:
        found = self._connection.execute(
            "SELECT position, item FROM conversation_items AS items JOIN conversations"
            " ON conversations.id = items.conversation"
            " WHERE conversations.id = ? AND owner = ? AND items.id = ? ORDER BY position DESC LIMIT 1",
            (id, owner, item),
        ).fetchone()
        if found is None:
            return False
        position, text = found
        self._connection.execute("DELETE FROM conversation_items WHERE conversation = ? AND position = ?", (id, position))
        self._connection.execute("UPDATE conversations SET bytes = bytes - ? WHERE id = ?", (len(text.encode()), id))
        return True
