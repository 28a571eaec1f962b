"""Derives how a template writes reasoning, from renders with and without it, and from the generation prompt."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from promptweave.compiler.markup import TAG, common_prefix, common_suffix, margins, tags
from promptweave.compiler.template.message_shapes import CONTENT, prints_parts, with_reasoning

FIELDS = ("reasoning_content", "reasoning", "thinking", CONTENT)
"""The message fields from which templates read reasoning."""


@dataclass(frozen=True, slots=True)
class ReasoningSyntax:
    """`opening` reasoning `closing`, before the content. `without`: the text in their position if there is no reasoning."""

    opening: str
    closing: str
    without: str = ""


FREE_THOUGHT = ReasoningSyntax("<think>\n", "\n</think>\n\n")
"""The syntax of thoughts for templates without any: that of most models that reason. See `render/free_thought.py`."""

FREE_THOUGHT_TOKENS = 512
"""Their limit, unless the request has one: models that are not trained for such thoughts may not end them."""

RenderTurn = Callable[[dict[str, Any], Mapping[str, Any]], str | None]
"""Returns the template's text for a message, with some of its variables set."""


def derive_reasoning(
    turn: RenderTurn,
    asked: Callable[[Mapping[str, Any]], str],
    messages: list[dict[str, Any]],
    source: str,
    settings: Sequence[Mapping[str, Any]],
) -> ReasoningSyntax | None:
    """Derive the syntax of reasoning.

    `asked` returns the generation prompt; `messages`: an answer, and one with a call; `settings`: variables to try.
    """
    for variables in settings:
        for message in messages:
            plain = turn(message, variables) or ""
            for field in FIELDS:
                shown = turn(with_reasoning(message, field, "zqreason"), variables) or ""
                if "zqreason" in shown and not prints_parts(shown) and (found := _between(shown, plain, asked(variables))):
                    return found
    return _opened(turn(messages[0], {}) or "", [asked(variables) for variables in settings], source)


def _between(shown: str, plain: str, asked: str) -> ReasoningSyntax | None:
    """Return the texts around rendered reasoning."""
    before, _, after = shown.partition("zqreason")
    if "zqcontent" in before or "zqtool" in before:
        return None
    closing = _closing(after, plain, asked)
    if not closing.strip():
        return None
    # The text before reasoning, without what precedes any answer; a prompt may have begun it.
    candidates = [before[_border(before, len(common_prefix(before, known))) :] for known in (asked, plain)]
    candidates += [_opening_like(before, closing), asked.removeprefix(before) if asked.startswith(before) else ""]
    opening = next((text for text in candidates if text.strip() and closing.strip() not in text), "")
    return ReasoningSyntax(opening, closing) if opening else None


def _closing(after: str, plain: str, asked: str) -> str:
    """Return the text between reasoning and the answer, without the part that a plain answer contains as well."""
    if "zqcontent" in after:
        closing = after[: after.find("zqcontent")]
        header = plain[: plain.find("zqcontent")].removeprefix(asked)
        start = _border_after(closing, len(closing) - len(common_suffix(closing, header)))
        # A plain answer may contain an empty reasoning block, which includes the closing text.
        return closing[:start] if closing[:start].strip() and closing[start:].strip() else closing
    same = common_suffix(after, plain)
    if same == plain and plain.startswith(asked):
        # The answer is a separate turn, after that of the reasoning.
        return after[: len(after) - len(plain) + len(asked)]
    closing = after[: _border_after(after, len(after) - len(same))]
    if closing.strip():
        return closing
    first = TAG.search(after)
    return after[: first.end()] if first else ""


def _border(text: str, place: int) -> int:
    """Return `place`, or the start of the tag that contains it."""
    return next((tag.start() for tag in TAG.finditer(text) if tag.start() < place < tag.end()), place)


def _border_after(text: str, place: int) -> int:
    """Return `place`, or the end of the tag that contains it."""
    return next((tag.end() for tag in TAG.finditer(text) if tag.start() < place < tag.end()), place)


def _opening_like(before: str, closing: str) -> str:
    """Return the text that opens reasoning if each answer begins with it: the text most similar to the closing one."""
    before, core = before.rstrip() or before, margins(closing)[1]
    cores = [core[: tag.end()] for tag in TAG.finditer(core)]
    start = len(before) - max((len(common_suffix(before, core)) for core in cores), default=0)
    found = [tag.start() for tag in TAG.finditer(before) if tag.start() < start <= tag.end()]
    return before[found[-1] :] if found and start < len(before) else ""


def _opened(plain: str, asked: list[str], source: str) -> ReasoningSyntax | None:
    """Return the syntax of reasoning that the prompt opens with its last tag, if the template has a closing tag for it."""
    for prompt in asked:
        found = tags(prompt)
        if not found or not prompt.rstrip().endswith(found[-1]):
            continue
        closing = re.sub(r"^([<\[])", r"\1/", found[-1])
        if closing in source and not found[-1].startswith(("</", "[/")):
            white = prompt[len(prompt.rstrip()) :]
            return ReasoningSyntax(found[-1] + white, white + closing)
    return None
