"""Which properties of an object may come anywhere, and which only in declared order.

A model writes arguments in the order in which it thinks of them; in a fixed order, an optional one that it passes by is
lost. But a grammar in which n properties come in any order, each at most once, needs a state for each of the 2^n sets of
properties that are done. So the properties of small objects may come anywhere; of larger ones only some, the required ones
first, and the others keep their order, between and after those.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

MAX_OBJECT_STEPS = 640
"""Maximum number of steps of one object: seven properties in any order."""

MAX_STEPS = 8_000
"""Maximum number of steps of all objects of a request together."""


@dataclass(slots=True)
class OrderBudget:
    """The steps that a grammar may still spend on the order of properties; a step is a property that may follow a state."""

    steps: int = MAX_STEPS

    def share(self, parts: int) -> "OrderBudget":
        """Take an equal share for the next of `parts` that are still to come. What it leaves has to be given back."""
        share = self.steps // max(parts, 1)
        self.steps -= share
        return OrderBudget(share)

    def give_back(self, share: "OrderBudget") -> None:
        """Add what a share has not spent."""
        self.steps += share.steps

    def choose(self, names: Sequence[str], required: Collection[str]) -> tuple[str, ...]:
        """Return the names that may come anywhere, and spend their steps: as many as possible, required ones first."""
        ranked = [*(name for name in names if name in required), *(name for name in names if name not in required)]
        most = min(self.steps, MAX_OBJECT_STEPS)
        count = len(names) if len(names) > 1 else 0
        while count and (cost := _steps(count, len(names) - count)) > most:
            count -= 1
        if count:
            self.steps -= cost
        return tuple(ranked[:count])


def _steps(anywhere: int, in_order: int) -> int:
    """Return the number of steps of all states: the sets of the former, for each number of the latter that are done.

    The choice of the next property in order is a trie, which takes more the longer the order is.
    """
    return (1 << anywhere) * (anywhere * (in_order + 1) + in_order * (6 + in_order // 4) + 2) // 2
