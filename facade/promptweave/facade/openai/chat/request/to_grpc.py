"""A chat request → the requests to the two services.

Each comes with a SourceMap, built while it is made, from positions in it to positions in the request that the client sent.
"""

from collections.abc import Mapping
from typing import Any

from promptweave.facade.bodies.error_paths import error_paths
from promptweave.facade.bodies.json_field import json_text
from promptweave.facade.bodies.source_map import Origin, SourceMap
from promptweave.facade.errors import RequestError
from promptweave.facade.openai.chat.request.body import ChatBody, read_chat_body
from promptweave.facade.openai.chat.request.format_to_grpc import format_to_grpc
from promptweave.facade.openai.chat.request.messages_to_grpc import messages_to_grpc
from promptweave.facade.openai.chat.request.tools_to_grpc import tool_choice_to_grpc, tools_to_grpc
from promptweave.facade.openai.chat.request.translate import translate_chat
from promptweave.facade.openai.chat.request.translated import Translation
from promptweave.facade.openai.chat.request.verbosity import add_verbosity
from promptweave.facade.openai.sampling import sampling_of
from promptweave.facade.options import RepeatedCalls
from promptweave.v1 import inference_pb2, prompt_compiler_pb2

_MAX_TOKENS = 2**31 - 1
"""More than any context holds."""

REPEATED_CALLS: Mapping[RepeatedCalls, prompt_compiler_pb2.RepeatedCalls.ValueType] = {
    "warn": prompt_compiler_pb2.REPEATED_CALLS_WARN,
    "prevent": prompt_compiler_pb2.REPEATED_CALLS_PREVENT,
}
_SCHEMA_STYLES = {
    None: prompt_compiler_pb2.SCHEMA_STYLE_UNSPECIFIED,
    "json": prompt_compiler_pb2.SCHEMA_STYLE_JSON,
    "typescript": prompt_compiler_pb2.SCHEMA_STYLE_TYPESCRIPT,
}


def compile_request_from_openai(body: dict[str, Any]) -> tuple[prompt_compiler_pb2.CompileRequest, SourceMap]:
    """Return the compile request of a chat request's JSON, without a template, and the origins of its parts.

    Raises RequestError and UnsupportedError; paths are pointers into `body`.
    """
    return to_compile_request(translate_chat(read_chat_body(body)))


def to_compile_request(asked: Translation) -> tuple[prompt_compiler_pb2.CompileRequest, SourceMap]:
    """Return the compile request, without a template, and the origins of its parts in the client's request.

    Raises RequestError and UnsupportedError; paths are positions in the client's request.
    """
    places = SourceMap(asked.places)
    with error_paths(asked.places.original):
        request = _compile_request(asked.body, places)
        request.removed_tools.extend(asked.removed_tools)
    return request, add_verbosity(request, asked.body.verbosity, places)


def _compile_request(body: ChatBody, places: SourceMap) -> prompt_compiler_pb2.CompileRequest:
    places.add("/style", Origin("/tool_style"))
    request = prompt_compiler_pb2.CompileRequest(
        messages=messages_to_grpc(body.messages, places),
        tools=tools_to_grpc(body.tools, places),
        tool_choice=tool_choice_to_grpc(body.tool_choice, places),
        parallel_tool_calls=body.parallel_tool_calls,
        response_format=format_to_grpc(body, places),
        style=body.tool_style,
        schema_style=_SCHEMA_STYLES[body.schema_style],
        chat_template_kwargs=_kwargs(body),
        prompt_cache_key=body.prompt_cache_key or "",
        parse_special_in_content=body.parse_special_in_content,
        continue_final_message=body.continue_final_message,
        repeated_calls=_repeated_calls(body),
    )
    _add_reasoning(request, body, places)
    return request


def _repeated_calls(body: ChatBody) -> prompt_compiler_pb2.RepeatedCalls.ValueType:
    return REPEATED_CALLS[body.repeated_calls] if body.repeated_calls else prompt_compiler_pb2.REPEATED_CALLS_UNSPECIFIED


def _kwargs(body: ChatBody) -> str:
    return json_text(body.chat_template_kwargs, "/chat_template_kwargs") if body.chat_template_kwargs else ""


def _add_reasoning(request: prompt_compiler_pb2.CompileRequest, body: ChatBody, places: SourceMap) -> None:
    request.reasoning.think_first = bool(body.think_first)
    effort, path = body.reasoning_effort, "/reasoning_effort"
    if effort is None and body.reasoning:
        effort, path = body.reasoning.effort, "/reasoning/effort"
    if body.reasoning and body.reasoning.enabled is not None:
        request.reasoning.enabled = body.reasoning.enabled
    if effort is not None:
        places.add("/reasoning/effort", Origin(path))
        request.reasoning.effort = effort
        if effort == "none":
            request.reasoning.enabled = False
    budget, path = body.thinking_budget_tokens, "/thinking_budget_tokens"
    if budget is None and body.reasoning:
        budget, path = body.reasoning.max_tokens, "/reasoning/max_tokens"
    if budget is not None and budget >= 0:  # For llama.cpp, -1 means no budget.
        places.add("/reasoning/budget_tokens", Origin(path))
        request.reasoning.budget_tokens = budget


def to_generate_request(asked: Translation, owner: str | None = None) -> tuple[inference_pb2.GenerateRequest, SourceMap]:
    """Return the generate request, without a prompt, and the origins of its parts in the client's request.

    Each owner has its own sessions. Raises RequestError; paths are positions in the client's request.
    """
    places = SourceMap(asked.places)
    with error_paths(asked.places.original):
        return _generate_request(asked.body, owner, places), places


def _generate_request(body: ChatBody, owner: str | None, places: SourceMap) -> inference_pb2.GenerateRequest:
    limit = body.max_completion_tokens or body.max_tokens
    scored = body.logprobs or body.explain
    if body.top_logprobs is not None and not scored:
        raise RequestError("top_logprobs requires logprobs: true", path="/top_logprobs")
    _add_prompt_origins(body, places)
    places.add("/max_tokens", Origin("/max_tokens" if body.max_completion_tokens is None else "/max_completion_tokens"))
    places.add("/top_logprobs", Origin("/logprobs" if body.top_logprobs is None else "/top_logprobs"))
    return inference_pb2.GenerateRequest(
        sampling=sampling_of(body, places),
        max_tokens=None if limit is None else min(limit, _MAX_TOKENS),
        stop=body.stop,
        n=body.n if body.n != 1 else None,
        session_id=_owned(body.session_id, owner),
        parent_session_id=_owned(body.parent_session_id, owner),
        top_logprobs=(body.top_logprobs or 0) if scored else None,
        fast_forward=body.fast_forward,
    )


def _add_prompt_origins(body: ChatBody, places: SourceMap) -> None:
    """Record what the compiled prompt is made from: its segments have no counterpart in a single message."""
    places.add("/prompt", Origin("/messages", whole=True))
    grammar = Origin("" if body.grammar is None else "/grammar", whole=True)
    for name in ("gbnf", "gbnf_after_reasoning"):
        places.add(f"/prompt/{name}", grammar)


def _owned(session_id: str | None, owner: str | None) -> str | None:
    return f"{owner}/{session_id}" if session_id and owner else session_id
