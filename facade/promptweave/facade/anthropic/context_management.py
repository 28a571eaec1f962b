"""`context_management`: applies the edits that a request wants, if the conversation is long enough for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from promptweave.facade.anthropic.body import ContextEdit, CountBody
from promptweave.facade.anthropic.context_edits import EDITS, count_calls
from promptweave.facade.anthropic.objects import AppliedEdit
from promptweave.facade.anthropic.to_chat import to_chat
from promptweave.facade.openai.chat.pipeline import compile_chat
from promptweave.facade.openai.chat.request.translated import Translation
from promptweave.facade.policy.messages import without_version
from promptweave.v1 import prompt_compiler_pb2

_TRIGGER_TOKENS = 100_000
"""The size above which old tool results are removed, by default."""


@dataclass(frozen=True)
class ManagedContext:
    """A request whose conversation has been edited."""

    translation: Translation
    edits: Sequence[AppliedEdit] | None
    """The edits that changed the conversation; None: the request has no `context_management`."""


async def manage_context(request: Request, raw: Mapping[str, Any], body: CountBody) -> ManagedContext:
    """Translate the request, and apply its context edits. Raises PromptweaveError; paths are positions in the request."""
    translation = to_chat(raw, body)
    if body.context_management is None:
        return ManagedContext(translation, None)
    edits: list[AppliedEdit] = []
    tokens: int | None = None
    for edit in body.context_management.edits:
        kind = without_version(edit.type)
        if kind not in EDITS or not (cleared := EDITS[kind](body.messages, edit)).count:
            continue
        if tokens is None:
            tokens = await _count(request, translation)
        if kind == "clear_tool_uses" and not _is_triggered(edit, body, tokens):
            continue
        edited = body.model_copy(update={"messages": cleared.messages})
        shorter = to_chat(raw, edited)
        removed = tokens - await _count(request, shorter)
        if edit.clear_at_least is not None and removed < edit.clear_at_least.value:
            continue
        body, translation, tokens = edited, shorter, tokens - removed
        edits.append(_applied(edit, cleared.count, removed))
    return ManagedContext(translation, edits)


async def _count(request: Request, translation: Translation) -> int:
    """Return the tokens of the prompt without its images, which only the engine could count."""
    compiled = await compile_chat(request, translation)
    texts = (segment for segment in compiled.prompt.segments if not segment.HasField("image"))
    return await compiled.model.services.count_tokens(prompt_compiler_pb2.CompiledPrompt(segments=texts))


def _is_triggered(edit: ContextEdit, body: CountBody, tokens: int) -> bool:
    if edit.trigger is None:
        return tokens > _TRIGGER_TOKENS
    return (count_calls(body.messages) if edit.trigger.type == "tool_uses" else tokens) > edit.trigger.value


def _applied(edit: ContextEdit, count: int, tokens: int) -> AppliedEdit:
    if without_version(edit.type) == "clear_thinking":
        return {"type": edit.type, "cleared_thinking_turns": count, "cleared_input_tokens": max(0, tokens)}
    return {"type": edit.type, "cleared_tool_uses": count, "cleared_input_tokens": max(0, tokens)}
