"""A request of another API as a chat request; positions of errors and warnings are mapped back."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from promptweave.errors import PromptweaveError
from promptweave.facade.bodies.source_map import SourceMap
from promptweave.facade.openai.chat.body import ChatBody
from promptweave.facade.openai.chat.pipeline import placed_warnings
from promptweave.facade.openai.chat.to_grpc import chat_path
from promptweave.v1 import prompt_compiler_pb2


@dataclass(frozen=True)
class Translation:
    """A chat request that was translated from another request. Positions in `warnings` are those of the other one."""

    body: ChatBody
    raw: dict[str, Any]
    places: SourceMap
    warnings: Sequence[prompt_compiler_pb2.Warning] = ()
    """Parts of the request that are not applied."""

    def given(self, path: str) -> str:
        """Map a position in a service's request to the one in the other request that it came from."""
        return self.places.original(chat_path(path, self.raw))

    def placed(self, error: PromptweaveError) -> PromptweaveError:
        """Return an error of the services with its position in the other request."""
        if error.path is not None:
            error.path = self.given(error.path)
        return error

    def placed_warnings(self, warnings: Iterable[prompt_compiler_pb2.Warning]) -> Iterator[prompt_compiler_pb2.Warning]:
        """Return warnings of the services with their positions in the other request."""
        return placed_warnings(warnings, self.given)
