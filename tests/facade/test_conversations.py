"""`/v1/conversations`, and responses that continue one."""

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from promptweave.facade.openai.responses.response.objects import ConversationObject
from promptweave.facade.openai.responses.storage.conversation_store import ConversationStore, StoredConversation
from promptweave.facade.openai.responses.storage.database import Database, StoreLimits
from tests.support.facade.openai_errors import check
from tests.support.serving import Serving

USER: Any = {"role": "user", "content": "hi"}


@pytest.fixture(scope="module")
def client(served: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as found:
        yield found


def test_a_conversation_and_its_items(client: openai.OpenAI) -> None:
    conversation = client.conversations.create(items=[USER], metadata={"a": "b"})
    id = conversation.id
    assert client.conversations.retrieve(id) == conversation
    changed = client.conversations.update(id, metadata={"c": "d"})
    assert client.conversations.retrieve(id) == changed
    assert changed.metadata == {"c": "d"}
    added = client.conversations.items.create(id, items=[{"role": "assistant", "content": "hello"}, USER])
    assert [item.type for item in added.data] == ["message", "message"]
    listed = [*client.conversations.items.list(id, order="asc", limit=2)]
    assert [item.role for item in listed if item.type == "message"] == ["user", "assistant", "user"]
    assert listed[0].id
    assert client.conversations.items.retrieve(listed[0].id, conversation_id=id) == listed[0]
    assert client.conversations.items.delete(listed[0].id, conversation_id=id) == changed
    assert len([*client.conversations.items.list(id)]) == 2
    assert client.conversations.delete(id).deleted
    for gone in (client.conversations.retrieve, client.conversations.delete, client.conversations.items.list):
        with pytest.raises(openai.NotFoundError):
            gone(id)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_responses_continue_it(client: openai.OpenAI, stream: bool) -> None:
    id = client.conversations.create(items=[USER]).id
    request: dict[str, Any] = {"model": "demo", "max_output_tokens": 8, "stream": stream}

    def response(**fields: Any) -> openai.types.responses.Response:
        made = client.responses.create(**request, **fields)
        if not stream:
            return made  # type: ignore[no-any-return]
        *_, last = made
        return last.response  # type: ignore[no-any-return]

    first = response(input="and?", conversation=id)
    assert first.conversation
    assert first.conversation.id == id
    second = response(input="so?", conversation={"id": id}, store=False)
    assert [second.usage and first.usage and second.usage.input_tokens > first.usage.input_tokens] == [True]
    roles = [item.role for item in client.conversations.items.list(id, order="asc") if item.type == "message"]
    assert roles == ["user", "user", "assistant", "user", "assistant"]
    # An item of the conversation can be referred to.
    last = next(iter(client.conversations.items.list(id)))
    response(input=[{"type": "item_reference", "id": last.id}], conversation=id)


def test_errors_name_the_place(served: Serving) -> None:
    with httpx.Client(base_url=served.url, timeout=60) as http:
        check(http.post("/conversations", json={"items": [{"role": 3}]}), 400, "items[0].role", None)
        items = [{"type": "item_reference", "id": "msg_nowhere"}]
        check(http.post("/conversations", json={"items": items}), 404, "items[0].id", None)
        check(http.post("/conversations", json={"metadata": {"a": 1}}), 400, "metadata.a", None)
        id = http.post("/conversations", json={}).json()["id"]
        for limit in ("0", "9" * 5000, "²"):
            check(http.get(f"/conversations/{id}/items", params={"limit": limit}), 400, "limit", None)
        for method in ("GET", "DELETE"):
            check(http.request(method, f"/conversations/{id}/items/msg_1"), 404, None, None)


def test_what_is_changed_or_has_no_effect_is_a_warning(served: Serving) -> None:
    with httpx.Client(base_url=served.url, timeout=60) as http:
        body = '{"items": [{"role": "user", "content": "\\ud83d"}, {"type": "dream"}], "metdata": {"a": "b"}}'
        made = http.post("/conversations", content=body)
        assert made.headers["x-promptweave-warnings"] == "3"
        given = {(warning["code"], warning["path"]) for warning in made.json()["warnings"]}
        assert given == {("text_repaired", "/items/0/content"), ("unknown_field", "/metdata"), ("item_left_out", "/items/1")}
        url = f"/conversations/{made.json()['id']}"
        assert "warnings" not in http.get(url).json()
        message, _ = http.get(f"{url}/items", params={"order": "asc"}).json()["data"]
        assert message["content"][0]["text"] == "\ufffd"
        for path in (url, f"{url}/items"):
            (warning,) = http.post(path, json={"items": [], "metadata": {}, "x": 1}).json()["warnings"][-1:]
            assert (warning["code"], warning["path"]) == ("unknown_field", "/x")


@pytest.mark.parametrize("id", [5, 10**30, {}, [1]])
def test_an_id_that_is_no_text_is_replaced(served: Serving, id: Any) -> None:
    with httpx.Client(base_url=served.url, timeout=60) as http:
        conversation = http.post("/conversations", json={"items": [{"type": "dream", "id": id}]}).json()["id"]
        (item,) = http.get(f"/conversations/{conversation}/items").json()["data"]
        assert http.get(f"/conversations/{conversation}/items/{item['id']}").json() == item


# -- the store --

pytestmark = pytest.mark.anyio


def stored(name: str, *texts: str) -> StoredConversation:
    items = [{"id": f"msg_{place}", "text": text} for place, text in enumerate(texts)]
    return StoredConversation({"id": name, "object": "conversation", "created_at": 1, "metadata": {}}, items)


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def store(now: list[float]) -> Iterator[ConversationStore]:
    database = Database(None, StoreLimits(most=2, bytes=400, age_s=10), lambda: now[0])
    yield ConversationStore(database)
    database.close()


async def test_a_conversation_belongs_to_its_owner(store: ConversationStore) -> None:
    assert await store.create("me", stored("a", "x"))
    assert await store.get("me", "a") == stored("a", "x")
    assert await store.get("you", "a") is None
    assert not await store.append("you", "a", stored("a", "y").items)
    assert not await store.update("you", stored("a").conversation)
    assert not await store.delete_item("you", "a", "msg_0")
    assert not await store.delete("you", "a")
    assert await store.get("me", "a") == stored("a", "x")


async def test_the_oldest_go_first(store: ConversationStore, now: list[float]) -> None:
    for time, name in enumerate("abc"):
        now[0] = time
        assert await store.create("me", stored(name, "x"))
    assert [name for name in "abc" if await store.get("me", name)] == ["b", "c"]
    now[0] = 11
    assert await store.append("me", "c", stored("c", "y").items)
    now[0] = 12
    assert [name for name in "abc" if await store.get("me", name)] == ["c"]


async def test_a_conversation_that_is_too_large_stays_as_it_is(store: ConversationStore) -> None:
    assert await store.create("me", stored("a", "x" * 100))
    assert not await store.append("me", "a", stored("a", "y" * 300).items)
    assert await store.get("me", "a") == stored("a", "x" * 100)
    assert not await store.create("me", stored("b", "x" * 400))
    assert await store.get("me", "b") is None
    # What is deleted makes room.
    assert await store.delete_item("me", "a", "msg_0")
    assert await store.append("me", "a", stored("a", "y" * 200).items)


async def test_metadata_counts(store: ConversationStore) -> None:
    small: ConversationObject = {**stored("a").conversation, "metadata": {"a": "b"}}
    large: ConversationObject = {**small, "metadata": {"a": "é" * 300}}
    assert not await store.create("me", StoredConversation(large, []))
    assert await store.create("me", StoredConversation(small, stored("a", "x").items))
    for _ in range(5):
        assert await store.update("me", small)
    assert not await store.update("me", large)
    assert await store.get("me", "a") == StoredConversation(small, stored("a", "x").items)
    assert await store.append("me", "a", stored("a", "y" * 200).items)
    assert not await store.append("me", "a", stored("a", "y" * 200).items)
