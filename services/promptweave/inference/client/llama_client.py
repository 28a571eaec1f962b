"""The part of the engine's HTTP API that promptweave uses (builds b11434 to b11549).

/completion, /tokenize, /detokenize, /v1/embeddings, /rerank, /props, /slots, /v1/models, /health.

Nulls are never sent: beside `json_schema` a null `grammar` means "no grammar". `json_schema` is never sent at all.
"""

import base64
import json
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse
from yarl import URL

from promptweave.common.json_object import JsonObject
from promptweave.inference.client.counts import Counts
from promptweave.inference.client.error_mapping import from_response, unexpected_response, unreachable
from promptweave.inference.client.http_client import BROKEN, SMALL_CALL_S, HttpClient
from promptweave.inference.errors import EngineAwayError, EngineFailedError, EngineUnavailableError


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible token, with the natural logarithm of its probability before grammar, biases and samplers."""

    token: int
    text: bytes
    logprob: float


@dataclass(frozen=True, slots=True)
class Scores:
    """The token that was chosen, and the likeliest ones, best first."""

    chosen: Candidate
    top: tuple[Candidate, ...]
    tokens: int = 1
    """The number of tokens that the text of `chosen` consists of."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One event of a completion: usually one token; the last one has no token, but `stop_type`.

    Tokens that end inside a character have no chunk of their own. The one that completes it has the text of all of them,
    also in `scores`, and is the only one whose id and scores are reported.
    """

    text: str
    counts: Counts
    stop_type: str | None = None
    """In the last chunk: `eos`, `word`, `limit` or `none`."""
    token: int | None = None
    scores: Scores | None = None
    """If `n_probs` requested them."""
    stopping_word: str = ""
    """The stop string that ended the completion, which is not part of its text."""


Batches = AsyncGenerator[list[Chunk], None]
"""Chunks, in batches of those that are ready together."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The state of one of the engine's slots."""

    id: int
    processing: bool
    task: int
    """The id of its current or last task; -1: none."""
    tokens: int
    """Number of tokens that it holds."""
    context_size: int
    """Number of tokens that it can hold."""


class EngineClient(HttpClient):
    """Client of one engine. Raises EngineUnavailableError for transport errors; maps the engine's own errors."""

    def __init__(self, url: str, *, api_key: str | None = None, socket: str | None = None) -> None:
        """Set the server. `socket`: the path of a UNIX socket to connect to, whatever host `url` names."""
        if api_key:
            # Credentials in the URL would be a second authorization.
            super().__init__(str(URL(url).with_user(None)), headers={"Authorization": f"Bearer {api_key}"}, socket=socket)
        else:
            super().__init__(url, socket=socket)

    async def props(self, *, timeout_s: float = SMALL_CALL_S) -> JsonObject:
        """Return the properties of the server and the model."""
        return await self._call("GET", "/props", timeout_s=timeout_s)

    async def models(self) -> JsonObject:
        """Return the list of models, in OpenAI's format."""
        return await self._call("GET", "/v1/models")

    async def tokenize(self, text: str, *, parse_special: bool, add_special: bool) -> list[int]:
        """Return token ids. `parse_special`: special tokens in the text are parsed as such; `add_special`: with BOS."""
        body = {"content": text, "parse_special": parse_special, "add_special": add_special}
        tokens: list[int] = (await self._call("POST", "/tokenize", body))["tokens"]
        return tokens

    async def tokenize_in_pieces(self, text: str, *, parse_special: bool, add_special: bool) -> list[tuple[int, bytes]]:
        """Return token ids, each with its bytes, which need not be complete characters."""
        body = {"content": text, "parse_special": parse_special, "add_special": add_special, "with_pieces": True}
        tokens: list[JsonObject] = (await self._call("POST", "/tokenize", body))["tokens"]
        # A piece that is not valid text is a list of bytes.
        return [
            (token["id"], piece.encode() if isinstance(piece := token["piece"], str) else bytes(piece)) for token in tokens
        ]

    async def detokenize(self, tokens: list[int]) -> str:
        """Return the text of the tokens."""
        text: str = (await self._call("POST", "/detokenize", {"tokens": tokens}))["content"]
        return text

    async def embed(self, inputs: Sequence[Sequence[int]]) -> list[list[float]]:
        """Return a vector of length 1 for each of the texts, which are given as token ids."""
        # base64 preserves the engine's numbers exactly, without a conversion to text.
        body = {"input": inputs, "encoding_format": "base64", "embd_normalize": 2}
        items = (await self._call("POST", "/v1/embeddings", body, timeout_s=None)).get("data")
        try:
            vectors = {item["index"]: array("f", base64.b64decode(item["embedding"])).tolist() for item in items or ()}
            return [vectors[place] for place in range(len(inputs))]
        except (KeyError, TypeError, ValueError):
            raise unexpected_response() from None

    async def rerank(self, query: str, documents: Sequence[str]) -> tuple[list[tuple[int, float]], int]:
        """Return the documents' indices with their scores, and the number of tokens used."""
        body = {"query": query, "documents": documents}
        answer = await self._call("POST", "/rerank", body, timeout_s=None)
        try:
            scores = [(int(item["index"]), float(item["relevance_score"])) for item in answer["results"]]
            return scores, int(answer["usage"]["prompt_tokens"])
        except (KeyError, TypeError, ValueError):
            raise unexpected_response() from None

    async def slots(self, *, timeout_s: float = SMALL_CALL_S) -> list[Slot]:
        """Return the state of its slots."""
        listed = await self._json("GET", "/slots", timeout_s=timeout_s)
        try:
            return [
                Slot(
                    id=slot["id"],
                    processing=slot["is_processing"],
                    task=slot.get("id_task", -1),
                    tokens=slot.get("n_prompt_tokens", 0),
                    context_size=slot.get("n_ctx", 0),
                )
                for slot in listed
            ]
        except (KeyError, TypeError, AttributeError):
            raise unexpected_response() from None

    async def save_slot(self, slot: int, file: str) -> int:
        """Save a slot's state to a file in the engine's folder for states; return how many tokens it holds."""
        saved = await self._call("POST", f"/slots/{slot}?action=save", {"filename": file})
        tokens: int = saved["n_saved"]
        if not tokens or not saved["n_written"]:
            raise EngineFailedError("the engine saved no data")
        return tokens

    async def restore_slot(self, slot: int, file: str) -> int:
        """Load a slot's state from a file, which must be complete; return how many tokens it holds."""
        restored = await self._call("POST", f"/slots/{slot}?action=restore", {"filename": file})
        tokens: int = restored["n_restored"]
        return tokens

    @asynccontextmanager
    async def complete(self, body: Mapping[str, Any]) -> AsyncIterator[Batches]:
        """Open a completion: its chunks up to the last one, in batches of those that arrived together.

        Leaving the context closes the connection, which cancels the message and frees its slot.
        """
        if self._lost:
            raise EngineAwayError
        asked = {**body, "stream": True, "timings_per_token": True, "response_fields": _LAST_FIELDS}
        response = await self._send("POST", "/completion", timeout_s=None, json=asked)
        try:
            if response.status >= 300:
                raise from_response(response.status, await self._read(response))
            yield _chunks(response)
        except EngineUnavailableError:
            self._lost, self.is_responding = True, False
            raise
        finally:
            response.close()

    async def _call(
        self, method: str, path: str, body: JsonObject | None = None, *, timeout_s: float | None = SMALL_CALL_S
    ) -> JsonObject:
        value = await self._json(method, path, body, timeout_s=timeout_s)
        if not isinstance(value, dict):
            raise unexpected_response()
        return value

    async def _json(
        self, method: str, path: str, body: JsonObject | None = None, *, timeout_s: float | None = SMALL_CALL_S
    ) -> Any:
        status, answer = await self._fetch(method, path, timeout_s=timeout_s, json=body)
        if status >= 300:
            raise from_response(status, answer)
        try:
            return json.loads(answer)
        except ValueError:
            raise unexpected_response() from None


