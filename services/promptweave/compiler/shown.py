"""The prompt: what the model is shown, in the words of the template and of the style."""

from collections.abc import Sequence
from typing import Any

from promptweave.compiler.errors import TemplateError, TemplateLimitError
from promptweave.compiler.json_text import dumps
from promptweave.compiler.normalise import (
    CompileWarning,
    alternating,
    as_template_messages,
    with_system_text,
    without_system,
)
from promptweave.compiler.profile import Profile
from promptweave.compiler.request import ChatRequest, Message, SchemaStyle, Tool
from promptweave.compiler.styles import generic, hermes
from promptweave.compiler.template import ChatTemplate


class Shown:
    """What the model is shown."""

    def __init__(self, request: ChatRequest, found: Profile, style: str, warnings: list[CompileWarning]) -> None:
        self._request = request
        self._profile = found
        self._style = style
        self.warnings = warnings
        """Grows while the prompt is made."""

    def render(self, template: ChatTemplate) -> tuple[str, str]:
        """The prompt, and its stable beginning: what a next turn of the conversation would share for sure."""
        messages, tools = self._conversation()
        if not self._profile.system_role:
            messages = self._changed(messages, without_system(messages), "the template knows no system role")
        try:
            prompt = self._render(template, messages, tools)
        except TemplateLimitError:
            raise
        except TemplateError:
            # Most templates that raise want roles to alternate. If it was something else, the first error says it.
            merged = alternating(messages)
            if merged == tuple(messages):
                raise
            try:
                prompt = self._render(template, merged, tools)
            except TemplateError:
                merged = ()
            if not merged:
                raise
            self._changed(messages, merged, "the template wants roles to alternate")
        first = messages[0]
        return prompt, dumps([first.role.value, first.content, tools])

    def _conversation(self) -> tuple[Sequence[Message], list[dict[str, Any]]]:
        request = self._request
        tools: Sequence[Tool] = () if request.tool_choice.none else request.tools
        if self._style == "native" or not tools:
            return request.messages, [tool.as_openai() for tool in tools]
        schemas = request.schema_style or SchemaStyle.JSON
        wanted = request.response_format.schema if request.response_format else None
        if self._style == "hermes":
            if self._profile.calls == hermes.SYNTAX:
                return request.messages, [tool.as_openai() for tool in tools]
            text = hermes.instructions(tools, schemas)
            return with_system_text(hermes.history(request.messages), text), []
        text = generic.instructions(tools, schemas, wanted, parallel=request.parallel_tool_calls)
        return with_system_text(generic.history(request.messages, result_is_json=wanted is not None), text), []

    def _render(self, template: ChatTemplate, messages: Sequence[Message], tools: list[dict[str, Any]]) -> str:
        return template.render(
            as_template_messages(messages, arguments_as_object=self._profile.arguments_as_object),
            tools=tools,
            now=self._request.now,
            variables=self._request.template_kwargs,
        )

    def _changed(self, before: Sequence[Message], after: Sequence[Message], why: str) -> Sequence[Message]:
        if tuple(before) != tuple(after):
            self.warnings.append(CompileWarning("messages_merged", "/messages", f"messages were merged: {why}"))
        return after
