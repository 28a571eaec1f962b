"""The store of responses: who sees what, and what goes when there is too much."""

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptweave.facade.openai.responses.storage.database import StoreError, StoreLimits
from promptweave.facade.openai.responses.storage.store import ResponseStore, StoredResponse

pytestmark = pytest.mark.anyio

MUCH = StoreLimits(most=100, bytes=1_000_000, age_s=1000)
Open = Callable[..., ResponseStore]


@pytest.fixture
def open_store() -> Iterator[Open]:
    """Opens stores, and closes them at the end."""
    opened = []

    def opening(file: str | None = None, limits: StoreLimits = MUCH, **more: Any) -> ResponseStore:
        store = ResponseStore(file, limits, **more)
        opened.append(store)
        return store

    yield opening
    for store in opened:
        store.close()


def kept(name: str, text: str = "é\U0001f600") -> StoredResponse:
    output = [{"id": f"msg_{name}", "type": "message", "text": text}]
    return StoredResponse({"id": f"resp_{name}", "output": output}, [{"id": f"in_{name}", "type": "message"}])


async def test_a_response_comes_back_to_its_owner_alone(open_store: Open) -> None:
    store = open_store()
    assert await store.keep("me", kept("a"))
    assert await store.get("me", "resp_a") == kept("a")
    assert await store.item("me", "msg_a") == kept("a").response["output"][0]
    assert await store.item("me", "in_a") == kept("a").items[0]
    assert await store.get("you", "resp_a") is None
    assert await store.item("you", "msg_a") is None
    assert not await store.delete("you", "resp_a")
    assert await store.delete("me", "resp_a")
    assert not await store.delete("me", "resp_a")
    assert await store.get("me", "resp_a") is None
    assert await store.item("me", "msg_a") is None


async def test_a_file_outlives_the_process_and_is_nobody_elses(open_store: Open, tmp_path: Path) -> None:
    file = tmp_path / "responses.db"
    first = open_store(str(file))
    await first.keep("me", kept("a"))
    assert await open_store(str(file)).get("me", "resp_a") == kept("a")
    await open_store(str(file)).keep("me", kept("b"))
    assert await first.get("me", "resp_b") == kept("b")
    assert {stat.S_IMODE(entry.stat().st_mode) for entry in os.scandir(tmp_path)} == {0o600}


async def test_what_is_old_is_gone(open_store: Open) -> None:
    now = [0.0]
    store = open_store(limits=StoreLimits(100, 10_000, age_s=10), clock=lambda: now[0])
    await store.keep("me", kept("a"))
    now[0] = 10
    assert await store.get("me", "resp_a")
    now[0] = 11
    assert await store.get("me", "resp_a") is None
    assert await store.item("me", "msg_a") is None


async def test_a_response_larger_than_the_store_is_not_kept_and_costs_no_other(open_store: Open) -> None:
    store = open_store(limits=StoreLimits(100, 1000, 10))
    assert await store.keep("me", kept("a"))
    assert not await store.keep("me", kept("b", "x" * 1000))
    assert await store.get("me", "resp_a")
    assert not await open_store(limits=StoreLimits(0, 1000, 10)).keep("me", kept("a"))


async def test_what_the_database_refuses_is_not_kept(open_store: Open, tmp_path: Path) -> None:
    file = str(tmp_path / "responses.db")
    store = open_store(file)
    with sqlite3.connect(file) as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON items BEGIN SELECT RAISE(ABORT, 'full'); END")
    other.close()
    assert not await store.keep("me", kept("a"))
    assert await store.get("me", "resp_a") is None


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(0, 400), max_size=12), most=st.integers(1, 5), size=st.integers(600, 1500))
async def test_the_newest_that_fit_are_kept(open_store: Open, sizes: list[int], most: int, size: int) -> None:
    store = open_store(limits=StoreLimits(most, size, 1000))
    for name, length in enumerate(sizes):
        assert await store.keep("me", kept(str(name), "x" * length))
    there = [name for name in range(len(sizes)) if await store.get("me", f"resp_{name}")]
    assert there == list(range(len(sizes) - len(there), len(sizes)))
    assert len(there) <= most
    assert bool(there) == bool(sizes)


def test_a_file_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as database:
        database.execute("PRAGMA user_version = 7")
    database.close()
    text = tmp_path / "text"
    text.write_text("no database, but a text that is long enough to look like one at first sight" * 20)
    for file, why in ((foreign, "another version"), (text, "not a database"), (tmp_path / "no" / "folder", "No such file")):
        with pytest.raises(StoreError, match=why):
            ResponseStore(str(file), MUCH)
