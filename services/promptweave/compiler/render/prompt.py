"""Renders the prompt that the model receives, from the template and the calling style."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from promptweave.compiler.errors import TemplateError, TemplateLimitError
from promptweave.compiler.json_text import dumps
from promptweave.compiler.messages.fallback import Conversation, FittedPrompt, RenderTurns, StandIns, TurnsOf
from promptweave.compiler.messages.images import Pictures
from promptweave.compiler.messages.normalize import as_template_messages, thoughts_apart
from promptweave.compiler.messages.prefill import EndMarker
from promptweave.compiler.messages.text_before_calls import InsertedTexts
from promptweave.compiler.messages.tool_history import results_in_order, unmatched
from promptweave.compiler.messages.turns import Turn, Turns, paragraphs, with_system_text
from promptweave.compiler.profile.capabilities import TemplateCapabilities
from promptweave.compiler.profile.probe_capabilities import template_capabilities
from promptweave.compiler.profile.profile import Profile, profile
from promptweave.compiler.profile.reasoning_state import Thinking, thinking
from promptweave.compiler.request import ChatRequest, Message, Role, Tool
from promptweave.compiler.styles.calls import CallSyntax
from promptweave.compiler.styles.calls_as_content import as_content
from promptweave.compiler.styles.native import NATIVE
from promptweave.compiler.styles.style import CallingStyle
from promptweave.compiler.styles.tool_text import with_description, with_required_descriptions
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.compiler.warnings import CompileWarning


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt. `prefix` identifies its beginning, which a next turn of the conversation is certain to share."""

    prompt: str
    prefix: str
    warnings: tuple[CompileWarning, ...]


@dataclass(frozen=True, slots=True)
class PromptRenderer:
    """Renders prompts for a template in a calling style.

    `stand_ins` caches what the template drops; share one between renderers of requests that differ only in messages.
    """

    template: ChatTemplate
    style: CallingStyle
    stand_ins: StandIns = field(default_factory=StandIns)

    def render(self, request: ChatRequest, pictures: Pictures | None = None) -> Rendered:
        """Render a request's prompt. `pictures`: the images in its contents. Raises TemplateError."""
        found, capabilities = profile(self.template), template_capabilities(self.template)
        if capabilities.thoughts_dropped:
            request = replace(request, messages=thoughts_apart(request.messages))
        by_template = request.tool_choice.none or not request.tools or self.style.is_rendered_by(found)
        style = NATIVE if by_template else self.style
        return _RequestRenderer(self.template, found, style, self.stand_ins, request, pictures).render(capabilities)


