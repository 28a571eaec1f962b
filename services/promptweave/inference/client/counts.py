"""Token counts and times of a message, added up over the completions that it consists of."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Counts:
    """What a message used up to some chunk: tokens, and milliseconds."""

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    prompt_ms: float
    predicted_ms: float
    forced_tokens: int = 0
    """Completion tokens forced by the grammar and not sampled; see `fast_forward/fast_forward.py`."""

    def __add__(self, following: "Counts") -> "Counts":
        """Return the counts of a message that continues in another completion: its prompt is that of the first one."""
        first = following if self is NOTHING else self
        return Counts(
            prompt_tokens=first.prompt_tokens,
            cached_tokens=first.cached_tokens,
            completion_tokens=self.completion_tokens + following.completion_tokens,
            prompt_ms=self.prompt_ms + following.prompt_ms,
            predicted_ms=self.predicted_ms + following.predicted_ms,
            forced_tokens=self.forced_tokens + following.forced_tokens,
        )

    def with_forced(self, tokens: int) -> "Counts":
        """Return the counts with more tokens, which were not sampled."""
        return replace(self, completion_tokens=self.completion_tokens + tokens, forced_tokens=self.forced_tokens + tokens)

    def with_prompt(self, first: "Counts") -> "Counts":
        """Return the counts with those of the prompt.

        `first`: the counts of a completion whose prompt also holds the completion tokens so far.
        """
        prompt = first.prompt_tokens - self.completion_tokens
        return replace(self, prompt_tokens=prompt, cached_tokens=min(first.cached_tokens, prompt))


NOTHING = Counts(prompt_tokens=0, cached_tokens=0, completion_tokens=0, prompt_ms=0.0, predicted_ms=0.0)
