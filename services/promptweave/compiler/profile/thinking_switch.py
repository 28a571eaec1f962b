"""Finds how a request turns a template's reasoning on and off, by rendering the candidates of `thinking_variables.py`."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from promptweave.compiler.profile.profile import USER, Probe, profile
from promptweave.compiler.profile.reasoning_state import Thinking, thinking
from promptweave.compiler.profile.thinking_variables import ReasoningCandidates, reasoning_candidates
from promptweave.compiler.template.chat_template import ChatTemplate

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""OpenAI's and Anthropic's efforts, in order."""

NO_EFFORT = ("none", "minimal")
"""The efforts that turn reasoning off."""

LEAST_EFFORT = "low"
"""The lowest effort with which a model reasons at all."""

_NEGATIVE = re.compile(r"^(no|non|disable|skip|without|hide)(_|$)", re.IGNORECASE)
"""Matches names of variables that turn something off."""

_REASONS = {Thinking.OPEN: 2, Thinking.POSSIBLE: 1, Thinking.CLOSED: 0}


@dataclass(frozen=True, slots=True)
class Setting:
    """What a prompt is rendered with: template variables, and a text at the end of the system message."""

    variables: Mapping[str, Any] = field(default_factory=dict, hash=False)
    system: str = ""


@dataclass(frozen=True, slots=True)
class ThinkingSwitch:
    """How reasoning is turned on and off; None: nothing does. `efforts`: the variables for one, with those accepted."""

    on: Setting | None
    off: Setting | None
    efforts: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    def effort(self, name: str, wanted: str) -> str:
        """Return the effort nearest to `wanted` that a variable takes; above it if two are equally near."""
        accepted = self.efforts.get(name, ())
        if wanted in accepted or wanted not in EFFORTS or not accepted:
            return wanted
        place = EFFORTS.index(wanted)
        return min(reversed(accepted), key=lambda effort: abs(EFFORTS.index(effort) - place))


def thinking_switch(template: ChatTemplate) -> ThinkingSwitch:
    """Return the switch of a template, cached by its text. Raises TemplateError as `profile` does."""
    return _cached(template.source, template.bos_token, template.eos_token, tuple(sorted(template.named.items())))


@lru_cache(maxsize=64)
def _cached(source: str, bos: str, eos: str, named: tuple[tuple[str, str], ...]) -> ThinkingSwitch:
    template = ChatTemplate(source, bos, eos, dict(named))
    plain, with_tools = (_Finder(template, tools=tools).find() for tools in (False, True))
    return plain if plain.on or not with_tools.on else with_tools


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A setting, the prompt that it makes, and how much the model reasons then: 0 to 2."""

    setting: Setting
    prompt: str
    reasons: int


class _Finder:
    def __init__(self, template: ChatTemplate, *, tools: bool) -> None:
        self._profile, self._probe, self._tools = profile(template), Probe(template), tools
        self._candidates: ReasoningCandidates = reasoning_candidates(template)

    def find(self) -> ThinkingSwitch:
        default = self._outcome(Setting())
        if default is None:
            return ThinkingSwitch(None, Setting())
        found = [outcome for setting in self._settings() if (outcome := self._outcome(setting, default))]
        most = max(outcome.reasons for outcome in (default, *found))
        switches = list(self._boolean(found))
        on = next((on for on, _ in switches if on.reasons == most), None)
        off = min((off for _, off in switches), key=lambda outcome: outcome.reasons, default=None)
        if most and not on:
            on = next(outcome for outcome in (default, *found) if outcome.reasons == most)
        if most and (not off or off.reasons):
            off = next((outcome for outcome in (*found, default) if not outcome.reasons), off)
        if not most and not on:
            off = default
        efforts = self._efforts(on.setting if on else Setting())
        return ThinkingSwitch(on.setting if on else None, off.setting if off else None, efforts)

    def _settings(self) -> Iterator[Setting]:
        for variables in self._candidates.settings():
            yield Setting(variables)
        for word in self._candidates.words:
            yield Setting(system=word)
        for name in self._candidates.efforts:
            yield from (Setting({name: effort}) for effort in ("high", "none"))

    def _boolean(self, found: list[_Outcome]) -> Iterator[tuple[_Outcome, _Outcome]]:
        """Yield the two outcomes of each variable whose values true and false differ, the one that reasons first."""
        for one in found:
            for other in found:
                pair = [next(iter(outcome.setting.variables.items()), ("", None)) for outcome in (one, other)]
                if pair[0][0] != pair[1][0] or (pair[0][1], pair[1][1]) != (True, False) or one.prompt == other.prompt:
                    continue
                turned = bool(_NEGATIVE.match(pair[0][0])) if one.reasons == other.reasons else one.reasons < other.reasons
                yield (other, one) if turned else (one, other)

    def _efforts(self, on: Setting) -> dict[str, tuple[str, ...]]:
        """Return which efforts a variable takes without an error, while reasoning is on."""
        return {
            name: tuple(effort for effort in EFFORTS if self._render(Setting({**on.variables, name: effort}, on.system)))
            for name in self._candidates.efforts
        }

    def _render(self, setting: Setting) -> str | None:
        system = [{"role": "system", "content": setting.system}] if setting.system else []
        return self._probe.render(*system, USER, prompt=True, tools=self._tools, variables=setting.variables)

    def _outcome(self, setting: Setting, default: _Outcome | None = None) -> _Outcome | None:
        """Return the outcome of a setting; None if the template raises, or prints the value: it is no switch."""
        prompt = self._render(setting)
        if prompt is None:
            return None
        if default:
            for value in setting.variables.values():
                text = str(value).lower()
                if isinstance(value, bool) and prompt.lower().count(text) > default.prompt.lower().count(text):
                    return None
        return _Outcome(setting, prompt, _REASONS[thinking(self._profile, prompt)])
