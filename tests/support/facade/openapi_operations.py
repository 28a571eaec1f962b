"""The operations of our OpenAPI document, as tests need them: with the schemas of their responses."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import jsonschema

from promptweave.facade.app import openapi_document

JsonObject = dict[str, Any]
FORM = "multipart/form-data"
EVENTS = "text/event-stream"


@cache
def document() -> JsonObject:
    """The document of all routes."""
    return openapi_document()


@dataclass(frozen=True)
class Operation:
    """A method of a path. The path has parameters in braces."""

    method: str
    path: str

    @cached_property
    def described(self) -> JsonObject:
        """The operation's part of the document."""
        found: JsonObject = document()["paths"][self.path][self.method]
        return found

    @property
    def is_form(self) -> bool:
        """Whether the body is a form instead of JSON."""
        return FORM in self.described["requestBody"]["content"]

    @property
    def has_body(self) -> bool:
        """Whether a request has a body."""
        return "requestBody" in self.described

    @property
    def streams(self) -> bool:
        """Whether the response can be a stream of events."""
        return EVENTS in self.described["responses"]["200"]["content"]

    @property
    def example(self) -> JsonObject | None:
        """The example of the body; None: it has none."""
        if not self.has_body:
            return None
        (content,) = self.described["requestBody"]["content"].values()
        name = content["schema"]["$ref"].rpartition("/")[2]
        example: JsonObject = document()["components"]["schemas"][name]["examples"][0]
        return example

    def check(self, status: int, media: str, value: Any) -> None:
        """Validate a response, or an event of a stream, strictly: fields that are not described are faults.

        Raises jsonschema.ValidationError.
        """
        _validator(self, str(status), media).validate(value)


def operations() -> Iterator[Operation]:
    """Yield all operations, in the document's order."""
    for path, item in document()["paths"].items():
        for method in item:
            yield Operation(method, path)


def operation_at(method: str, path: str) -> Operation | None:
    """Return the operation for a request; None for a path that is no route."""
    for operation in operations():
        # Names of models have slashes in them, ids of responses have none.
        pattern = re.sub(r"\\{(\w+)\\}", lambda name: ".+" if name[1] == "name" else "[^/]+", re.escape(operation.path))
        if operation.method == method.lower() and re.fullmatch(pattern, path):
            return operation
    return None


@cache
def _validator(operation: Operation, status: str, media: str) -> jsonschema.Draft202012Validator:
    content = operation.described["responses"][status]["content"][media]
    if media == EVENTS:
        data = content["itemSchema"]["properties"]["data"]
        schema = data.get("anyOf", [data])[0]["contentSchema"]
    else:
        schema = content["schema"]
    # References are to the document, whose schemas go along.
    return jsonschema.Draft202012Validator(_closed({**schema, "components": document()["components"]}))


def _closed(value: Any) -> Any:
    """Return the document with objects whose fields are described closed to others."""
    if isinstance(value, list):
        return [_closed(item) for item in value]
    if not isinstance(value, dict):
        return value
    closed = {key: _closed(item) for key, item in value.items()}
    if value.get("type") == "object" and isinstance(value.get("properties"), dict):
        closed.setdefault("additionalProperties", False)
    return closed
