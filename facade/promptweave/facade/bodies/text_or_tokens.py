"""One text or several, as text or as token ids: the input of embeddings and completions."""

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

Token = Annotated[int, Field(ge=0, lt=2**31)]


def _kind(given: Any) -> str:
    """Return which form is meant: errors refer to it. The brackets keep it out of their positions."""
    if not isinstance(given, list):
        return "[text]"
    match given[:1]:
        case [list()]:
            return "[lists]"
        case [int()]:
            return "[tokens]"
    return "[texts]"


Texts = Annotated[
    Annotated[str, Tag("[text]")]
    | Annotated[list[str], Tag("[texts]")]
    | Annotated[list[Token], Tag("[tokens]")]
    | Annotated[list[list[Token]], Tag("[lists]")],
    Discriminator(_kind),
]


def is_several(given: Any) -> bool:
    """Return whether the input is a list of texts and not a single one."""
    return isinstance(given, list) and not (given and isinstance(given[0], int))


def as_list(given: Texts) -> list[str | list[int]]:
    """Return the texts, in order."""
    return [*given] if is_several(given) else [given]  # type: ignore[list-item]
