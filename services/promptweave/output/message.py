"""Accumulates deltas into the complete message."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from promptweave.output.deltas import (
    CallEnd,
    CallFragment,
    CallHeader,
    ContentDelta,
    Delta,
    ReasoningDelta,
    SchemaViolation,
    SyntaxMismatch,
)


class FinishReason(Enum):
    """Why a message ended, in OpenAI's terms."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"


@dataclass
class ParsedCall:
    """A tool call; if `complete` is false it was cut off and `arguments` (or the input) is a prefix."""

    id: str
    name: str
    arguments: str = ""
    custom: bool = False
    complete: bool = False
    namespace: str = ""


@dataclass
class ParsedMessage:
    """A message under construction. None means absent, "" means empty."""

    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ParsedCall] = field(default_factory=list)
    warnings: list[SyntaxMismatch] = field(default_factory=list)
    violations: list[SchemaViolation] = field(default_factory=list)

    def extend(self, deltas: Iterable[Delta]) -> None:
        """Add deltas."""
        for delta in deltas:
            match delta:
                case ContentDelta(text):
                    self.content = (self.content or "") + text
                case ReasoningDelta(text):
                    self.reasoning_content = (self.reasoning_content or "") + text
                case CallHeader(_, call_id, name, custom, namespace):
                    self.tool_calls.append(ParsedCall(call_id, name, custom=custom, namespace=namespace))
                case CallFragment(index, text):
                    self.tool_calls[index].arguments += text
                case CallEnd(index):
                    self.tool_calls[index].complete = True
                case SyntaxMismatch():
                    self.warnings.append(delta)
                case SchemaViolation():
                    self.violations.append(delta)

    def finish_reason(self, *, ended: bool) -> FinishReason:
        """Return why the message ended.

        `ended`: the engine ended the turn by itself (or at a stop string); otherwise a limit cut it off.
        """
        if not ended:
            return FinishReason.LENGTH
        return FinishReason.TOOL_CALLS if any(call.complete for call in self.tool_calls) else FinishReason.STOP
