"""Finds the text that the grammar forces, as far as it may be appended to the prompt instead of being sampled."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from promptweave.inference.client.llama_client import EngineClient
from promptweave.inference.engine.model_info import ModelInfo
from promptweave.inference.engine.vocabulary import Vocabulary
from promptweave.inference.fast_forward.seams import Seams, occurrences
from promptweave.inference.prompt.request import CompiledPrompt
from promptweave.output.grammar.derivative import AmbiguousGrammarError, Derivative
from promptweave.output.parse.parser import OutputParser
from promptweave.output.tree import Region, Syntax

_SYNTAX = (None, Region.TOOL_CALL, Region.DISCARD)
"""Regions that the calling style generates; names, arguments and values are untrusted text."""


@dataclass(frozen=True, slots=True)
class ForcedText:
    """Text that may be appended, its tokens, and what may follow it."""

    text: str
    ids: tuple[int, ...]
    following: Derivative


class ForcedTextFinder:
    """Finds forced text in the messages of one prompt."""

    def __init__(self, client: EngineClient, model_info: ModelInfo, vocabulary: Vocabulary, program: CompiledPrompt) -> None:
        self._seams = Seams(client, model_info, vocabulary)
        self._special_tokens, self._program = model_info.special_tokens, program

    async def find(self, before: str, state: Derivative) -> ForcedText:
        """Return the text that is forced at `state`, after the output `before`."""
        own = self._program.preserved_tokens
        text = appendable(
            state.forced_text(), self._special_tokens, own, lambda text: _regions(self._program.syntax, before, text)
        )
        following = _followed(state, text)
        tokens = await self._seams.tokens(text, following, own) if text else []
        text = "".join(piece for piece, _ in tokens)
        return ForcedText(text, tuple(token for _, token in tokens), _followed(state, text))


def follow(state: Derivative | None, text: str) -> Derivative | None:
    """Return what may follow `text`. None: this cannot be determined."""
    try:
        return state.after(text) if state else None
    except AmbiguousGrammarError:
        return None


def _followed(state: Derivative, text: str) -> Derivative:
    """Return what follows a beginning of the text that is forced at `state`."""
    following = follow(state, text)
    assert following, "it is forced"
    return following


def appendable(
    forced: str,
    special_tokens: Collection[str],
    own: Collection[str],
    regions_of: Callable[[str], Sequence[Region | None]],
) -> str:
    """Return a forced text, up to untrusted text that would be a special token.

    `own`: the special tokens of the calling style. `regions_of`: returns the region of each character of the text.
    """
    found = [(start, token) for token in {*special_tokens, *own} for start in occurrences(forced, token)]
    of_characters = regions_of(forced) if found else ()
    for start, token in sorted(found):
        if token not in own or not all(region in _SYNTAX for region in of_characters[start : start + len(token)]):
            return forced[:start]
    return forced


def _regions(syntax: Syntax, before: str, forced: str) -> list[Region | None]:
    """Return the region of each character of a forced text, which follows the output `before`."""
    parser = OutputParser(Syntax(syntax.root, syntax.prefix + before + forced))
    parser.start()
    known = [region for length, region in parser.take_spans() for _ in range(length)]
    start = len(syntax.prefix) + len(before)
    # A region that is not known yet is not the style's.
    return [*known[start:], *[Region.CONTENT] * (start + len(forced) - max(len(known), start))]
