"""The first pass: makes calls well-formed, and tools those that may be called, with the names that the model sees."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from promptweave.compiler.errors import RequestError
from promptweave.compiler.identity_key import IdentityKey
from promptweave.compiler.messages.broken_calls import repair_calls
from promptweave.compiler.messages.prefill import check_continuation
from promptweave.compiler.messages.repeated_calls import repeated_calls
from promptweave.compiler.messages.unusable_images import usable_images
from promptweave.compiler.request import ChatRequest, ToolCall
from promptweave.compiler.tools.loading import load_tools
from promptweave.compiler.tools.loop_prevention import loop_warnings, without_tools
from promptweave.compiler.warnings import CompileWarning
from promptweave.output.tree import Syntax, ToolAlias


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A request for the other passes, and what leads back to the original one."""

    request: ChatRequest
    aliases: tuple[ToolAlias, ...]
    warnings: tuple[CompileWarning, ...]
    pointers: Mapping[str, Sequence[str]]
    """JSON pointers in the original request, by index: of `messages` and of `tools`."""

    def original(self, path: str) -> str:
        """Return the position in the original request of a position in `request`."""
        match path.split("/", 3):
            case ["", kind, index, *rest] if kind in self.pointers:
                return "/".join([self.pointers[kind][int(index)], *rest])
        return path

    def syntax(self, syntax: Syntax) -> Syntax:
        """Return the syntax whose parser returns the original names of tools."""
        return _with_aliases(IdentityKey(syntax), self.aliases) if self.aliases else syntax


def prepare(request: ChatRequest) -> PreparedRequest:
    """Return the request for the other passes. Raises RequestError and UnsupportedError with the original positions."""
    if not request.messages:
        raise RequestError("at least one message is required", path="/messages")
    request, left_out = usable_images(request)
    if request.continue_final_message:
        check_continuation(request)
    repaired, repairs = repair_calls(request)
    loaded = load_tools(repaired)
    removed = {loaded.name_of(ToolCall("", name, "{}")) for name in request.removed_tools}
    remaining = _without_removed(loaded.request, removed)
    loop = repeated_calls(request.messages)
    in_loop = {loaded.name_of(repeated.call) for repeated in loop} if request.prevent_repeated_calls else set()
    limited = without_tools(remaining, removed | in_loop) if in_loop else None
    prepared = limited or remaining
    loops = loop_warnings(loop, prevent=request.prevent_repeated_calls, excluded=limited is not None)
    return PreparedRequest(prepared, loaded.aliases, (*left_out, *repairs, *loaded.warnings, *loops), loaded.pointers)


def _without_removed(request: ChatRequest, names: Collection[str]) -> ChatRequest:
    """Return the request with tools that cannot be called. Raises RequestError if a call is required and no other tool can
    be called."""
    if not names:
        return request
    remaining = without_tools(request, names)
    if remaining is None:
        message = "a tool call is required, but the conversation removed the tool; allow other tools, or add it again"
        raise RequestError(message, path="/tool_choice")
    return remaining


@lru_cache(maxsize=256)
def _with_aliases(syntax: IdentityKey[Syntax], aliases: tuple[ToolAlias, ...]) -> Syntax:
    """Return one syntax for all requests with the same plan: it is cached by its identity."""
    return Syntax(syntax.value.root, syntax.value.prefix, aliases)
