"""The ways to ask: what each side is sent."""

from dataclasses import dataclass, field

from benchmarks.accuracy.bfcl import Question
from benchmarks.accuracy.tools import Json

PROMPTWEAVE, ENGINE = "promptweave", "engine"


@dataclass(frozen=True)
class Mode:
    """A way to ask."""

    side: str
    about: str
    body: Json = field(default_factory=dict)
    free: bool = False
    """The prompt without a grammar, and calls read from the text."""

    def fits(self, question: Question) -> bool:
        """Return whether the mode can answer rightly: no call is right for some questions."""
        return bool(question.expected) or self.body.get("tool_choice") != "required"


MODES = {
    "auto": Mode(PROMPTWEAVE, '`tool_choice: "auto"`', {"tool_choice": "auto"}),
    "required": Mode(PROMPTWEAVE, '`tool_choice: "required"`', {"tool_choice": "required"}),
    "one": Mode(
        PROMPTWEAVE,
        '`tool_choice: "required"`, `parallel_tool_calls: false`',
        {"tool_choice": "required", "parallel_tool_calls": False},
    ),
    "generic": Mode(
        PROMPTWEAVE, '`tool_choice: "auto"`, `tool_style: "generic"`', {"tool_choice": "auto", "tool_style": "generic"}
    ),
    "generic-required": Mode(
        PROMPTWEAVE,
        '`tool_choice: "required"`, `tool_style: "generic"`',
        {"tool_choice": "required", "tool_style": "generic"},
    ),
    "engine": Mode(ENGINE, 'the engine\'s own endpoint, `tool_choice: "auto"`', {"tool_choice": "auto"}),
    "engine-required": Mode(ENGINE, 'the engine\'s own endpoint, `tool_choice: "required"`', {"tool_choice": "required"}),
    "free": Mode(ENGINE, "promptweave's prompt without a grammar; calls are read from the text, however written", free=True),
}


def chat_body(mode: Mode, question: Question, max_tokens: int) -> Json:
    """Return the body of a chat request."""
    body = {"model": "gpt-4o", "messages": question.messages, "tools": question.tools}
    return {**body, "temperature": 0, "seed": 1, "max_tokens": max_tokens, **mode.body}
