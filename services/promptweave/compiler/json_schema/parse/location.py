"""Locations in a schema document, and warnings about them."""

from dataclasses import dataclass

from promptweave.common.json_pointer import pointer_token
from promptweave.compiler.json_schema.keywords import SchemaDraft
from promptweave.compiler.json_schema.parse.references import Resolver


@dataclass(frozen=True, slots=True)
class SchemaWarning:
    """A keyword that is not enforced: its JSON pointer, and the consequence.

    `loosened`: the grammar accepts values that the schema does not, so a finished value must be validated.
    """

    pointer: str
    message: str
    loosened: bool = False


@dataclass(frozen=True, slots=True)
class Location:
    """A location: its pointer, resolver (None: the root's, not needed yet), draft and depth.

    `entered`: the resolver already includes the schema's own `$id`.
    """

    pointer: str
    resolver: Resolver
    draft: SchemaDraft
    depth: int
    entered: bool = False

    def at(self, *keys: str | int) -> "Location":
        pointer = self.pointer + "".join(map(pointer_token, keys))
        return Location(pointer, self.resolver, self.draft, self.depth + 1)
