"""Where one stands in a document, and what is to be said of a place."""

from dataclasses import dataclass

from promptweave.compiler.json_schema.keywords import Draft
from promptweave.compiler.json_schema.parse.references import Resolver
from promptweave.compiler.json_text import pointer_token


@dataclass(frozen=True, slots=True)
class SchemaWarning:
    """A keyword that is not enforced: its JSON pointer, and what follows.

    `loosened`: the grammar admits values that the schema does not, so a finished value must be validated.
    """

    pointer: str
    message: str
    loosened: bool = False


@dataclass(frozen=True, slots=True)
class Location:
    """Where one stands: pointer, resolver (None: the root's, not needed yet), draft, how deep.

    `entered`: the resolver knows the `$id` that the schema itself has.
    """

    pointer: str
    resolver: Resolver
    draft: Draft
    depth: int
    entered: bool = False

    def at(self, *keys: str | int) -> "Location":
        pointer = self.pointer + "".join(map(pointer_token, keys))
        return Location(pointer, self.resolver, self.draft, self.depth + 1)
