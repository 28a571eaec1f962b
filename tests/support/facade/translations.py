"""Requests of each API, translated to those of the services without a server."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from promptweave.facade.anthropic.body import CountBody, MessagesBody
from promptweave.facade.anthropic.to_chat import to_chat as from_messages
from promptweave.facade.bodies.body import read_body
from promptweave.facade.openai.chat.request.body import read_chat_body
from promptweave.facade.openai.chat.request.to_grpc import to_compile_request, to_generate_request
from promptweave.facade.openai.chat.request.translate import translate_chat
from promptweave.facade.openai.chat.request.translated import Translation
from promptweave.facade.openai.responses.request.body import ResponsesBody
from promptweave.facade.openai.responses.request.to_chat import to_chat as from_responses
from promptweave.v1 import prompt_compiler_pb2


@dataclass(frozen=True)
class Translated:
    """A translated request."""

    compile_request: prompt_compiler_pb2.CompileRequest
    warnings: Sequence[prompt_compiler_pb2.Warning]
    requests: bytes
    """Both requests, and the model, for comparisons."""

    @property
    def warned(self) -> frozenset[str]:
        """The positions of warnings."""
        return frozenset(warning.path for warning in self.warnings)


def _chat(body: Mapping[str, Any]) -> Translation:
    return translate_chat(read_chat_body(dict(body)))


def _responses(body: Mapping[str, Any]) -> Translation:
    return from_responses(body, read_body(ResponsesBody, dict(body)), [])


def _messages(body: Mapping[str, Any]) -> Translation:
    return from_messages(body, read_body(MessagesBody, dict(body)))


def _count(body: Mapping[str, Any]) -> Translation:
    return from_messages(body, read_body(CountBody, dict(body)))


TRANSLATIONS: Mapping[str, Callable[[Mapping[str, Any]], Translation]] = {
    "chat": _chat,
    "responses": _responses,
    "messages": _messages,
    "count": _count,
}
"""API → the chat request of a request to it. They raise RequestError and UnsupportedError."""


def translate(api: str, body: Mapping[str, Any]) -> Translated:
    """Return the requests to the services. Raises RequestError and UnsupportedError; paths are pointers into `body`."""
    translation = TRANSLATIONS[api](body)
    compile_request, _ = to_compile_request(translation)
    generate_request, _ = to_generate_request(translation)
    written = [request.SerializeToString(deterministic=True) for request in (compile_request, generate_request)]
    model = (translation.body.model or "").encode()
    return Translated(compile_request, translation.warnings, b"\0".join([*written, model]))