_LAST_FIELDS = ["content", "stop", "stop_type", "stopping_word", "tokens_predicted", "tokens_evaluated", "timings"]
"""The last event would otherwise repeat the complete prompt."""


async def _chunks(response: ClientResponse) -> Batches:
    """Yield the events of a stream, up to the last one. Raises the error that the engine reports in mid-stream."""
    pending = b""
    try:
        async for piece in response.content.iter_any():
            *lines, pending = (pending + piece).split(b"\n")
            # Other lines are comments, which keep the connection alive, and the empty lines between events.
            chunks = [_chunk(line.removeprefix(b"data: ")) for line in lines if line.startswith(b"data: ")]
            if chunks:
                yield chunks
            if chunks and chunks[-1].stop_type is not None:
                return
    except BROKEN as error:
        raise unreachable(error) from None
    raise unreachable(None)


def _chunk(data: bytes) -> Chunk:
    try:
        event: JsonObject = json.loads(data)
        if "error" not in event:
            return Chunk(
                event.get("content", ""),
                _counts(event),
                event.get("stop_type", "none") if event["stop"] else None,
                next(iter(event.get("tokens", ())), None),
                _scores(event),
                event.get("stopping_word", ""),
            )
        error = event["error"]
        code = int(error.get("code", 500)) if isinstance(error, dict) else 500
    except (ValueError, KeyError, TypeError, AttributeError):
        raise unexpected_response() from None
    raise from_response(code, data)


def _scores(event: JsonObject) -> Scores | None:
    if event["stop"] or not (found := event.get("completion_probabilities")):
        return None
    return Scores(_candidate(found[0]), tuple(map(_candidate, found[0]["top_logprobs"])))


def _candidate(item: JsonObject) -> Candidate:
    return Candidate(item["id"], bytes(item["bytes"]), item["logprob"])


def _counts(event: JsonObject) -> Counts:
    timings = event.get("timings") or {}
    return Counts(
        prompt_tokens=event.get("tokens_evaluated", 0),
        cached_tokens=timings.get("cache_n", 0),
        completion_tokens=event.get("tokens_predicted", 0),
        prompt_ms=timings.get("prompt_ms", 0.0),
        predicted_ms=timings.get("predicted_ms", 0.0),
    )
