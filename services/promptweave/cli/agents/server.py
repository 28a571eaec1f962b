"""The server that an agent uses: finding a running one, and the model that it serves."""

import http.client
import json
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from promptweave.cli.agents.agent import ServedModel
from promptweave.rpc.logs import tell

NO_KEY = "none"
"""Sent to servers that require no key: agents need one."""
DEFAULT_CONTEXT = 32_768
"""The context size, in tokens, that agents are told if the server does not report one."""

_TIMEOUT_S = 10.0
_POLL_S = 0.5
_LOAD_S = 3600.0
"""A large model may take long to load, or to download."""


class LaunchError(Exception):
    """The agent cannot be started. The text is one line: what is wrong, and what to do."""


@dataclass(frozen=True)
class RunningServer:
    """A server that may be running at a URL. The URL has no `/v1`."""

    url: str
    api_key: str = NO_KEY

    def is_promptweave(self) -> bool:
        """Return whether `/ready` responds as promptweave's does, ready or not."""
        return self._readiness() is not None

    def wait_until_ready(self) -> None:
        """Wait until the chat model is loaded. Raises LaunchError if the server stops or takes longer than an hour."""
        end, is_reported = time.monotonic() + _LOAD_S, False
        while (status := self._readiness()) != HTTPStatus.OK:
            if status is None or time.monotonic() > end:
                raise LaunchError(f"{self.url} stopped responding before its model was loaded; see the server's log")
            if not is_reported:
                tell("launch", f"waiting for the model of {self.url} to load")
                is_reported = True
            time.sleep(_POLL_S)

    def model(self, name: str | None) -> ServedModel:
        """Return a served model: by any of its names, or the first one. Raises LaunchError."""
        path = f"/v1/models/{quote(name, safe='')}" if name else "/v1/models"
        status, answer = self.get(path)
        if status == HTTPStatus.UNAUTHORIZED:
            raise LaunchError(f"--api-key: {self.url} rejected the key; pass a valid one, or set PROMPTWEAVE_API_KEY")
        if status == HTTPStatus.NOT_FOUND and name:
            raise LaunchError(f"--model-id: {self.url} has no model {name!r}; {self.url}/v1/models lists those that it has")
        entry = answer if name else _first(answer)
        if status != HTTPStatus.OK or not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
            raise LaunchError(f"--url: {self.url}{path} returned no model (status {status}); check that this is promptweave")
        return ServedModel(self.url, self.api_key, name or entry["id"], self._context(entry) or self._assumed_context())

    def _context(self, entry: dict[str, Any]) -> int | None:
        """Return the context size that the model's entry reports, or else the one of the server's slots."""
        meta = entry.get("meta")
        trained = meta.get("n_ctx_train") if isinstance(meta, dict) else None
        slot = _first_item(self.get("/slots")[1]) if not entry.get("max_model_len") else None
        of_slot = slot.get("n_ctx") if isinstance(slot, dict) else None
        sizes = (entry.get("max_model_len"), of_slot, trained)
        return next((size for size in sizes if isinstance(size, int) and size > 0), None)

    def _assumed_context(self) -> int:
        tell("launch", f"{self.url} does not report its context size; assuming {DEFAULT_CONTEXT:,} tokens")
        return DEFAULT_CONTEXT

    def _readiness(self) -> int | None:
        """Return the status of `/ready`; None if that is not a response of promptweave."""
        status, answer = self.get("/ready")
        return status if isinstance(answer, dict) and "waiting_for" in answer else None

    def get(self, path: str) -> tuple[int, Any]:
        """Return status and JSON of a response; status 0 without a connection, None for what is not JSON."""
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.netloc, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", parts.path + path, headers={"Authorization": f"Bearer {self.api_key}"})
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            return 0, None
        finally:
            connection.close()
        try:
            return response.status, json.loads(body)
        except ValueError:
            return response.status, None


def server_url(text: str) -> str:
    """Return a server's URL without `/v1` and without a trailing slash. Raises LaunchError."""
    url = text.strip().rstrip("/").removesuffix("/v1").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise LaunchError(f"--url: {text!r} is not an http:// or https:// URL; pass one such as http://127.0.0.1:8080")
    return url


def _first(answer: Any) -> Any:
    """Return the first model of a list: the chat model, which the server lists before the others."""
    return _first_item(answer.get("data")) if isinstance(answer, dict) else None


def _first_item(items: Any) -> Any:
    return items[0] if isinstance(items, list) and items else None
