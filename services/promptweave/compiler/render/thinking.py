"""Turns reasoning on or off as a request asks, in the way that its template has."""

from dataclasses import replace
from typing import Any

from promptweave.compiler.profile.reasoning_state import Thinking
from promptweave.compiler.profile.thinking_switch import LEAST_EFFORT, NO_EFFORT, Setting, ThinkingSwitch, thinking_switch
from promptweave.compiler.request import ChatRequest
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.compiler.warnings import CompileWarning


def with_thinking(request: ChatRequest, template: ChatTemplate) -> ChatRequest:
    """Return the request with the variables and the system text of its reasoning; variables of its own take precedence."""
    if request.thinking is None and request.effort is None:
        return request
    switch = thinking_switch(template)
    variables: dict[str, Any] = {}
    if request.thinking is not None:
        # Also if no probe shows a difference: a template may use them only in some conversations.
        variables["enable_thinking"] = variables["thinking"] = request.thinking
    setting = (switch.on if request.thinking else switch.off) or Setting()
    variables |= setting.variables
    effort = request.effort
    if request.thinking is False and switch.off is None:
        effort = LEAST_EFFORT
    if effort is not None:
        variables |= _efforts(request, effort, switch, setting)
    return replace(request, template_kwargs={**variables, **request.template_kwargs}, system_switch=setting.system)


def _efforts(request: ChatRequest, effort: str, switch: ThinkingSwitch, setting: Setting) -> dict[str, Any]:
    """Return the variables that take the effort. One that turns reasoning on or off keeps the value that does so."""
    efforts = {name: switch.effort(name, effort) for name in ("reasoning_effort", *switch.efforts)}
    return {
        name: value
        for name, value in efforts.items()
        if name not in setting.variables or (request.thinking and value not in NO_EFFORT)
    }


def thinking_warnings(request: ChatRequest, template: ChatTemplate, state: Thinking) -> list[CompileWarning]:
    """Return a warning if the template cannot turn reasoning on or off as requested. `state`: that of the prompt."""
    if request.thinking is None:
        return []
    switch, why = thinking_switch(template), ""
    if request.thinking and state is Thinking.CLOSED and switch.on is None:
        why = "the template has no reasoning that can be turned on"
    elif not request.thinking and state is not Thinking.CLOSED and switch.off is None:
        why = "the template has nothing that turns reasoning off; the lowest effort is used"
    path = "/reasoning/enabled" if request.effort is None else "/reasoning/effort"
    return [CompileWarning("reasoning_unchanged", path, why)] if why else []