@dataclass(frozen=True, slots=True)
class _RequestRenderer:
    """Renders one request. `style` is that of its history: `native` if the template renders it."""

    template: ChatTemplate
    profile: Profile
    style: CallingStyle
    stand_ins: StandIns
    request: ChatRequest
    pictures: Pictures | None

    @property
    def tools(self) -> Sequence[Tool]:
        """The tools that the prompt shows at its beginning."""
        if self.request.tool_choice.none:
            return ()
        return tuple(tool for tool in self.request.tools if not tool.in_message)

    @property
    def by_template(self) -> bool:
        """Whether the template receives tools and calls."""
        return self.style.is_rendered_by(self.profile)

    @property
    def calls_as_content(self) -> CallSyntax | None:
        """The syntax in which the template receives calls as content, if it does not write them itself."""
        return self.profile.calls if self.by_template and self.tools and self.profile.calls_as_content else None

    def render(self, capabilities: TemplateCapabilities) -> Rendered:
        if self.profile.calls:
            # Calls of the history get the form of those that the model generates.
            capabilities = replace(
                capabilities,
                requires_object_arguments=self.profile.arguments_as_object,
                requires_null_content=self.profile.null_beside_calls,
                text_before_calls=self.profile.text_before_calls,
                results_after_text=self.calls_as_content is not None and self.profile.tool_results,
            )
        fitted = (
            self._render_prefill(capabilities) if self.request.continue_final_message else self._render_request(capabilities)
        )
        # Includes the first question: conversations that share only the system text need not share one replica.
        question = next((at for at, turn in enumerate(fitted.turns) if turn.role is Role.USER), 0)
        opening = [[turn.role.value, turn.content] for turn in fitted.turns[: question + 1]]
        return Rendered(
            prompt=fitted.prompt,
            prefix=dumps([opening, self._template_tools(capabilities)]),
            warnings=(*unmatched(self.request.messages), *fitted.warnings),
        )

    def _render_request(self, capabilities: TemplateCapabilities) -> FittedPrompt:
        """Render the conversation and the generation prompt."""
        fitted = self._conversation(self._turns, self._render).render_with_fallbacks(capabilities)
        if self.request.thinking is False:
            # A prompt that opens reasoning anyway.
            return replace(fitted, prompt=self._close_reasoning(fitted.prompt))
        return fitted

    def _conversation(self, prepare: TurnsOf, write: RenderTurns) -> Conversation:
        return Conversation(
            self.request.messages,
            self.tools,
            self.by_template,
            prepare,
            write,
            self.pictures,
            self.stand_ins,
            {**self.request.template_kwargs, "": self.request.system_switch},
        )

    def _render_prefill(self, capabilities: TemplateCapabilities) -> FittedPrompt:
        """Render the conversation with its last message left open."""
        mark = EndMarker.for_messages(self.request.messages)

        def turns_of(messages: Sequence[Message]) -> Turns:
            # The last message is the beginning of the model's output: the style does not rewrite it as history.
            return (*self._turns(messages[:-1]), Turn(mark.put(messages[-1]), len(messages) - 1))

        def write(turns: Turns, able: TemplateCapabilities) -> str:
            prompt, content = mark.cut(self._render(turns, able, add_generation_prompt=False)), turns[-1].content
            said = mark.cut(content)
            return self._close_reasoning(prompt.removesuffix(said)) + said if prompt.endswith(said) else prompt

        def write_as_answer(turns: Turns, able: TemplateCapabilities) -> str:
            prompt = self._render(turns[:-1] or (Turn(Message(Role.USER, "")),), able)
            return self._close_reasoning(prompt) + mark.cut(turns[-1].content)

        conversation = self._conversation(turns_of, write)
        try:
            return conversation.render_with_fallbacks(capabilities)
        except TemplateLimitError:
            raise
        except TemplateError:
            # The template does not render such a message, or not at the end: it then takes the position of an answer.
            return replace(conversation, write=write_as_answer).render_with_fallbacks(capabilities)

    def _close_reasoning(self, prompt: str) -> str:
        """Close reasoning that the template may have opened at the end of the prompt: the text that follows is content."""
        reasoning = self.profile.reasoning
        return prompt + reasoning.closing if reasoning and thinking(self.profile, prompt) is Thinking.OPEN else prompt

    def _turns(self, messages: Sequence[Message]) -> Turns:
        """Return the messages in the style's form, with the style's instructions about the tools."""
        history = self.style.history(messages, self.request)
        turns = tuple(Turn(message, place) for place, message in enumerate(history))
        if syntax := self.calls_as_content:
            # If calls are text, the order of the results shows which call each belongs to.
            turns = tuple(replace(turn, message=as_content(turn.message, syntax)) for turn in results_in_order(turns))
        instructions = self.style.instructions(self.request, self.profile) if self.tools else ""
        added = paragraphs([instructions, self.request.system_switch])
        return with_system_text(turns, added) if added else turns

    def _render(self, turns: Turns, able: TemplateCapabilities, *, add_generation_prompt: bool = True) -> str:
        if self.pictures and able.picture:
            try:
                prompt = self._render_template(turns, able, add_generation_prompt)
            except TemplateLimitError:
                raise
            except TemplateError:
                restored = None
            else:
                restored = self.pictures.restored(prompt, turns, able.picture.written)
            if restored is not None:
                return restored
        # The template does not support images, or not these: they appear as text.
        return self._render_template(turns, replace(able, picture=None), add_generation_prompt)

    def _render_template(self, turns: Turns, able: TemplateCapabilities, add_generation_prompt: bool) -> str:
        inserted = InsertedTexts(turns, able.text_before_calls) if able.text_before_calls else None
        prompt = self.template.render(
            as_template_messages(inserted.marked() if inserted else turns, able, self.pictures),
            tools=self._template_tools(able),
            add_generation_prompt=add_generation_prompt,
            now=self.request.now,
            variables=self.request.template_kwargs,
        )
        return inserted.insert(prompt) if inserted else prompt

    def _template_tools(self, able: TemplateCapabilities) -> list[dict[str, Any]]:
        """Return the tools that the template receives."""
        if not self.by_template:
            return []
        tools = [tool.as_openai() for tool in self.tools]
        if not able.description_optional:
            tools = [with_description(tool) for tool in tools]
        return tools if able.tools_undescribed else [with_required_descriptions(tool) for tool in tools]
