"""Renders the prompt that the model receives, from the template and the calling style."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from promptweave.compiler.errors import TemplateError, TemplateLimitError
from promptweave.compiler.json_text import dumps
from promptweave.compiler.messages.fallback import Conversation, Fitted, Prepare, StandIns, Write
from promptweave.compiler.messages.images import Pictures
from promptweave.compiler.messages.normalize import as_template_messages, thoughts_apart
from promptweave.compiler.messages.prefill import EndMarker
from promptweave.compiler.messages.tool_history import results_in_order, unmatched
from promptweave.compiler.messages.turns import Turn, Turns, with_system_text
from promptweave.compiler.profile.capabilities import TemplateCapabilities
from promptweave.compiler.profile.probe_capabilities import template_capabilities
from promptweave.compiler.profile.profile import Profile
from promptweave.compiler.profile.reasoning_state import Thinking, thinking
from promptweave.compiler.request import ChatRequest, Message, Role, SchemaStyle, Tool
from promptweave.compiler.styles import functionary_v2, generic, hermes, native
from promptweave.compiler.styles.calls_as_content import as_content
from promptweave.compiler.styles.tool_text import with_required_descriptions
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.compiler.warnings import CompileWarning


class PromptRenderer:
    """Renders the prompt of one request."""

    def __init__(
        self,
        request: ChatRequest,
        found: Profile,
        style: str,
        warnings: list[CompileWarning],
        pictures: Pictures | None = None,
        stand_ins: StandIns | None = None,
    ) -> None:
        """Create a renderer.

        `pictures`: the images in the request's contents; `stand_ins`: those of requests with the same plan.
        """
        self._pictures = pictures
        self._stand_ins = stand_ins or StandIns()
        self._request = request
        self._profile = found
        self._tools: Sequence[Tool] = () if request.tool_choice.none else request.tools
        native = style == "native" or (style == "hermes" and found.calls == hermes.SYNTAX)
        self._style = "native" if native or not self._tools else style
        calls_as_content = self._style == "native" and self._tools and found.calls_as_content
        self._written = found.calls if calls_as_content else None
        self.warnings = warnings
        """Grows while the prompt is rendered."""

    def render(self, template: ChatTemplate) -> tuple[str, str]:
        """Return the prompt, and its stable beginning, which a next turn of the conversation is certain to share."""
        able = template_capabilities(template)
        if self._profile.calls:
            # Calls of the history get the form of those that the model generates.
            able = replace(
                able,
                requires_object_arguments=self._profile.arguments_as_object,
                requires_null_content=self._profile.null_beside_calls,
                results_after_text=self._written is not None and self._profile.tool_results,
            )
        if able.thoughts_dropped:
            self._request = replace(self._request, messages=thoughts_apart(self._request.messages))
        fitted = (
            self._render_prefill(template, able)
            if self._request.continue_final_message
            else self._render_request(template, able)
        )
        self.warnings += [*unmatched(self._request.messages), *fitted.warnings]
        # Includes the first question: conversations that share only the system text need not share one replica.
        question = next((at for at, turn in enumerate(fitted.turns) if turn.role is Role.USER), 0)
        opening = [[turn.role.value, turn.content] for turn in fitted.turns[: question + 1]]
        return fitted.prompt, dumps([opening, self._template_tools(able)])

    def _render_request(self, template: ChatTemplate, able: TemplateCapabilities) -> Fitted:
        """Render the conversation and the generation prompt."""

        def write(turns: Turns, able: TemplateCapabilities) -> str:
            return self._render(template, turns, able)

        return self._conversation(self._turns, write).render_with_fallbacks(able)

    def _conversation(self, prepare: Prepare, write: Write) -> Conversation:
        return Conversation(
            self._request.messages,
            self._tools,
            self._style == "native",
            prepare,
            write,
            self._pictures,
            self._stand_ins,
            self._request.template_kwargs,
        )

    def _render_prefill(self, template: ChatTemplate, able: TemplateCapabilities) -> Fitted:
        """Render the conversation with its last message left open."""
        mark = EndMarker.for_messages(self._request.messages)

        def turns_of(messages: Sequence[Message]) -> Turns:
            # The last message is the beginning of the model's output: the style does not rewrite it as history.
            shown = self._turns(messages[:-1])
            return (*shown, Turn(mark.put(messages[-1]), len(messages) - 1))

        def write(turns: Turns, able: TemplateCapabilities) -> str:
            prompt, content = mark.cut(self._render(template, turns, able, add_generation_prompt=False)), turns[-1].content
            said = mark.cut(content)
            return self._close_reasoning(prompt.removesuffix(said)) + said if prompt.endswith(said) else prompt

        def write_as_answer(turns: Turns, able: TemplateCapabilities) -> str:
            asked = self._render(template, turns[:-1] or (Turn(Message(Role.USER, "")),), able)
            return self._close_reasoning(asked) + mark.cut(turns[-1].content)

        conversation = self._conversation(turns_of, write)
        try:
            return conversation.render_with_fallbacks(able)
        except TemplateLimitError:
            raise
        except TemplateError:
            # The template does not render such a message, or not at the end: it then takes the position of an answer.
            return replace(conversation, write=write_as_answer).render_with_fallbacks(able)

    def _close_reasoning(self, prompt: str) -> str:
        """Close reasoning that the template may have opened at the end of the prompt: the text that follows is content."""
        reasoning = self._profile.reasoning
        return prompt + reasoning.closing if reasoning and thinking(self._profile, prompt) is Thinking.OPEN else prompt

    def _turns(self, messages: Sequence[Message]) -> Turns:
        """Return the messages in the style's form, with the style's instructions about the tools."""
        request = self._request
        wanted = request.answer_schema
        schemas = request.schema_style or SchemaStyle.JSON
        shown, instructions = tuple(messages), ""
        if self._style == "hermes":
            shown, instructions = hermes.history(messages), hermes.instructions(self._tools, schemas)
        elif self._style == "functionary_v2":
            shown, instructions = functionary_v2.history(messages), functionary_v2.instructions(self._tools, schemas)
        elif self._style == "generic":
            shown = generic.history(messages, result_is_json=wanted is not None)
            instructions = generic.instructions(self._tools, schemas, wanted, parallel=request.parallel_tool_calls)
        elif self._tools and self._profile.calls and not self._profile.tools_published:
            instructions = native.instructions(self._tools, schemas, self._profile.calls)
        turns = tuple(Turn(message, place) for place, message in enumerate(shown))
        if self._written:
            # If calls are text, the order of the results shows which call each belongs to.
            ordered = results_in_order(turns)
            turns = tuple(replace(turn, message=as_content(turn.message, self._written)) for turn in ordered)
        return with_system_text(turns, instructions) if instructions else turns

    def _render(
        self, template: ChatTemplate, turns: Turns, able: TemplateCapabilities, *, add_generation_prompt: bool = True
    ) -> str:
        if self._pictures and able.picture:
            try:
                prompt = self._rendered(template, turns, able, add_generation_prompt)
            except TemplateLimitError:
                raise
            except TemplateError:
                restored = None
            else:
                restored = self._pictures.restored(prompt, turns, able.picture.written)
            if restored is not None:
                return restored
        # The template does not support images, or not these: they appear as text.
        return self._rendered(template, turns, replace(able, picture=None), add_generation_prompt)

    def _rendered(
        self, template: ChatTemplate, turns: Turns, able: TemplateCapabilities, add_generation_prompt: bool
    ) -> str:
        return template.render(
            as_template_messages(turns, able, self._pictures),
            tools=self._template_tools(able),
            add_generation_prompt=add_generation_prompt,
            now=self._request.now,
            variables=self._request.template_kwargs,
        )

    def _template_tools(self, able: TemplateCapabilities) -> list[dict[str, Any]]:
        """Return the tools that the template receives."""
        if self._style != "native":
            return []
        written = [tool.as_openai() for tool in self._tools]
        return written if able.tools_undescribed else [with_required_descriptions(tool) for tool in written]
