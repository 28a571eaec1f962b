"""Whether an engine can write answers in rounds is tried when it is ready: real ones can, and others are told why not."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from promptweave.inference.client.llama_client import EngineClient
from promptweave.inference.engine.engine import ReadyEngine
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.engine.rounds import Rounds, try_rounds
from promptweave.inference.engine.vocabulary import learn_vocabulary
from promptweave.inference.errors import EngineFailedError

pytestmark = pytest.mark.anyio

Change = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@pytest.fixture
def ready(engine: Supervisor) -> ReadyEngine:
    return engine.ready()


def completing(monkeypatch: pytest.MonkeyPatch, body: Change = dict, *, tokens: bool = True) -> None:
    """An engine that is asked for something else, or that does not tell tokens."""
    complete = EngineClient.complete

    @asynccontextmanager
    async def changed(client: EngineClient, asked: Mapping[str, Any]) -> AsyncIterator[Any]:
        async with complete(client, body(asked)) as batches:
            yield batches if tokens else ([replace(chunk, token=None) for chunk in batch] async for batch in batches)

    monkeypatch.setattr(EngineClient, "complete", changed)


async def test_a_real_engine_can(ready: ReadyEngine) -> None:
    assert ready.rounds == Rounds(append=True, sample=True)
    assert await try_rounds(ready.client, ready.model_info, fast_forward=False) == Rounds(append=False, sample=True)


async def test_where_the_tokens_texts_are_not_known(ready: ReadyEngine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert await try_rounds(ready.client, replace(ready.model_info, token_texts=None), fast_forward=True) == Rounds()
    assert "the server does not report the texts of its tokens" in caplog.text
    assert await try_rounds(ready.client, replace(ready.model_info, separator=(1,)), fast_forward=True) == Rounds()
    assert "adds a space before every text" in caplog.text


async def test_an_engine_that_forgets(
    ready: ReadyEngine, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    completing(monkeypatch, lambda asked: {**asked, "cache_prompt": False})
    # The words stay the same: what would be appended is sampled.
    assert await try_rounds(ready.client, ready.model_info, fast_forward=True) == Rounds(append=False, sample=True)
    assert "reevaluates the complete prompt" in caplog.text


async def test_an_engine_that_does_not_tell_tokens(
    ready: ReadyEngine, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    completing(monkeypatch, tokens=False)
    assert await try_rounds(ready.client, ready.model_info, fast_forward=True) == Rounds()
    assert "does not support grammars of token ids" not in caplog.text
    assert "does not report the tokens" in caplog.text


async def test_an_engine_without_grammars_of_tokens(ready: ReadyEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def older(asked: Mapping[str, Any]) -> Mapping[str, Any]:
        if "<[" in asked.get("grammar", ""):
            raise EngineFailedError("the engine failed: Failed to parse grammar")
        return asked

    completing(monkeypatch, older)
    assert await try_rounds(ready.client, ready.model_info, fast_forward=True) == Rounds(append=True, sample=False)


async def test_the_texts_of_all_tokens(ready: ReadyEngine) -> None:
    facts, client = ready.model_info, ready.client
    found = await learn_vocabulary(client, facts.vocabulary, facts.eos)
    assert found
    assert facts.vocabulary
    for text in ("hello", '{"a": "/b"}', facts.eos, "\n"):
        tokens = await client.tokenize(text, parse_special=True, add_special=False)
        assert "".join(found.text(token) or "?" for token in tokens) == text
    assert await learn_vocabulary(client, facts.vocabulary, "no special token") is None
    assert await learn_vocabulary(client, None, facts.eos) is None
