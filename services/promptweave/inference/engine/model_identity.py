"""Check that servers used together have the same model, since a conversation may be sent to any of them."""

from collections.abc import Sequence

from promptweave.inference.engine.model_info import ModelInfo


class SameModelGuard:
    """Admits servers that have the model of those already admitted.

    If none is admitted, the first available one in the given order decides: at startup, the others wait until it was
    queried. A model is identified by what its server reports over HTTP: see `ModelInfo.identity`.
    """

    def __init__(self, order: Sequence[str]) -> None:
        """Set the names of the servers, in order."""
        self._order = order
        self._asked: set[str] = set()
        self._in: dict[str, ModelInfo] = {}

    def mark_asked(self, name: str) -> None:
        """Record that a server was queried, and admitted if it was available."""
        self._asked.add(name)

    def must_wait(self, name: str) -> bool:
        """Return whether servers before it in the order have to be queried first."""
        return not self._in and not self._asked.issuperset(self._order[: self._order.index(name)])

    def admit(self, name: str, model_info: ModelInfo) -> str | None:
        """Admit a server and return None, or return why it is left out."""
        if self._in:
            other, known = next(iter(self._in.items()))
            differing = [
                trait
                for trait in sorted({*model_info.identity, *known.identity})
                if model_info.identity.get(trait) != known.identity.get(trait)
            ]
            if differing:
                names = ", ".join(differing)
                return f"its model ({model_info.model_id}) differs from that of {other} ({known.model_id}) in {names}"
        self._in[name] = model_info
        return None

    def remove(self, name: str) -> None:
        """Record that a server is no longer available."""
        self._in.pop(name, None)
