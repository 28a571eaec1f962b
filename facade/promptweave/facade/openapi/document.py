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
    Operation("post", "/v1/chat/completions", "A chat completion (OpenAI)", ChatBody, _CHAT, streams=True),
    Operation("post", "/v1/responses", "A response (OpenAI)", ResponsesBody, _RESPONSE, streams=True),
    Operation("get", "/v1/responses/{id}", "A response that is kept"),
    Operation("delete", "/v1/responses/{id}", "Forgets a response"),
    Operation("get", "/v1/responses/{id}/input_items", "The items that a response was made from"),
    Operation("post", "/v1/messages", "A message (Anthropic)", MessagesBody, {**_MESSAGE, "max_tokens": 300}, streams=True),
    Operation("post", "/v1/messages/count_tokens", "Tokens of a message's prompt (Anthropic)", CountBody, _MESSAGE),
    Operation(
        "post",
        "/v1/completions",
        "What follows a plain prompt (OpenAI)",
        CompletionBody,
        {"model": "gpt-3.5-turbo-instruct", "prompt": "Once upon a time", "max_tokens": 16},
        streams=True,
    ),
    Operation(
        "post",
        "/v1/embeddings",
        "Vectors of texts (OpenAI)",
        EmbeddingsBody,
        {"model": "text-embedding-3-small", "input": ["a cat", "a dog"]},
    ),
    Operation(
        "post",
        "/v1/rerank",
        "An order of documents (Jina, Cohere, llama.cpp)",
        RerankBody,
        {"query": "pets", "documents": ["a cat", "a stone"], "top_n": 1},
    ),
    Operation(
        "post",
        "/v1/audio/transcriptions",
        "What is said in a sound file (OpenAI)",
        TranscriptionBody,
        {"file": "(the file)", "model": "whisper-1", "language": "en", "response_format": "verbose_json"},
        form=True,
    ),
    Operation(
        "post",
        "/v1/audio/translations",
        "The same in English (OpenAI)",
        TranslationBody,
        {"file": "(the file)", "model": "whisper-1"},
        form=True,
    ),
    Operation("get", "/v1/models", "The loaded models (OpenAI)"),
    Operation("post", "/tokenize", "Token ids of a text (llama.cpp)", TokenizeBody, {"content": "a cat"}),
    Operation("post", "/detokenize", "The text of token ids (llama.cpp)", DetokenizeBody, {"tokens": [97, 98]}),
    Operation(
        "post",
        "/apply-template",
        "The whole compiled prompt (llama.cpp, and more)",
        ApplyTemplateBody,
        {**_CHAT, "explain": True},
    ),
    Operation(
        "post",
        "/describe-template",
        "What a chat template does; without one, that of the loaded model",
        TemplateBody,
        {"template": "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"},
    ),
    Operation("post", "/parse", "Reads a model's output by the syntax of a compiled prompt", ParseBody, _PARSE),
    Operation("post", "/v1/responses/{id}/cancel", "Refused: nothing runs in the background"),
    Operation("get", "/v1/models/{name}", "A loaded model, by any of its names (OpenAI)"),
    *(
        Operation("post", path, "As `/v1/rerank`", RerankBody, {"query": "pets", "documents": ["a cat", "a stone"]})
        for path in ("/v1/reranking", "/rerank", "/reranking")
    ),
    Operation("get", "/health", "The process lives"),
    Operation("get", "/ready", "The model is loaded: whoever balances load asks this"),
    Operation("get", "/metrics", "Metrics of the facade, for Prometheus", media="text/plain"),
    Operation("get", "/openapi.json", "This document"),
    Operation("get", "/docs", "This document, to read", media="text/html"),
    Operation("get", "/", "The Prompt Explorer, unless it is left out", media="text/html"),
)

_ERRORS = {
    400: "The request is wrong, or asks for what is not served: `code` and `param` say what and where",
    401: "An API key is needed",
    404: "There is no such model, or no such response",
    413: "The body is too large",
    429: "Too much is asked at once; `retry-after` says when to come again",
    501: "Nothing here serves this: a model is missing",
    503: "The engine is not ready; `retry-after` says when to come again",
    504: "It took too long",
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
        "description": "What of the request is not enforced, or was fitted to the chat template",
        "properties": {"code": {"type": "string"}, "path": {"type": "string"}, "message": {"type": "string"}},
        "required": ["code", "path", "message"],
    },
}

_WARNED = {
    "x-promptweave-warnings": {
        "description": "How many warnings there are; they stand in the answer's field `warnings`",
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
            "description": "Tool calls and structured output that comply with their schemas, whatever the model.",
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
            "200": {"description": "The answer", "content": content} | ({"headers": _WARNED} if warns else {}),
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
