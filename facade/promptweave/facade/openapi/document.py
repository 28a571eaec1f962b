"""The OpenAPI document. FastAPI makes it from the routes and their types; here is what it cannot know."""

from fastapi import FastAPI

from promptweave.common.json_object import JsonObject
from promptweave.facade.http.router import STREAM

DESCRIPTION = (
    "Tool calls and structured output that comply with their schemas, with any model. "
    "The Prompt Explorer is at `/`, unless it is disabled."
)
_JSON, _EVENTS = "application/json", "text/event-stream"


class DescribedApp(FastAPI):
    """An application with the OpenAPI document of this module."""

    def openapi(self) -> JsonObject:
        """Return the document, OpenAPI 3.1; it is made at the first call."""
        if self.openapi_schema is None:
            self.openapi_schema = _completed(super().openapi())
        return self.openapi_schema


def _completed(document: JsonObject) -> JsonObject:
    for item in document["paths"].values():
        for operation in item.values():
            _complete_responses(operation["responses"])
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{}, {"key": []}]
    return document


def _complete_responses(responses: JsonObject) -> None:
    # FastAPI's own form of errors in parameters, of which there are none: all of them are text.
    responses.pop("422", None)
    if (events := responses.pop(STREAM, None)) is not None:
        responses["200"]["content"][_EVENTS] = _event_stream(events)
    for status, response in responses.items():
        if status != "200":
            # Errors are JSON, whatever the route returns otherwise.
            (content,) = response["content"].values()
            response["content"] = {_JSON: content}


def _event_stream(events: JsonObject) -> JsonObject:
    """Return the description of a stream in FastAPI's form, from what `streamed` says about it."""
    schema = events["content"][_JSON]["schema"]
    data: JsonObject = {"type": "string", "contentMediaType": _JSON, "contentSchema": schema}
    if "end" in events:
        data = {"anyOf": [data, {"const": events["end"]}]}
    properties = {
        "data": {"description": "The event, as JSON", **data},
        "event": {"type": "string", "description": "The field `type` of the event, if it has one"},
    }
    return {"itemSchema": {"type": "object", "properties": properties, "required": ["data"]}}
