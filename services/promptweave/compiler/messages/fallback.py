"""Fits a conversation to a template: normalizes it to the template's capabilities, renders it, and checks it for lost text.

Capabilities are detected with small conversations, so a larger one can still fail. Then more is changed, step by step,
until the template accepts it. The last step is a plain transcript in one user turn, which every template accepts that
accepts anything.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from promptweave.compiler.errors import TemplateError, TemplateLimitError
from promptweave.compiler.messages.content_check import (
    ContentCheck,
    ExpectedText,
    lost_reasoning,
    pieces,
    placeholder_conversation,
)
from promptweave.compiler.messages.images import Pictures
from promptweave.compiler.messages.normalize import normalize, transcript
from promptweave.compiler.messages.turns import Turns
from promptweave.compiler.profile.capabilities import SystemPlace, TemplateCapabilities
from promptweave.compiler.request import Message, Role, Tool
from promptweave.compiler.warnings import CompileWarning

TurnsOf = Callable[[Sequence[Message]], Turns]
"""Returns the messages as the style shows them, in the order of the request."""

RenderTurns = Callable[[Turns, TemplateCapabilities], str]
"""Renders the turns. Raises TemplateError."""


@dataclass(frozen=True, slots=True)
class FittedPrompt:
    """The prompt, the turns that it was rendered from, and warnings."""

    prompt: str
    turns: Turns
    warnings: tuple[CompileWarning, ...]


class StandIns:
    """Caches which texts a template drops.

    They are the same for all conversations that become equal once their words are replaced by placeholders
    (`placeholder_conversation`).
    """

    MAX_FORMS = 256

    def __init__(self) -> None:
        self._missing: dict[bytes, frozenset[str]] = {}

    def missing(self, of: object, make: Callable[[], frozenset[str]]) -> frozenset[str]:
        """Return the paths of missing texts. `of`: everything that they depend on; only a hash of its `repr` is kept."""
        key = hashlib.sha256(repr(of).encode(errors="backslashreplace")).digest()
        if key not in self._missing:
            missing = make()
            if len(self._missing) >= self.MAX_FORMS:
                del self._missing[next(iter(self._missing))]
            self._missing[key] = missing
        return self._missing[key]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation to fit. `tools_given`: the template receives the tools; they must be found in the prompt either way.

    `stand_ins` is shared by conversations that differ only in messages and `variables`.
    """

    messages: Sequence[Message]
    tools: Sequence[Tool]
    tools_given: bool
    prepare: TurnsOf
    write: RenderTurns
    pictures: Pictures | None = None
    stand_ins: StandIns = field(default_factory=StandIns)
    variables: Mapping[str, Any] = field(default_factory=dict)

    def render_with_fallbacks(self, able: TemplateCapabilities) -> FittedPrompt:
        """Render the prompt.

        Raises the template's first error if it accepts the conversation in no form, and a TemplateError if every form
        omits the last user message: an answer to anything else would be of no use.
        """
        wanted = pieces(self.messages, self.tools)
        wanted += self.pictures.pieces(self.messages) if self.pictures else []
        failed: TemplateError | None = None
        best: tuple[int, FittedPrompt] | None = None
        tried: list[tuple[Turns, TemplateCapabilities]] = []
        for step, as_text in _fallback_ladder(able):
            turns, warnings = self._normalize(self.messages, step, as_text)
            if tried and tried[-1][0] == turns:
                continue
            tried.append((turns, step))
            try:
                prompt = self.write(turns, step)
                lost = self._lost(wanted, prompt, step, as_text)
                if self._omits_question(lost, step, as_text):
                    continue
            except TemplateLimitError:
                raise
            except TemplateError as error:
                failed = failed or error
                continue
            if best is None or len(lost) < best[0]:
                told = [*warnings, *map(_loss, lost), *lost_reasoning(self.messages, prompt)]
                best = len(lost), FittedPrompt(prompt, turns, tuple(told))
            if not lost:
                break
        if best is None:
            raise failed or _question_omitted(self.messages)
        return best[1]

    def _omits_question(self, lost: list[ExpectedText], able: TemplateCapabilities, as_text: bool) -> bool:
        """Return whether the last user message is omitted, whatever its text: a template may also change a text."""
        path = _question(self.messages)
        if path not in [piece.path for piece in lost]:
            return False
        others = placeholder_conversation(self.messages)
        found = ContentCheck(self.write(self._normalize(others, able, as_text)[0], able))
        return path in [piece.path for piece in found.missing(pieces(others, ()))]

    def _normalize(
        self, messages: Sequence[Message], able: TemplateCapabilities, as_text: bool
    ) -> tuple[Turns, list[CompileWarning]]:
        turns, warnings = normalize(self.prepare(messages), able, tools=self.tools_given)
        return transcript(turns) if as_text else (turns, warnings)

    def _lost(
        self, wanted: list[ExpectedText], prompt: str, able: TemplateCapabilities, as_text: bool
    ) -> list[ExpectedText]:
        kept = ContentCheck(prompt)
        lost = kept.missing(wanted)
        thoughts = [thought for message in self.messages if (thought := (message.reasoning_content or "").strip())]
        if lost or kept.are_in_order(wanted, thoughts):
            return lost
        others = placeholder_conversation(self.messages)

        def missing() -> frozenset[str]:
            found = ContentCheck(self.write(self._normalize(others, able, as_text)[0], able))
            return frozenset(piece.path for piece in found.missing(pieces(others, self.tools)))

        of = (self.variables, others, able, as_text)
        paths = missing() if self.pictures else self.stand_ins.missing(of, missing)
        return [piece for piece in wanted if piece.path in paths]


def _question(messages: Sequence[Message]) -> str | None:
    """Return the path of the last user message's content."""
    places = (place for place in reversed(range(len(messages))) if messages[place].role is Role.USER)
    place = next(places, None)
    return None if place is None else f"/messages/{place}/content"


def _question_omitted(messages: Sequence[Message]) -> TemplateError:
    why = "the chat template omits the last user message in every supported form; use another template (--chat-template)"
    return TemplateError(why, path=_question(messages))


def _loss(piece: ExpectedText) -> CompileWarning:
    return CompileWarning("content_lost", piece.path, "the template omits this content in every supported form")


def _fallback_ladder(able: TemplateCapabilities) -> Iterator[tuple[TemplateCapabilities, bool]]:
    """Yield fewer and fewer capabilities to assume; True: render as a transcript."""
    yield able, False
    for less in (
        {"content_beside_calls": False, "reasoning_beside_content": False, "text_before_calls": None},
        {"supports_parallel_tool_calls": False},
        {
            "consecutive_users": False,
            "consecutive_assistants": False,
            "assistant_first": False,
            "user_after_result": False,
            "content_before_calls": False,
            "system_only": False,
            "system": SystemPlace.FIRST if able.system is SystemPlace.ANYWHERE else able.system,
        },
        {"bridged": False},
        {"calls": False, "calls_without_tools": False, "results_after_text": False},
        {"system": SystemPlace.NOWHERE},
    ):
        if not less.get("bridged", True):
            # A system text in the user's turn costs less than calls that become text.
            yield replace(able, system=SystemPlace.NOWHERE), False
        able = replace(able, **less)
        yield able, False
    yield able, True
