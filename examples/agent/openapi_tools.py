"""Tools from the operations of an HTTP server with an OpenAPI description (3.0, 3.1).

A call never raises: an error is its result, `{"error": ...}`, for the model to read.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, urljoin

import httpx
from openai.types.chat import ChatCompletionFunctionToolParam
from schemas import self_contained, whole

MOST_CHARACTERS = 20_000
"""Maximum length of a result: a longer one would not fit into the model's context, and is cut, with a note."""
METHODS = ("get", "put", "post", "delete", "patch")


class ToolError(Exception):
    """Unusable tools; the text says which, and why."""


@dataclass(frozen=True)
class Operation:
    """One tool: a method and a path, with a description of its parameters."""

    name: str
    description: str
    method: str
    path: str
    places: Mapping[str, str]
    """Parameter → its location: `path`, `query`, `header`."""
    schema: dict[str, Any]
    """Schema of the arguments: an object with the parameters, and the body as `body`; without parameters, the body's own."""

    @property
    def definition(self) -> ChatCompletionFunctionToolParam:
        function = {"name": self.name, "description": self.description, "parameters": self.schema}
        return {"type": "function", "function": function}  # type: ignore[typeddict-item]  # JSON is a dict

    def request(self, base_url: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments for `httpx.request`."""
        rest = dict(arguments)
        given = {name: rest.pop(name) for name in self.places if name in rest}
        of = {
            place: {name: v for name, v in given.items() if self.places[name] == place}
            for place in ("path", "query", "header")
        }
        path = self.path
        for name, value in of["path"].items():
            path = path.replace(f"{{{name}}}", quote(_text(value), safe=""))
        asked: dict[str, Any] = {"method": self.method, "url": base_url.rstrip("/") + path}
        if of["query"]:
            asked["params"] = {
                name: [_text(each) for each in value] if isinstance(value, list) else _text(value)
                for name, value in of["query"].items()
            }
        if of["header"]:
            asked["headers"] = {name: _text(value) for name, value in of["header"].items()}
        if not self.places:
            asked |= {"json": rest} if self.method != "GET" else {}
        elif "body" in rest:
            asked["json"] = rest["body"]
        return asked


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    """Yield the tools of an OpenAPI document."""
    for path, item in document.get("paths", {}).items():
        for method in METHODS:
            if method in item:
                yield _operation(document, path, method, item)


def _operation(document: dict[str, Any], path: str, method: str, item: dict[str, Any]) -> Operation:
    described = item[method]
    name = re.sub(r"[^a-zA-Z0-9_-]+", "_", described.get("operationId") or f"{method}{path}").strip("_")[:64]
    properties: dict[str, Any] = {}
    required: list[str] = []
    places: dict[str, str] = {}
    for each in [*item.get("parameters", []), *described.get("parameters", [])]:
        parameter = whole(document, each)
        key, place = parameter["name"], parameter["in"]
        if place == "cookie":
            if parameter.get("required"):
                raise ToolError(f"{method.upper()} {path} needs the cookie {key}, which no call of a tool can bring")
            continue
        places[key] = place
        properties[key] = dict(parameter.get("schema", {}))
        if "description" in parameter:
            properties[key].setdefault("description", parameter["description"])
        if parameter.get("required"):
            required.append(key)
    body = whole(document, described.get("requestBody", {}))
    content = body.get("content", {})
    schema: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    if "application/json" in content:
        of_body = content["application/json"].get("schema", {})
        if not places:
            schema = whole(document, of_body)
        else:
            properties["body"] = of_body
            if body.get("required"):
                required.append("body")
    elif body.get("required"):
        raise ToolError(f"{method.upper()} {path} takes {', '.join(content)}: a tool's arguments are application/json")
    description = "\n".join(filter(None, (described.get("summary"), described.get("description"))))
    if name.replace("_", " ").lower() == (described.get("summary") or "").lower():
        description = described.get("description", "")  # FastAPI's summary repeats the name
    return Operation(name, description, method.upper(), path, places, self_contained(schema, document))


@dataclass(frozen=True)
class _Served:
    operation: Operation
    base_url: str
    headers: Mapping[str, str]


class Tools:
    """The tools of some servers, to offer to a model and to call."""

    def __init__(self, *, timeout_s: float = 60, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._client = httpx.AsyncClient(timeout=timeout_s, transport=transport)
        self._timeout_s = timeout_s
        self._served: dict[str, _Served] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def add(self, url: str, *, headers: Mapping[str, str] | None = None, only: frozenset[str] = frozenset()) -> None:
        """Add all operations of a server, or `only` those. Its description is at the URL, or at /openapi.json there."""
        where = url if url.endswith((".json", "/")) or url.count("/") > 2 else f"{url}/openapi.json"
        try:
            document = (await self._client.get(where, headers=dict(headers or {}))).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise ToolError(f"{where} gives no OpenAPI description: {error or type(error).__name__}") from error
        server = (document.get("servers") or [{}])[0].get("url", "")
        base_url = urljoin(where, server or "/")
        for operation in operations(document):
            if only and operation.name not in only:
                continue
            if operation.name in self._served:
                raise ToolError(f"two tools are named {operation.name}; choose with --only")
            self._served[operation.name] = _Served(operation, base_url, headers or {})

    @property
    def definitions(self) -> list[ChatCompletionFunctionToolParam]:
        return [each.operation.definition for each in self._served.values()]

    async def call(self, name: str, arguments: str) -> str:
        """Return the result of a call, as text. Errors are results, too."""
        if name not in self._served:
            return _error(f"the tool {name} does not exist; available: {', '.join(self._served) or 'none'}")
        served = self._served[name]
        try:
            given = json.loads(arguments)
            if not isinstance(given, dict):
                raise TypeError("they are not an object")
            request = served.operation.request(served.base_url, given)
        except (ValueError, TypeError) as error:
            return _error(f"the arguments cannot be read: {error}")
        try:
            answer = await self._client.request(**{**request, "headers": {**request.get("headers", {}), **served.headers}})
        except httpx.TimeoutException:
            return _error(f"{name} gave no answer within {self._timeout_s:g} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return _error(f"{name} cannot be reached: {error or type(error).__name__}")
        if answer.is_error:
            return _error(_detail(answer))
        text = answer.text or json.dumps({"ok": True})
        left = len(text) - MOST_CHARACTERS
        return text if left <= 0 else f"{text[:MOST_CHARACTERS]}\n[cut: {left} more characters]"


def _error(text: str) -> str:
    return json.dumps({"error": text}, ensure_ascii=False)


def _detail(answer: httpx.Response) -> str:
    """Return a server's error message: FastAPI's `detail`, or the body."""
    try:
        said = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        said = answer.text[:1000] or f"status {answer.status_code} {answer.reason_phrase}"
    if isinstance(said, list):  # for invalid arguments: pydantic's errors
        said = "; ".join(f"{'.'.join(map(str, each.get('loc', [])))}: {each.get('msg')}" for each in said)
    return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
