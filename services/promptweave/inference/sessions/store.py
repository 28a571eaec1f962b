"""Sessions on disk: the engine's saved state of a slot, and a note that describes it.

    FOLDER/<hash of the id>.json         the note, a `SavedSession`
    FOLDER/<hash of the id>-<random>.kv  the state, as the engine wrote it: the keys and values of every token

A note is written when its state is complete, by renaming, so a crash leaves the old state or the new one. Several services
may share a folder. All of this blocks and has to be called in a thread.
"""

import contextlib
import hashlib
import json
import logging
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from promptweave.inference.errors import SessionNotFoundError, SessionUnusableError, StartError

logger = logging.getLogger(__name__)

_LEFTOVER_S = 3600.0
"""A file without a note that is older than this is no longer being written."""
_NAME_LENGTH = 40
_SAMPLES = 64
_SAMPLE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSession:
    """A saved session."""

    id: str
    parent_id: str | None
    tokens: int
    file: str
    """The name of the state file."""
    bytes: int
    sha256: str
    """Of the state. The engine aborts when it reads a truncated one (tried with b11549)."""
    model: str
    """The fingerprint of the model and the engine that it belongs to."""
    last_used: float
    """Seconds of the UNIX epoch. It is the note's modification time, so using a session writes nothing: this needs no disk
    space and cannot overwrite a newer note of another message or service."""


