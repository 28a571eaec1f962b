"""Where the end of a prompt leaves a model that reasons before it answers."""

from enum import Enum, auto

from promptweave.compiler.profile.profile import Profile


class Thinking(Enum):
    """Where the end of the prompt leaves the model."""

    POSSIBLE = auto()  # it may begin with reasoning
    OPEN = auto()  # the prompt has begun it
    CLOSED = auto()  # the template knows none, or the prompt has ended it


def thinking(profile: Profile, prompt: str) -> Thinking:
    """Read off the prompt's last turn, which some templates open with reasoning, or with an empty one to prevent it."""
    if profile.reasoning is None:
        return Thinking.CLOSED
    tail = prompt.rpartition(profile.assistant_head)[2] if profile.assistant_head else prompt
    opened, closed = tail.rfind(profile.reasoning.opening.strip()), tail.rfind(profile.reasoning.closing.strip())
    if opened > closed:
        return Thinking.OPEN
    if tail.strip() and profile.reasoning.closing.strip().endswith(tail.strip()):
        # The prompt stands where a thought would have ended: behind the header that follows one.
        return Thinking.CLOSED
    return Thinking.CLOSED if closed >= 0 and profile.assistant_head else Thinking.POSSIBLE
