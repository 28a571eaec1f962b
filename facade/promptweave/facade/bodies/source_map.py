"""Where the parts of a chat request came from, when it was made of another request."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """A place in the request that was given, as a JSON pointer. `whole`: what is made of it has no finer places there."""

    path: str
    whole: bool = False

    def below(self, pointer: str) -> "Origin":
        """A place below this one."""
        return self if self.whole else Origin(self.path + pointer)


class SourceMap:
    """From places in the chat request to their origins. The longest beginning that is known decides."""

    def __init__(self) -> None:
        self._origins: dict[str, Origin] = {}

    def add(self, made: str, origin: Origin) -> None:
        """What stands at `made` came from there."""
        self._origins[made] = origin

    def original(self, made: str) -> str:
        """The place in the request that was given. What nobody moved stands in the same place in both."""
        known = made
        while known:
            if known in self._origins:
                return self._origins[known].below(made[len(known) :]).path
            known = known.rpartition("/")[0]
        return made
