"""The routes' responses, as JSON Schemas for the OpenAPI document; OpenAI's and Anthropic's own descriptions have more
detail.

Fields that only some responses have are in `may`; all others are always present.
"""

from collections.abc import Mapping
from typing import Any

JsonObject = dict[str, Any]

_TEXT: JsonObject = {"type": "string"}
_WHOLE: JsonObject = {"type": "integer"}
_COUNT: JsonObject = {"type": "integer", "minimum": 0}
_NUMBER: JsonObject = {"type": "number"}
_FLAG: JsonObject = {"type": "boolean"}
_ANY_OBJECT: JsonObject = {"type": "object"}


def _object(may: Mapping[str, JsonObject] | None = None, /, **fields: JsonObject) -> JsonObject:
    return {"type": "object", "properties": {**fields, **(may or {})}, "required": [*fields]}


def _list(items: JsonObject) -> JsonObject:
    return {"type": "array", "items": items}


def _or_null(schema: JsonObject) -> JsonObject:
    return {"anyOf": [schema, {"type": "null"}]}


def _one_of(*values: str) -> JsonObject:
    return {"enum": [*values]}


def _ref(name: str) -> JsonObject:
    return {"$ref": f"#/components/schemas/{name}"}


_WARNINGS = {"warnings": _list(_ref("Warning"))}
_CANDIDATE = {"token": _TEXT, "logprob": _NUMBER, "bytes": _list(_COUNT)}
_CALL = _object(
    {
        "type": _one_of("function", "custom"),
        "function": _object(name=_TEXT, arguments=_TEXT),
        "custom": _object(name=_TEXT, input=_TEXT),
        "complete": _FLAG,
    },
    id=_TEXT,
)
_BYTES_OR_TEXT = {"anyOf": [_TEXT, _list(_COUNT)]}

