"""A request of another API, put into the words of a chat request; and the way back for the places of errors and warnings."""

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
    """A chat request that was made of another one. Places in `warnings` are those of the other one."""

    body: ChatBody
    raw: dict[str, Any]
    places: SourceMap
    warnings: Sequence[prompt_compiler_pb2.Warning] = ()
    """What is not done as it was asked."""

    def given(self, path: str) -> str:
        """The place in the other request that a place in one of the services' requests came from."""
        return self.places.original(chat_path(path, self.raw))

    def placed(self, error: PromptweaveError) -> PromptweaveError:
        """An error of the services, with its place in the other request."""
        if error.path is not None:
            error.path = self.given(error.path)
        return error

    def placed_warnings(self, warnings: Iterable[prompt_compiler_pb2.Warning]) -> Iterator[prompt_compiler_pb2.Warning]:
        """Warnings of the services, likewise."""
        return placed_warnings(warnings, self.given)
