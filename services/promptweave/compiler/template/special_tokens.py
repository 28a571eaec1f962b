"""Finds special tokens of a template's vocabulary that a text spells."""

import re
from functools import lru_cache

from promptweave.compiler.markup import TAG
from promptweave.compiler.template.chat_template import ChatTemplate

_USUAL = re.compile(r"<\|[^<>|\s]{1,64}\|>|<｜[^<>｜\s]{1,64}｜>")
"""The usual form of special tokens, for vocabularies that are unknown or incomplete."""


class Spellings:
    """The special tokens that text may spell, accidentally or deliberately.

    If the vocabulary is known, its special tokens; otherwise the tags that the template itself contains.
    """

    def __init__(self, source: str, special_tokens: tuple[str, ...], ends: tuple[str, ...]) -> None:
        # A single character cannot be cut.
        self._known = frozenset(text for text in (*(special_tokens or TAG.findall(source)), *ends) if len(text) > 1)
        self._lengths = sorted({len(text) for text in self._known}, reverse=True)
        self._firsts = sorted({text[0] for text in self._known} | {"<"})
        self._first = re.compile("[" + "".join(map(re.escape, self._firsts)) + "]")

    def longest(self, text: str, place: int) -> int:
        """Return the length of the longest special token at `place`; 0 if there is none."""
        known = next((len(found) for length in self._lengths if (found := text[place : place + length]) in self._known), 0)
        usual = _USUAL.match(text, place)
        return max(known, len(usual.group()) if usual else 0)

    def places(self, text: str) -> list[int]:
        """Return the positions of special tokens. They may overlap."""
        if not any(first in text for first in self._firsts):
            return []  # Far faster than searching with the pattern.
        return [found.start() for found in self._first.finditer(text) if self.longest(text, found.start())]


def spellings(template: ChatTemplate, also: tuple[str, ...] = ()) -> Spellings:
    """Return the special tokens of a template's model, and the given ones."""
    return _cached(template.source, template.special_tokens, (template.bos_token, template.eos_token, *also))


_cached = lru_cache(maxsize=64)(Spellings)