ANSWER_SCHEMAS: Mapping[str, JsonObject] = {
    "Usage": _object(
        {"completion_tokens_details": _object(reasoning_tokens=_COUNT)},
        prompt_tokens=_COUNT,
        completion_tokens=_COUNT,
        total_tokens=_COUNT,
        prompt_tokens_details=_object(cached_tokens=_COUNT),
    ),
    "TokenLogprob": _object(**_CANDIDATE, top_logprobs=_list(_object(**_CANDIDATE))),
    "ExplainedToken": {
        "description": "A token of the complete output, with `explain`; `region` is null for syntax between the parts",
        **_object(id=_WHOLE, region=_or_null(_TEXT), **_CANDIDATE, top_logprobs=_list(_object(id=_WHOLE, **_CANDIDATE))),
    },
    "Timings": {
        "description": "Timings with llama.cpp's names, in milliseconds and tokens; with `explain`",
        **_object(cache_n=_COUNT, prompt_n=_COUNT, prompt_ms=_NUMBER, predicted_n=_COUNT, predicted_ms=_NUMBER),
    },
    "ChatCompletion": _object(
        {**_WARNINGS, "service_tier": _TEXT},
        id=_TEXT,
        object=_one_of("chat.completion"),
        created=_COUNT,
        model=_TEXT,
        choices=_list(
            _object(
                {"tokens": _list(_ref("ExplainedToken")), "timings": _ref("Timings")},
                index=_COUNT,
                message=_object(
                    {
                        "reasoning_content": _TEXT,
                        "tool_calls": _list(_CALL),
                        "function_call": _object(name=_TEXT, arguments=_TEXT),
                    },
                    role=_one_of("assistant"),
                    content=_or_null(_TEXT),
                    refusal=_or_null(_TEXT),
                ),
                logprobs=_or_null(_object(content=_list(_ref("TokenLogprob")), refusal={"type": "null"})),
                finish_reason=_one_of("stop", "length", "tool_calls", "function_call"),
            )
        ),
        usage=_ref("Usage"),
    ),
    "Completion": _object(
        id=_TEXT,
        object=_one_of("text_completion"),
        created=_COUNT,
        model=_TEXT,
        choices=_list(
            _object(
                text=_TEXT,
                index=_COUNT,
                logprobs=_or_null(
                    _object(
                        tokens=_list(_TEXT),
                        token_logprobs=_list(_NUMBER),
                        top_logprobs=_list({"type": "object", "additionalProperties": _NUMBER}),
                        text_offset=_list(_COUNT),
                    )
                ),
                finish_reason=_one_of("stop", "length"),
            )
        ),
        usage=_ref("Usage"),
    ),
    "Response": _object(
        {**_WARNINGS, "user": _TEXT},
        id=_TEXT,
        object=_one_of("response"),
        created_at=_COUNT,
        status=_one_of("completed", "incomplete", "failed"),
        error=_or_null(_object(code=_TEXT, message=_TEXT)),
        incomplete_details=_or_null(_object(reason=_TEXT)),
        model=_TEXT,
        output=_list(_object(id=_TEXT, type=_TEXT)),
        tools=_list(_ANY_OBJECT),
        usage=_or_null(_object(input_tokens=_COUNT, output_tokens=_COUNT, total_tokens=_COUNT)),
        store=_FLAG,
    ),
    "DeletedResponse": _object(id=_TEXT, object=_one_of("response"), deleted=_FLAG),
    "ItemList": _object(
        object=_one_of("list"),
        data=_list(_object(id=_TEXT, type=_TEXT)),
        first_id=_or_null(_TEXT),
        last_id=_or_null(_TEXT),
        has_more=_FLAG,
    ),
    "Message": _object(
        _WARNINGS,
        id=_TEXT,
        type=_one_of("message"),
        role=_one_of("assistant"),
        model=_TEXT,
        content=_list(_object(type=_one_of("text", "thinking", "tool_use"))),
        stop_reason=_one_of("end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal"),
        stop_sequence=_or_null(_TEXT),
        usage=_object(
            input_tokens=_COUNT,
            cache_creation_input_tokens=_COUNT,
            cache_read_input_tokens=_COUNT,
            output_tokens=_COUNT,
        ),
    ),
    "TokenCount": _object(_WARNINGS, input_tokens=_COUNT),
    "Embeddings": _object(
        object=_one_of("list"),
        data=_list(
            _object(
                object=_one_of("embedding"),
                index=_COUNT,
                embedding={"anyOf": [_list(_NUMBER), {**_TEXT, "description": "base64 of little-endian 32-bit floats"}]},
            )
        ),
        model=_TEXT,
        usage=_object(prompt_tokens=_COUNT, total_tokens=_COUNT),
    ),
    "Ranking": _object(
        object=_one_of("list"),
        model=_TEXT,
        results=_list(_object({"document": _object(text=_TEXT)}, index=_COUNT, relevance_score=_NUMBER)),
        usage=_object(prompt_tokens=_COUNT, total_tokens=_COUNT),
    ),
    "Model": _object(id=_TEXT, object=_one_of("model"), created=_COUNT, owned_by=_TEXT),
    "ModelList": _object(object=_one_of("list"), data=_list(_ref("Model"))),
    "Tokens": _object(tokens=_list({"anyOf": [_COUNT, _object(id=_COUNT, piece=_BYTES_OR_TEXT)]})),
    "Text": _object(content=_TEXT),
    "CompiledPrompt": _object(
        {
            "explanation": _object(
                parts=_list(_object(text=_TEXT, path=_TEXT)),
                rules={"type": "object", "additionalProperties": _TEXT},
                tools=_object(json=_TEXT, typescript=_TEXT),
            )
        },
        prompt=_TEXT,
        segments=_list(
            {"anyOf": [_object(text=_TEXT, trusted=_FLAG), _object(image=_object(mime_type=_TEXT, bytes=_COUNT))]}
        ),
        grammar={**_or_null(_TEXT), "description": "GBNF"},
        stop=_list(_TEXT),
        syntax={**_ANY_OBJECT, "description": "How to parse the output, for `/parse`"},
        style=_TEXT,
        warnings=_list(_ref("Warning")),
        preserved_tokens=_list(_TEXT),
        prefix_key=_TEXT,
        template_hash=_TEXT,
    ),
    "TemplateDescription": _object(
        profile={**_ANY_OBJECT, "description": "The contract's TemplateProfile"},
        template=_TEXT,
        bos_token=_TEXT,
        eos_token=_TEXT,
        special_tokens=_list(_TEXT),
        template_hash=_TEXT,
    ),
    "ParsedOutput": _object(
        message=_object(
            role=_one_of("assistant"),
            content=_or_null(_TEXT),
            reasoning_content=_or_null(_TEXT),
            tool_calls=_list(_CALL),
        ),
        finish_reason=_one_of("stop", "length", "tool_calls"),
        complete=_FLAG,
        violations=_list(_object(name=_TEXT, text=_TEXT, path=_TEXT, message=_TEXT)),
        warnings=_list(_object(offset=_COUNT, message=_TEXT)),
    ),
    "Health": _object(status=_one_of("ok")),
    "Readiness": _object(status=_one_of("ok", "waiting"), waiting_for=_list(_TEXT)),
}

ANSWERS: Mapping[str, str] = {
    "post /v1/chat/completions": "ChatCompletion",
    "post /v1/completions": "Completion",
    "post /v1/responses": "Response",
    "get /v1/responses/{id}": "Response",
    "delete /v1/responses/{id}": "DeletedResponse",
    "get /v1/responses/{id}/input_items": "ItemList",
    "post /v1/messages": "Message",
    "post /v1/messages/count_tokens": "TokenCount",
    "post /v1/embeddings": "Embeddings",
    **dict.fromkeys(("post /v1/rerank", "post /v1/reranking", "post /rerank", "post /reranking"), "Ranking"),
    "get /v1/models": "ModelList",
    "get /v1/models/{name}": "Model",
    "post /tokenize": "Tokens",
    "post /detokenize": "Text",
    "post /apply-template": "CompiledPrompt",
    "post /describe-template": "TemplateDescription",
    "post /parse": "ParsedOutput",
    "get /health": "Health",
    "get /ready": "Readiness",
}
"""Method and path → the schema of the response."""


def error_schema(path: str, status: int) -> str:
    """Return the schema of a route's response with an HTTP status from 400 on."""
    if path == "/ready" and status == 503:
        return "Readiness"
    return "AnthropicError" if path.startswith("/v1/messages") else "Error"
