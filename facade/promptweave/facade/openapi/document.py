"""The OpenAPI document of the facade: built from the bodies that its routes read, with an example for each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic.json_schema import models_json_schema

from promptweave.facade.anthropic.body import CountBody, MessagesBody
from promptweave.facade.bodies.body import Body
from promptweave.facade.native.compiler import ParseBody, TemplateBody
from promptweave.facade.native.llama_cpp import ApplyTemplateBody, DetokenizeBody, TokenizeBody
from promptweave.facade.openai.audio.routes import TranscriptionBody, TranslationBody
from promptweave.facade.openai.chat.body import ChatBody
from promptweave.facade.openai.completions.body import CompletionBody
from promptweave.facade.openai.embeddings.routes import EmbeddingsBody, RerankBody
from promptweave.facade.openai.responses.body import ResponsesBody
from promptweave.facade.openapi.responses import ANSWER_SCHEMAS, ANSWERS, error_schema

JsonObject = dict[str, Any]

_TRIP = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "days": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
_ASKED = [{"role": "user", "content": "Three days in Oslo, please."}]
_BOOK = {"name": "book_trip", "description": "Books a trip", "parameters": _TRIP}
_CHAT = {
    "model": "gpt-4o",
    "messages": _ASKED,
    "tools": [{"type": "function", "function": _BOOK}],
    "tool_choice": {"type": "function", "function": {"name": "book_trip"}},
}
_MESSAGE = {
    "model": "claude-sonnet-4-5",
    "messages": _ASKED,
    "tools": [{"name": "book_trip", "description": "Books a trip", "input_schema": _TRIP}],
    "tool_choice": {"type": "tool", "name": "book_trip"},
}
_RESPONSE = {
    "model": "gpt-4o",
    "input": "Three days in Oslo, please.",
    "text": {"format": {"type": "json_schema", "name": "trip", "schema": _TRIP, "strict": True}},
}
_PARSE = {
    "syntax": {"version": 1, "root": {"text": {"kind": "REGION_KIND_CONTENT", "mayEnd": True}}},
    "text": "Three days it is.",
}


@dataclass(frozen=True)
class Operation:
    """A route's description. `streams`: it can also return events, if the body requests them."""

    method: str
    path: str
    summary: str
    body: type[Body] | None = None
    example: JsonObject | None = None
    streams: bool = False
    media: str = "application/json"
    """The media type of the response."""
    form: bool = False
    """Whether the body is a form instead of JSON."""


OPERATIONS: Sequence[Operation] = (
    Operation("post", "/v1/chat/completions", "Create a chat completion (OpenAI)", ChatBody, _CHAT, streams=True),
    Operation("post", "/v1/responses", "Create a response (OpenAI)", ResponsesBody, _RESPONSE, streams=True),
    Operation("get", "/v1/responses/{id}", "Retrieve a stored response"),
    Operation("delete", "/v1/responses/{id}", "Delete a stored response"),
    Operation("get", "/v1/responses/{id}/input_items", "List a response's input items"),
    Operation(
        "post", "/v1/messages", "Create a message (Anthropic)", MessagesBody, {**_MESSAGE, "max_tokens": 300}, streams=True
    ),
    Operation(
        "post", "/v1/messages/count_tokens", "Count the tokens of a message's prompt (Anthropic)", CountBody, _MESSAGE
    ),
    Operation(
        "post",
        "/v1/completions",
        "Complete a plain prompt (OpenAI)",
        CompletionBody,
        {"model": "gpt-3.5-turbo-instruct", "prompt": "Once upon a time", "max_tokens": 16},
        streams=True,
    ),
    Operation(
        "post",
        "/v1/embeddings",
        "Create embeddings (OpenAI)",
        EmbeddingsBody,
        {"model": "text-embedding-3-small", "input": ["a cat", "a dog"]},
    ),
    Operation(
        "post",
        "/v1/rerank",
        "Rerank documents (Jina, Cohere, llama.cpp)",
        RerankBody,
        {"query": "pets", "documents": ["a cat", "a stone"], "top_n": 1},
    ),
    Operation(
        "post",
        "/v1/audio/transcriptions",
        "Transcribe an audio file (OpenAI)",
        TranscriptionBody,
        {"file": "(the file)", "model": "whisper-1", "language": "en", "response_format": "verbose_json"},
        form=True,
    ),
    Operation(
        "post",
        "/v1/audio/translations",
        "Translate an audio file to English (OpenAI)",
        TranslationBody,
        {"file": "(the file)", "model": "whisper-1"},
        form=True,
    ),
    Operation("get", "/v1/models", "List the loaded models (OpenAI)"),
    Operation("post", "/tokenize", "Tokenize a text (llama.cpp)", TokenizeBody, {"content": "a cat"}),
    Operation("post", "/detokenize", "Convert token ids to text (llama.cpp)", DetokenizeBody, {"tokens": [97, 98]}),
    Operation(
        "post",
        "/apply-template",
        "Compile a prompt (llama.cpp, extended)",
        ApplyTemplateBody,
        {**_CHAT, "explain": True},
    ),
    Operation(
        "post",
        "/describe-template",
        "Describe a chat template (default: the loaded model's)",
        TemplateBody,
        {"template": "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"},
    ),
    Operation("post", "/parse", "Parse a model's output with the syntax of a compiled prompt", ParseBody, _PARSE),
    Operation("post", "/v1/responses/{id}/cancel", "Always rejected: background responses are not supported"),
    Operation("get", "/v1/models/{name}", "Retrieve a loaded model by any of its names (OpenAI)"),
    *(
        Operation("post", path, "Alias of `/v1/rerank`", RerankBody, {"query": "pets", "documents": ["a cat", "a stone"]})
        for path in ("/v1/reranking", "/rerank", "/reranking")
    ),
    Operation("get", "/health", "Liveness check"),
    Operation("get", "/ready", "Readiness check for load balancers: whether the model is loaded"),
    Operation("get", "/metrics", "Prometheus metrics of the facade", media="text/plain"),
    Operation("get", "/openapi.json", "This document"),
    Operation("get", "/docs", "This document as a web page", media="text/html"),
    Operation("get", "/", "The Prompt Explorer, unless disabled", media="text/html"),
)

