"""A request of any API as a chat request with tools; positions of errors and warnings are mapped back."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.bodies.error_paths import error_paths
from promptweave.facade.bodies.source_map import Origin, SourceMap
from promptweave.facade.openai.chat.request.body import ChatBody
from promptweave.facade.openai.chat.request.foreign_fields import with_own_fields
from promptweave.facade.openai.chat.request.unserved_parts import without_unserved_parts
from promptweave.facade.policy import chat
from promptweave.facade.policy.rules import apply_field_rules
from promptweave.v1 import prompt_compiler_pb2


class Notes:
    """What a translation records while it makes the chat request: the origins of the parts, and warnings."""

    def __init__(self) -> None:
        self.places = SourceMap()
        self.warnings: list[prompt_compiler_pb2.Warning] = []
        self.removed_tools: set[str] = set()
        """Names of tools that the conversation removed."""

    def warn(self, code: str, path: str, message: str) -> None:
        """Add a warning about a part of the request that is not applied. `path`: its position in that request."""
        self.warnings.append(prompt_compiler_pb2.Warning(code=code, path=path, message=message))

    def translation(self, body: ChatBody) -> "Translation":
        """Return the finished translation. Raises RequestError, and UnsupportedError for fields that are refused."""
        body = with_own_fields(body, self.places)
        with error_paths(self.places.original):
            apply_field_rules(body, chat.FIELDS, self.warn_at_origin)
        body = without_unserved_parts(body, self.warn_at_origin)
        return Translation(body, self.places, self.warnings, sorted(self.removed_tools))

    def warn_at_origin(self, code: str, path: str, message: str) -> None:
        """Add a warning like `warn`. `path`: a position in the chat request."""
        self.warn(code, self.places.original(path), message)


class ChatTools:
    """Builds the tools of a chat request, or of a message in it, from those of an API that have all fields in one object.

    `path`: the position of that message. `whole`: the positions of parts of a tool are that of the tool.
    """

    def __init__(self, notes: Notes, path: str = "", *, whole: bool = False) -> None:
        self.tools: list[JsonObject] = []
        self._places = notes.places
        self._path = path
        self._whole = whole

    def add(
        self, kind: str, fields: JsonObject, path: str, renamed: Mapping[str, str] | None = None, **options: Any
    ) -> None:
        """Add a tool, made from the one at `path`. `renamed`: pointers of fields → theirs in that tool, if they differ.
        `options`: fields of a chat request's tool, such as `namespace`."""
        place = f"{self._path}/tools/{len(self.tools)}"
        self.tools.append({"type": kind, kind: fields, **options})
        self._places.add(place, Origin(path, self._whole))
        self._places.add(f"{place}/{kind}", Origin(path, self._whole))
        for made, given in (renamed or {}).items():
            self._places.add(f"{place}/{kind}{made}", Origin(path + given, self._whole))


@dataclass(frozen=True)
class Translation:
    """A chat request that was translated from another request. Positions in `warnings` are those of the other one."""

    body: ChatBody
    places: SourceMap = field(default_factory=SourceMap)
    warnings: Sequence[prompt_compiler_pb2.Warning] = ()
    """Parts of the request that are not applied."""
    removed_tools: Sequence[str] = ()
    """Names of tools that the conversation removed."""


def located_warnings(
    warnings: Iterable[prompt_compiler_pb2.Warning], original: Callable[[str], str]
) -> Iterator[prompt_compiler_pb2.Warning]:
    """Yield the warnings of a service, with the positions in the client's request that `original` returns."""
    for warning in warnings:
        yield prompt_compiler_pb2.Warning(code=warning.code, path=original(warning.path), message=warning.message)
