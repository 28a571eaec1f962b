"""Servers that are used side by side have one model: a conversation may be sent to any of them."""

from collections.abc import Sequence

from promptweave.inference.engine.model_info import ModelInfo


class SameModelGuard:
    """Lets those in that have the model of those that are in already.

    Where none is in, the first of the order that is there decides: at the start, the others wait until it was asked.
    A model is known by what its server tells of it over HTTP: see `ModelInfo.identity`.
    """

    def __init__(self, order: Sequence[str]) -> None:
        """The names of the servers."""
        self._order = order
        self._asked: set[str] = set()
        self._in: dict[str, ModelInfo] = {}

    def mark_asked(self, name: str) -> None:
        """It was asked, and let in if it was there."""
        self._asked.add(name)

    def must_wait(self, name: str) -> bool:
        """Whether those before it are asked first."""
        return not self._in and not self._asked.issuperset(self._order[: self._order.index(name)])

    def admit(self, name: str, facts: ModelInfo) -> str | None:
        """None, or why it is left out."""
        if self._in:
            other, known = next(iter(self._in.items()))
            differing = [
                trait
                for trait in sorted({*facts.identity, *known.identity})
                if facts.identity.get(trait) != known.identity.get(trait)
            ]
            if differing:
                return (
                    f"its model ({facts.model_id}) is not that of {other} ({known.model_id}): {', '.join(differing)} differ"
                )
        self._in[name] = facts
        return None

    def remove(self, name: str) -> None:
        """It is there no more."""
        self._in.pop(name, None)