class SessionFiles:
    """The sessions in a folder, and their limits: bytes of all sessions, and seconds since the last use."""

    def __init__(self, folder: Path, model: str, *, max_bytes: int, max_age_s: float) -> None:
        """Create the folder. Raises StartError if that fails."""
        self.folder, self._model = folder, model
        self._max_bytes, self._max_age_s = max_bytes, max_age_s
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._remove_leftovers()
            self.shrink()
        except OSError as error:
            raise StartError(f"cannot store sessions in {folder}: {error.strerror}") from None

    def find(self, session_id: str) -> SavedSession:
        """Return a saved session. Raises SessionNotFoundError."""
        found = _read(self._note(session_id))
        if found is None or time.time() - found.last_used > self._max_age_s:
            raise SessionNotFoundError(f"session {session_id!r} does not exist")
        return found

    def check(self, session: SavedSession) -> None:
        """Raise SessionUnusableError for a state that the engine must not be given."""
        if session.model != self._model:
            raise SessionUnusableError(f"the session {session.id!r} was saved with another model, engine or configuration")
        try:
            with (self.folder / session.file).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            digest = ""
        if digest != session.sha256:
            raise SessionUnusableError(f"the file of the session {session.id!r} is corrupted")

    def hold(self, session: SavedSession) -> SavedSession:
        """Return the session with a second name for its state, which stays when another message replaces the session.

        The caller drops that file. Raises SessionUnusableError if the state no longer exists, and OSError.
        """
        file = self.new_file(session.id)
        self._link(session, file)
        return replace(session, file=file)

    def _link(self, session: SavedSession, file: str) -> None:
        """Give a state another name. State files are never modified, so a link suffices."""
        try:
            os.link(self.folder / session.file, self.folder / file)
        except FileNotFoundError:
            raise SessionUnusableError(f"the file of the session {session.id!r} no longer exists") from None
        except OSError:  # A file system without links.
            shutil.copyfile(self.folder / session.file, self.folder / file)

    def new_file(self, session_id: str) -> str:
        """Return the name of a file for the engine to save into. Raises OSError if it cannot be created."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # It may have been removed.
        return f"{_name(session_id)}-{secrets.token_hex(8)}.kv"

    def keep(self, session_id: str, parent_id: str | None, tokens: int, file: str) -> SavedSession:
        """Adopt a file that the engine wrote as the session's state. Raises OSError."""
        path = self.folder / file
        with path.open("rb") as state:
            digest = hashlib.file_digest(state, "sha256").hexdigest()
            size = os.fstat(state.fileno()).st_size
        old = _read(self._note(session_id))
        kept = SavedSession(
            id=session_id,
            parent_id=old.parent_id if old else parent_id,
            tokens=tokens,
            file=file,
            bytes=size,
            sha256=digest,
            model=self._model,
            last_used=time.time(),
        )
        self._write(kept)
        if old:
            self.drop_file(old.file)
        self.shrink(spared=session_id)
        return kept

    def touch(self, session: SavedSession) -> None:
        """Mark the session as used now."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(self._note(session.id))

    def disown(self, session: SavedSession) -> None:
        """Remove a state that crashed the engine; its note remains, so the session is reported as damaged."""
        self.drop_file(session.file)

    def fork(self, parent_id: str, session_id: str) -> SavedSession:
        """Create a session as a copy of another. Raises SessionNotFoundError and OSError."""
        parent = self.find(parent_id)
        file = self.new_file(session_id)
        old = _read(self._note(session_id))
        forked = replace(parent, id=session_id, parent_id=parent_id, file=file, last_used=time.time())
        try:
            self._link(parent, file)
            self._write(forked)
        except OSError:
            self.drop_file(file)
            raise
        if old:
            self.drop_file(old.file)
        self.shrink(spared=session_id)
        return forked

    def delete(self, session_id: str) -> None:
        """Delete a session. Raises SessionNotFoundError."""
        session = self.find(session_id)
        self._note(session_id).unlink(missing_ok=True)
        self.drop_file(session.file)

    def drop_file(self, file: str) -> None:
        """Remove a state file."""
        (self.folder / file).unlink(missing_ok=True)

    def all(self) -> list[SavedSession]:
        """Return all sessions, most recently used first."""
        oldest = time.time() - self._max_age_s
        return sorted(
            (found for found in self._notes() if found.last_used >= oldest), key=lambda found: (-found.last_used, found.id)
        )

    def shrink(self, spared: str | None = None) -> None:
        """Remove sessions that are too old, and the least recently used beyond the size limit, but never `spared`."""
        now, total = time.time(), 0
        for session in sorted(self._notes(), key=lambda found: (found.id != spared, -found.last_used)):
            total += session.bytes
            too_old = now - session.last_used > self._max_age_s
            if session.id != spared and (too_old or total > self._max_bytes):
                why = "is too old" if too_old else "was least recently used"
                logger.info("removed the session %r, which %s", session.id, why)
                self._note(session.id).unlink(missing_ok=True)
                self.drop_file(session.file)
                total -= session.bytes

    def _note(self, session_id: str) -> Path:
        return self.folder / f"{_name(session_id)}.json"

    def _write(self, session: SavedSession) -> None:
        note = self._note(session.id)
        fresh = note.with_suffix(f".{secrets.token_hex(8)}")
        try:
            fields = asdict(session)
            last_used = fields.pop("last_used")
            fresh.write_text(json.dumps(fields), "utf-8")
            os.utime(fresh, (last_used, last_used))
            fresh.replace(note)
        finally:
            fresh.unlink(missing_ok=True)

    def _notes(self) -> Iterator[SavedSession]:
        for note in self.folder.glob("*.json"):
            if found := _read(note):
                yield found

    def _remove_leftovers(self) -> None:
        """Remove what was being written when a service was killed: states, and notes not yet renamed."""
        named = {session.file for session in self._notes()}
        for path in self.folder.glob(f"{'[0-9a-f]' * _NAME_LENGTH}[.-]*"):
            with contextlib.suppress(FileNotFoundError):
                old = time.time() - path.stat().st_mtime > _LEFTOVER_S
                if old and path.suffix != ".json" and path.name not in named:
                    path.unlink()


def fingerprint(model: Path, *configuration: object) -> str:
    """Return a hash that differs between models and configurations whose states are incompatible.

    It covers the size and samples of the file's contents: hashing all of it takes minutes for a large model.
    Raises OSError.
    """
    digest = hashlib.sha256(repr(configuration).encode())
    with model.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        digest.update(str(size).encode())
        for place in range(_SAMPLES):
            file.seek(size * place // _SAMPLES)
            digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def _name(session_id: str) -> str:
    # An id is untrusted text and must not be used as a file name.
    return hashlib.sha256(session_id.encode()).hexdigest()[:_NAME_LENGTH]


def _read(note: Path) -> SavedSession | None:
    """Return the session of a note. None: the note does not exist, or is not valid."""
    try:
        with note.open(encoding="utf-8") as file:
            return SavedSession(**json.load(file), last_used=os.fstat(file.fileno()).st_mtime)
    except (OSError, ValueError, TypeError):
        return None
