"""Detects what a chat template does, by rendering it with sentinels and comparing the results."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any

from promptweave.compiler.errors import TemplateError, TemplateLimitError
from promptweave.compiler.markup import TAG, common_prefix, common_suffix, tags
from promptweave.compiler.profile.call_slots import ID
from promptweave.compiler.profile.call_syntax import Derivation, Shape, derive_calls
from promptweave.compiler.profile.capabilities import TextBeforeCalls
from promptweave.compiler.profile.probe_capabilities import template_capabilities
from promptweave.compiler.profile.reasoning_syntax import ReasoningSyntax, derive_reasoning
from promptweave.compiler.profile.thinking_variables import reasoning_candidates
from promptweave.compiler.profile.trained_forms import TrainedFormat, reads_back, trained_format
from promptweave.compiler.styles.answer import PLAIN, AnswerSyntax
from promptweave.compiler.styles.calls import CallSyntax, Slot
from promptweave.compiler.styles.message_forms import MessageForms
from promptweave.compiler.styles.registry import default_style
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.compiler.template.message_shapes import TemplateMessage, in_parts, results_in_calls

CLOCK = datetime(2024, 7, 26, tzinfo=UTC)
"""The time at which probes are rendered."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a template does.

    `assistant_head` precedes everything that the assistant writes, `turn_end` follows it, and `answer` surrounds content.
    `calls` is None if the template writes no calls, or if their syntax could not be verified. `calls_as_content`: it does
    not write them itself, and those of history are given to it as content. `null_beside_calls`: content is null if there
    are only calls. `stops`: the tags that end an answer. `message_forms`: the messages that an answer consists of, if the
    model was trained to write more than the template does. `notes` describe for a reader what was found, and what falls
    back and why.
    """

    system_role: bool
    tools_published: bool
    arguments_as_object: bool
    tool_results: bool
    consecutive_users: bool
    generation_prompt: str
    assistant_head: str
    turn_end: str
    calls: CallSyntax | None
    reasoning: ReasoningSyntax | None
    notes: tuple[str, ...]
    answer: AnswerSyntax = PLAIN
    null_beside_calls: bool = False
    calls_as_content: bool = False
    stops: tuple[str, ...] = ()
    message_forms: MessageForms | None = None
    text_before_calls: TextBeforeCalls | None = None

    @property
    def style(self) -> str:
        """Return the name of the default style of requests."""
        return default_style(self).name


def profile(template: ChatTemplate) -> Profile:
    """Return the profile of a template, cached by its text. Raises TemplateError if it cannot render one user message."""
    return _cached(template.source, template.bos_token, template.eos_token, tuple(sorted(template.named.items())))


@lru_cache(maxsize=64)
def _cached(source: str, bos: str, eos: str, named: tuple[tuple[str, str], ...]) -> Profile:
    return Probe(ChatTemplate(source, bos, eos, dict(named))).profile()


class Probe:
    """Renders one template with many messages and settings."""

    def __init__(self, template: ChatTemplate) -> None:
        self._template = template
        self._abilities = template_capabilities(template)
        self._rendered: dict[str, str | None] = {}
        self.reasoning: ReasoningSyntax | None = None

    def render(
        self,
        *messages: TemplateMessage,
        tools: bool = False,
        prompt: bool = False,
        variables: Mapping[str, Any] | None = None,
    ) -> str | None:
        """Return a render, or None if the template raises."""
        key = repr((messages, tools, prompt, variables or {}))
        if key not in self._rendered:
            shown = [tool("zqtool"), tool("zqother")] if tools else []
            given = [in_parts(message) for message in messages] if self._abilities.requires_typed_content else messages
            try:
                self._rendered[key] = self._template.render(
                    given, tools=shown, add_generation_prompt=prompt, now=CLOCK, variables=variables
                )
            except TemplateLimitError:
                raise
            except TemplateError:
                self._rendered[key] = None
        return self._rendered[key]

    @cached_property
    def always(self) -> str:
        """Return the text that the template always writes after all messages: an instruction, or a generation prompt."""
        bare, prompt, whole = self.render(USER), self.render(USER, prompt=True), self.render(USER, ANSWER)
        if not (bare and prompt and whole) or (whole.startswith(bare) and prompt != bare):
            return ""
        suffix = common_suffix(bare, whole)
        found = [tag.end() for tag in TAG.finditer(suffix)]
        # The first tag ends the preceding turn.
        return suffix[found[0] :] if len(found) > 1 else ""

    def turn(
        self, message: dict[str, Any], *, tools: bool = False, variables: Mapping[str, Any] | None = None
    ) -> str | None:
        """Return the template's text for an answer; None if it raises, or changes the text before the answer."""
        bare = self.render(USER, tools=tools, variables=variables)
        whole = self.render(USER, message, tools=tools, variables=variables)
        if not bare or not whole:
            return None
        if self.always and bare.endswith(self.always) and whole.endswith(self.always):
            bare, whole = bare.removesuffix(self.always), whole.removesuffix(self.always)
        return whole.removeprefix(bare) if whole.startswith(bare) else None

    def generation_prompt(self, variables: Mapping[str, Any] | None = None, *, tools: bool = False) -> str:
        """Return the generation prompt."""
        bare = self.render(USER, variables=variables, tools=tools) or ""
        prompt = self.render(USER, prompt=True, variables=variables, tools=tools) or ""
        if prompt == bare:
            return self.always
        return prompt.removeprefix(bare) if prompt.startswith(bare) else ""

    def tools_shown(self) -> str:
        """Return a prompt with tools."""
        return self.render(USER, tools=True) or ""

    def without_reasoning(self, body: str) -> str:
        """Return the text after the head, without an empty reasoning block."""
        if not self.reasoning:
            return body
        opening, closing = self.reasoning.opening.strip(), self.reasoning.closing
        found = re.match(rf"\s*(?:{re.escape(opening)}\s*)?{re.escape(closing.strip())}", body)
        if not found:
            return body
        rest, white = body[found.end() :], closing[len(closing.rstrip()) :]
        return rest.removeprefix(white)

    def profile(self) -> Profile:
        """Derive the complete profile."""
        if self.render(USER) is None:
            # Raise the template's own error.
            self._template.render([USER], add_generation_prompt=False, now=CLOCK)
        generation_prompt = self.generation_prompt()
        plain_head, _, turn_end = (self.turn(ANSWER) or generation_prompt).partition("zqcontent")
        self.reasoning = derive_reasoning(
            lambda message, variables: self.turn(message, variables=variables, tools=bool(message.get("tool_calls"))),
            self.generation_prompt,
            [ANSWER, Shape().message((("zqtool", {"zqkey": "zqvalue"}),))],
            self._template.source_for(tools=True),
            [{}, *(setting for setting in reasoning_candidates(self._template).settings() if False not in setting.values())],
        )
        head = self._head(generation_prompt, plain_head)
        header = plain_head.removeprefix(head)
        self._tell_without(header, generation_prompt)
        header = self._content_header(header, generation_prompt)
        system = self.render({"role": "system", "content": "zqsystem"}, USER)
        twice = self.render(USER, {"role": "user", "content": "zqsecond"})
        published = "zqtool" in self.tools_shown()
        found = derive_calls(self, head, header, turn_end)
        ends = dict.fromkeys(filter(None, (*tags(turn_end)[-1:], found.end)))
        entry = self._format(found, head)
        null = ["content next to calls is passed to the template as null"] if found.shape.content is None else []
        return Profile(
            system_role="zqsystem" in (system or ""),
            tools_published=published,
            arguments_as_object=found.shape.arguments_as_object,
            tool_results="zqresult" in (self.render(USER, *_exchange(found), tools=True) or ""),
            consecutive_users="zquser" in (twice or "") and "zqsecond" in (twice or ""),
            generation_prompt=generation_prompt,
            assistant_head=head,
            turn_end=turn_end,
            calls=found.syntax,
            null_beside_calls=found.shape.content is None,
            calls_as_content=found.shape.written is not None,
            reasoning=self.reasoning,
            message_forms=entry.forms if entry else None,
            text_before_calls=self._text_before_calls(found, head, turn_end, entry),
            notes=(
                *self._notes(published, found.answer),
                *found.notes,
                *_trained(entry),
                *null,
                *self._abilities.notes(),
            ),
            answer=found.answer,
            stops=tuple(end for end in ends if not (found.syntax and end in found.syntax.opening)),
        )

    def _head(self, generation_prompt: str, plain_head: str) -> str:
        """Return the text before everything that the assistant writes: reasoning, content and calls."""
        if not generation_prompt:
            head = plain_head
        elif generation_prompt in plain_head:
            head = plain_head[: plain_head.find(generation_prompt) + len(generation_prompt)]
        else:
            head = common_prefix(generation_prompt, plain_head)
        if self.reasoning:
            # A prompt that opens or closes reasoning already contains the beginning of the assistant's text.
            for text in (self.reasoning.opening, self.reasoning.closing):
                place = head.rfind(text.strip())
                head = head[:place] if place >= 0 else head
        # If the two diverge inside a tag, the tag belongs to neither.
        return re.sub(r"<[^<>]*$", "", head)

    def _tell_without(self, header: str, generation_prompt: str) -> None:
        """Record whether an answer without reasoning begins with the closing text although the prompt opened none."""
        reasoning = self.reasoning
        if not reasoning or header.strip() != reasoning.closing.strip():
            return
        if reasoning.opening.strip() not in generation_prompt and not generation_prompt.rstrip().endswith(header.strip()):
            self.reasoning = replace(reasoning, without=header)

    def _content_header(self, header: str, generation_prompt: str) -> str:
        """Return the text before content alone, without reasoning."""
        header = self.without_reasoning(header)
        if self.reasoning and self.reasoning.opening.strip() in header:
            return ""
        return header if header.strip() else ""

    def _format(self, found: Derivation, head: str) -> TrainedFormat | None:
        """Return the format that the model was trained on, if there is an entry that reads what the template writes."""
        entry = trained_format(head, found.answer, self.reasoning)
        if entry is None or found.syntax is None:
            return None
        ends = [tag for tag in (found.end, *tags(self.turn(ANSWER) or "")[-1:]) if tag]

        def body(message: dict[str, Any]) -> str | None:
            turn = self.turn(message, tools=True)
            if turn is None or not turn.startswith(head):
                return None
            text = turn.removeprefix(head).rstrip()
            return text.removesuffix(next((end for end in ends if text.endswith(end)), ""))

        if not reads_back(entry.forms, body, _exchange(found)[0]):
            return None
        self.reasoning = self.reasoning or entry.reasoning
        return entry

    def _text_before_calls(
        self, found: Derivation, head: str, turn_end: str, entry: TrainedFormat | None
    ) -> TextBeforeCalls | None:
        """Return where text beside calls has to be inserted, if the template has no place for it."""
        if found.syntax is None or found.shape.written or found.syntax.call[0] is not Slot.NAME:
            return None
        if entry:
            return TextBeforeCalls(found.syntax.opening, entry.forms.preamble, entry.forms.end + entry.forms.start)
        if self._abilities.content_beside_calls or not found.answer.beside:
            return None
        loop: list[TemplateMessage] = [*_exchange(found), ANSWER, *_exchange(found)]
        loop = results_in_calls(loop) if self._abilities.results_in_call else loop
        rest = (self.render(USER, *loop, tools=True) or "").partition("zqcontent")[2]
        between, begun, _ = rest.partition(found.syntax.opening + "zqtool")
        # A turn of text that follows a result ends the turn; the call after it begins none.
        outside = begun and head.strip() and head.strip() not in between and turn_end.strip() and turn_end.strip() in between
        return TextBeforeCalls(found.syntax.opening, after=found.syntax.lead) if outside else None

    def _notes(self, published: bool, answer: AnswerSyntax) -> list[str]:
        notes = ["the template renders the tools" if published else _HIDDEN]
        if self.reasoning:
            notes.append(f"reasoning is rendered between {self.reasoning.opening!r} and {self.reasoning.closing!r}")
        if picture := self._abilities.picture:
            notes.append(f"an image is rendered as {picture.written!r}, which the image replaces")
        if answer.header or answer.end:
            notes.append(f"content is rendered between {answer.header!r} and {answer.end!r}")
        usual = self.render(USER, prompt=True)
        candidates = reasoning_candidates(self._template)
        efforts = ({name: effort} for name in candidates.efforts for effort in ("high", "none"))
        for setting in (*candidates.settings(), *efforts):
            changed = self.render(USER, prompt=True, variables=setting)
            if changed is not None and changed != usual:
                prompt = self.generation_prompt(setting)
                differs = prompt != self.generation_prompt()
                what = f"changes the generation prompt to {prompt!r}" if differs else "changes the prompt"
                notes.extend(f"{name}={value!r} {what}" for name, value in setting.items())
        return notes


def _trained(entry: TrainedFormat | None) -> list[str]:
    return [f"the model may also write what its format has besides: {entry.source}"] if entry else []


_HIDDEN = "the template does not render the tools; they are described in the system turn"

USER = {"role": "user", "content": "zquser"}
ANSWER = {"role": "assistant", "content": "zqcontent"}


def tool(name: str) -> dict[str, Any]:
    """Return a tool for probes."""
    parameters = {"type": "object", "properties": {"zqkey": {"type": "string", "description": "zq"}}, "required": ["zqkey"]}
    return {"type": "function", "function": {"name": name, "description": "zq", "parameters": parameters}}


def _exchange(found: Derivation) -> list[dict[str, Any]]:
    call = found.shape.message((("zqtool", {"zqkey": "zqvalue"}),))
    return [call, {"role": "tool", "tool_call_id": ID.format(1), "name": "zqtool", "content": "zqresult"}]
