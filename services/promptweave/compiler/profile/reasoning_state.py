"""The state of reasoning at the end of a prompt."""

from enum import Enum, auto

from promptweave.compiler.profile.profile import Profile


class Thinking(Enum):
    """The state of reasoning at the end of the prompt."""

    POSSIBLE = auto()  # the model may begin with reasoning
    OPEN = auto()  # the prompt has opened it
    CLOSED = auto()  # the template has none, or the prompt has closed it


def thinking(profile: Profile, prompt: str) -> Thinking:
    """Determine the state from the prompt's last turn.

    Some templates open it with reasoning, or with an empty reasoning block to prevent it.
    """
    if profile.reasoning is None:
        return Thinking.CLOSED
    if not profile.assistant_head:
        # Nothing separates the last turn from earlier texts, which may mention the tags: only the end counts.
        end = prompt.rstrip()
        if end.endswith(profile.reasoning.opening.strip()):
            return Thinking.OPEN
        return Thinking.CLOSED if end.endswith(profile.reasoning.closing.strip()) else Thinking.POSSIBLE
    tail = prompt.rpartition(profile.assistant_head)[2]
    opened, closed = tail.rfind(profile.reasoning.opening.strip()), tail.rfind(profile.reasoning.closing.strip())
    if opened > closed:
        return Thinking.OPEN
    if tail.strip() and profile.reasoning.closing.strip().endswith(tail.strip()):
        # The prompt ends where reasoning would have ended: after the header that follows it.
        return Thinking.CLOSED
    return Thinking.CLOSED if closed >= 0 else Thinking.POSSIBLE
