"""The origins of a request's parts, if it was translated from another request."""

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
    """Maps positions in a translated request to their origins. The longest known prefix decides.

    Maps compose: with `outer`, origins are positions in a request that is a translation as well, and `outer` maps them on.
    """

    def __init__(self, outer: "SourceMap | None" = None) -> None:
        self._origins: dict[str, Origin] = {}
        self._outer = outer

    def add(self, made: str, origin: Origin) -> None:
        """Record the origin of the value at `made`."""
        self._origins[made] = origin

    def original(self, made: str) -> str:
        """Return the position in the original request. Positions that are not mapped are the same in both."""
        path = self._origin(made)
        return path if self._outer is None else self._outer.original(path)

    def _origin(self, made: str) -> str:
        known = made
        while known:
            if known in self._origins:
                return self._origins[known].below(made[len(known) :]).path
            known = known.rpartition("/")[0]
        return made
