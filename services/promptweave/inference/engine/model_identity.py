"""Servers that are used side by side have one model: a conversation may be sent to any of them."""

from collections.abc import Sequence

from promptweave.inference.engine.model_info import Facts


class OneModel:
    """Lets those in that have the model of those that are in already.

    Where none is in, the first of the order that is there decides: at the start, the others wait until it was asked.
    A model is known by what its server tells of it over HTTP: see `Facts.traits`.
    """

    def __init__(self, order: Sequence[str]) -> None:
        """The names of the servers."""
        self._order = order
        self._asked: set[str] = set()
        self._in: dict[str, Facts] = {}

    def asked(self, name: str) -> None:
        """It was asked, and let in if it was there."""
        self._asked.add(name)

    def waits(self, name: str) -> bool:
        """Whether those before it are asked first."""
        return not self._in and not self._asked.issuperset(self._order[: self._order.index(name)])

    def let_in(self, name: str, facts: Facts) -> str | None:
        """None, or why it is left out."""
        if self._in:
            other, known = next(iter(self._in.items()))
            differing = [
                trait
                for trait in sorted({*facts.traits, *known.traits})
                if facts.traits.get(trait) != known.traits.get(trait)
            ]
            if differing:
                return (
                    f"its model ({facts.model_id}) is not that of {other} ({known.model_id}): {', '.join(differing)} differ"
                )
        self._in[name] = facts
        return None

    def left(self, name: str) -> None:
        """It is there no more."""
        self._in.pop(name, None)
