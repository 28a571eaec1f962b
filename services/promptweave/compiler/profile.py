"""What a chat template does, found out by rendering it with sentinels and looking at what differs."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from promptweave.compiler.derive import Derivation, derive_calls
from promptweave.compiler.errors import TemplateError, TemplateLimitError
from promptweave.compiler.forms import in_parts
from promptweave.compiler.markup import common_prefix, tags
from promptweave.compiler.probe_abilities import abilities
from promptweave.compiler.styles.calls import CallSyntax
from promptweave.compiler.template import ChatTemplate

CLOCK = datetime(2024, 7, 26, tzinfo=UTC)
"""The time that probes are rendered at."""


@dataclass(frozen=True, slots=True)
class ReasoningSyntax:
    """`opening` reasoning `closing`, before the content."""

    opening: str
    closing: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What a template does.

    `assistant_head` stands before everything that the assistant writes, `turn_end` after it. `calls` None: it writes no
    calls, or not in a way that could be verified. `notes` say, for a person, what was found and what falls back and why.
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

    @property
    def style(self) -> str:
        """The style that requests get by default."""
        return "native" if self.calls and self.tools_published else "generic"


def profile(template: ChatTemplate) -> Profile:
    """The profile of a template, cached by its text. Raises TemplateError if it cannot even render one user message."""
    return _cached(template.source, template.bos_token, template.eos_token, tuple(sorted(template.named.items())))


@lru_cache(maxsize=64)
def _cached(source: str, bos: str, eos: str, named: tuple[tuple[str, str], ...]) -> Profile:
    return Probe(ChatTemplate(source, bos, eos, dict(named))).profile()


class Probe:
    """Renders one template in many ways."""

    def __init__(self, template: ChatTemplate) -> None:
        self._template = template
        self._abilities = abilities(template)

    def render(self, *messages: dict[str, Any], tools: bool = False, prompt: bool = False) -> str | None:
        """A render, or None where the template raises."""
        shown = [tool("zqtool"), tool("zqother")] if tools else []
        given = [in_parts(message) for message in messages] if self._abilities.content_as_parts else messages
        try:
            return self._template.render(given, tools=shown, add_generation_prompt=prompt, now=CLOCK)
        except TemplateLimitError:
            raise
        except TemplateError:
            return None

    def turn(self, message: dict[str, Any], *, tools: bool = False) -> str | None:
        """What the template makes of an answer; None where it raises, or changes what stands before it."""
        bare, whole = self.render(USER, tools=tools), self.render(USER, message, tools=tools)
        return whole.removeprefix(bare) if bare and whole and whole.startswith(bare) else None

    def profile(self) -> Profile:
        """All that can be found out."""
        bare = self.render(USER)
        if bare is None:
            # For the template's own words on it.
            bare = self._template.render([USER], add_generation_prompt=False, now=CLOCK)
        asked = self.render(USER, prompt=True) or bare
        generation_prompt = asked.removeprefix(bare) if asked.startswith(bare) else ""
        plain_head, _, turn_end = (self.turn(ANSWER) or generation_prompt).partition("zqcontent")
        # Where the two part inside a tag, the tag belongs to neither.
        head = re.sub(r"<[^<>]*$", "", common_prefix(generation_prompt, plain_head)) if generation_prompt else plain_head
        reasoning = self._reasoning(head)
        system = self.render({"role": "system", "content": "zqsystem"}, USER)
        twice = self.render(USER, {"role": "user", "content": "zqsecond"})
        published = "zqtool" in (self.render(USER, tools=True) or "")
        notes = ["the template shows tools" if published else "the template does not show tools that it is given"]
        notes += [f"reasoning is written between {reasoning.opening!r} and {reasoning.closing!r}"] if reasoning else []
        found = Derivation()
        if published:
            header = plain_head.removeprefix(head)
            if header.strip() and not (reasoning and reasoning.opening.strip() in header):
                found = Derivation(
                    notes=(f"calls: answers have a header of their own, {header!r}; the generic style is used",)
                )
            else:
                found = derive_calls(self, head, header, turn_end, frozenset({*tags(asked), *tags(head)}))
        return Profile(
            system_role="zqsystem" in (system or ""),
            tools_published=published,
            arguments_as_object=found.arguments_as_object,
            tool_results="zqresult" in (self.render(USER, *_exchange(found), tools=True) or ""),
            consecutive_users="zquser" in (twice or "") and "zqsecond" in (twice or ""),
            generation_prompt=generation_prompt,
            assistant_head=head,
            turn_end=turn_end,
            calls=found.syntax,
            reasoning=reasoning,
            notes=(*notes, *found.notes, *self._abilities.notes()),
        )

    def _reasoning(self, head: str) -> ReasoningSyntax | None:
        turn = self.turn({**ANSWER, "reasoning_content": "zqreason"}) or ""
        before, found, after = turn.partition("zqreason")
        closing, content, _ = after.partition("zqcontent")
        opening = before.removeprefix(head)
        if not (found and content and opening.strip() and closing.strip()):
            return None
        return ReasoningSyntax(opening, closing)


USER = {"role": "user", "content": "zquser"}
ANSWER = {"role": "assistant", "content": "zqcontent"}


def tool(name: str) -> dict[str, Any]:
    """A tool for probes."""
    parameters = {"type": "object", "properties": {"zqkey": {"type": "string", "description": "zq"}}, "required": ["zqkey"]}
    return {"type": "function", "function": {"name": name, "description": "zq", "parameters": parameters}}


def _exchange(found: Derivation) -> list[dict[str, Any]]:
    call = found.call_turn(("zqtool", {"zqkey": "zqvalue"}))
    return [call, {"role": "tool", "tool_call_id": call["tool_calls"][0]["id"], "name": "zqtool", "content": "zqresult"}]
