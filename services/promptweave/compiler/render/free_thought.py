"""Thoughts before a constrained answer of a model whose template has no reasoning: the prompt asks for them and begins them.

A grammar that begins with the answer keeps a model from thinking in text first, which costs small models many right calls.
The thoughts have the syntax of most models that reason, so they are parsed, streamed and limited as reasoning.
"""

from dataclasses import replace

from promptweave.compiler.messages.turns import paragraphs
from promptweave.compiler.profile.profile import Profile
from promptweave.compiler.profile.reasoning_syntax import FREE_THOUGHT
from promptweave.compiler.request import ChatRequest

_INSTRUCTIONS = (
    "Before each answer, think about it briefly in plain text, between <think> and </think>: what is asked, and which "
    "function, if any, with which arguments. The answer or the call itself comes after </think>."
)


def thinking_first(request: ChatRequest, found: Profile) -> tuple[ChatRequest, Profile]:
    """Return a request that asks for thoughts first, and the profile, with a syntax for them if the template has none."""
    if not request.think_first or request.thinking is False or request.continue_final_message:
        return request, found
    if found.reasoning:
        return replace(request, thinking=True), found
    return replace(request, thinking=None), replace(found, reasoning=FREE_THOUGHT)


def with_free_thought(request: ChatRequest) -> ChatRequest:
    """Return the request with the instructions at the end of its system message."""
    return replace(request, system_switch=paragraphs([request.system_switch, _INSTRUCTIONS]))
