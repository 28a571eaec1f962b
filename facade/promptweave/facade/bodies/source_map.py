"""The origins of a chat request's parts, if it was translated from another request."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """A position in the original request, as a JSON pointer. `whole`: everything below maps to this position, too."""

    path: str
    whole: bool = False

    def below(self, pointer: str) -> "Origin":
        """Return a position below this one."""
        return self if self.whole else Origin(self.path + pointer)


class SourceMap:
    """Maps positions in the chat request to their origins. The longest known prefix decides."""

    def __init__(self) -> None:
        self._origins: dict[str, Origin] = {}

    def add(self, made: str, origin: Origin) -> None:
        """Record the origin of the value at `made`."""
        self._origins[made] = origin

    def original(self, made: str) -> str:
        """Return the position in the original request. Positions that are not mapped are the same in both."""
        known = made
        while known:
            if known in self._origins:
                return self._origins[known].below(made[len(known) :]).path
            known = known.rpartition("/")[0]
        return made