_ERRORS = {
    400: "The request is invalid or uses an unsupported feature; see `code` and `param`",
    401: "A valid API key is required",
    404: "The model or response does not exist",
    413: "The request body is too large",
    429: "Too many requests; see the header `retry-after`",
    501: "Not available: the required model is not loaded",
    503: "The engine is not ready; see the header `retry-after`",
    504: "The request timed out",
}
"""500 is not among them: no request causes it."""

_ERROR_SCHEMAS: JsonObject = {
    "Error": {
        "type": "object",
        "properties": {
            "error": {
                "type": "object",
                "properties": {
                    "message": {"type": "string"},
                    "type": {"type": "string"},
                    "param": {"type": ["string", "null"]},
                    "code": {"type": ["string", "null"]},
                },
                "required": ["message", "type", "param", "code"],
            }
        },
        "required": ["error"],
    },
    "AnthropicError": {
        "type": "object",
        "properties": {
            "type": {"const": "error"},
            "error": {
                "type": "object",
                "properties": {"type": {"type": "string"}, "message": {"type": "string"}},
                "required": ["type", "message"],
            },
            "request_id": {"type": "string"},
        },
        "required": ["type", "error", "request_id"],
    },
    "Warning": {
        "type": "object",
        "description": "A part of the request that is not enforced, or was adapted to the chat template",
        "properties": {"code": {"type": "string"}, "path": {"type": "string"}, "message": {"type": "string"}},
        "required": ["code", "path", "message"],
    },
}

_WARNED = {
    "x-promptweave-warnings": {
        "description": "Number of warnings in the response's field `warnings`",
        "schema": {"type": "integer", "minimum": 1},
    }
}


def openapi_document(version: str) -> JsonObject:
    """Return the document, OpenAPI 3.1."""
    kinds = {operation.body for operation in OPERATIONS if operation.body}
    refs, schemas = models_json_schema(
        [(kind, "validation") for kind in sorted(kinds, key=lambda kind: kind.__name__)],
        ref_template="#/components/schemas/{model}",
    )
    paths: dict[str, JsonObject] = {}
    for operation in OPERATIONS:
        body = refs[(operation.body, "validation")] if operation.body else None
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, body)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "promptweave",
            "version": version,
            "description": "Tool calls and structured output that comply with their schemas, with any model.",
        },
        "paths": paths,
        "components": {
            "schemas": {**schemas["$defs"], **_ERROR_SCHEMAS, **ANSWER_SCHEMAS},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"key": []}],
    }


def _operation(operation: Operation, body: JsonObject | None) -> JsonObject:
    name = ANSWERS.get(f"{operation.method} {operation.path}")
    answer: JsonObject = {"$ref": f"#/components/schemas/{name}"} if name else {"type": "object"}
    content: JsonObject = {operation.media: {"schema": answer} if operation.media == "application/json" else {}}
    warns = name is not None and "warnings" in ANSWER_SCHEMAS[name]["properties"] and name != "ParsedOutput"
    if operation.streams:
        content["text/event-stream"] = {}
    described: JsonObject = {
        "summary": operation.summary,
        "responses": {
            "200": {"description": "The response", "content": content} | ({"headers": _WARNED} if warns else {}),
            **{str(status): _error(operation.path, status) for status in _ERRORS},
        },
    }
    if names := re.findall(r"{(\w+)}", operation.path):
        described["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    if body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {
                "multipart/form-data" if operation.form else "application/json": {
                    "schema": body,
                    "example": operation.example,
                }
            },
        }
    return described


def _error(path: str, status: int) -> JsonObject:
    schema = {"$ref": f"#/components/schemas/{error_schema(path, status)}"}
    return {"description": _ERRORS[status], "content": {"application/json": {"schema": schema}}}
