"""Finds what in a template's text may control reasoning: its variables, the values that it compares them with, and words.

Only candidates: `thinking_switch.py` renders them to see what they do.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.meta import find_undeclared_variables

from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.compiler.template.sandbox import ENVIRONMENT

_ABOUT = re.compile(r"think|reason|effort", re.IGNORECASE)
_EFFORT = re.compile(r"effort", re.IGNORECASE)
_NOT_TAGS = re.compile(r"[^<>\[\]]+")

MAX_REASONING_VARIABLES, MAX_COMPARED_TEXTS = 8, 6
"""Each costs a render or two."""


@dataclass(frozen=True, slots=True)
class ReasoningCandidates:
    """`variables`: with the texts that they are compared with. `efforts`: those of them that are a degree, not a switch.

    `words`: texts that the template searches messages for.
    """

    variables: Mapping[str, tuple[Any, ...]]
    efforts: tuple[str, ...]
    words: tuple[str, ...]

    def settings(self) -> Iterator[dict[str, Any]]:
        """Yield assignments of one variable each that may turn reasoning on or off: booleans first."""
        switches = {name: texts for name, texts in self.variables.items() if name not in self.efforts}
        for name in switches:
            yield from ({name: True}, {name: False})
        for name, texts in switches.items():
            yield from ({name: text} for text in texts)


def reasoning_candidates(template: ChatTemplate) -> ReasoningCandidates:
    """Return the candidates in a template's text, cached by it."""
    return _cached((template.source, *(text for _, text in sorted(template.named.items()))))


@lru_cache(maxsize=64)
def _cached(sources: tuple[str, ...]) -> ReasoningCandidates:
    variables: dict[str, dict[str, None]] = {}
    words: dict[str, None] = {}
    for source in sources:
        try:
            tree = ENVIRONMENT.parse(source)
        except (jinja2.TemplateError, RecursionError):
            continue
        # First: the search for variables folds constants in the tree.
        comparisons = list(_comparisons(tree))
        for name in sorted(filter(_ABOUT.search, find_undeclared_variables(tree))):
            variables.setdefault(name, {})
        for compared, texts in comparisons:
            for name in compared & variables.keys():
                variables[name] |= dict.fromkeys(texts)
            words |= {text: None for text in texts if _is_word(text) and not compared & variables.keys()}
    known = sorted(variables, key=lambda name: (name not in _USUAL, name))[:MAX_REASONING_VARIABLES]
    return ReasoningCandidates(
        {name: tuple(variables[name])[:MAX_COMPARED_TEXTS] for name in known},
        tuple(filter(_EFFORT.search, known)),
        tuple(words)[:MAX_COMPARED_TEXTS],
    )


_USUAL = ("enable_thinking", "thinking", "reasoning_effort")
"""The variables that most templates use, as those who send variables themselves know them."""


def _is_word(text: str) -> bool:
    """Return whether a text may be something that people write into a message; a role or a field is no such text."""
    return bool(_ABOUT.search(text) and _NOT_TAGS.fullmatch(text) and re.search(r"[ /]", text))


def _comparisons(tree: nodes.Template) -> Iterator[tuple[set[str], list[str]]]:
    """Yield the names and texts that occur in each comparison."""
    for compare in tree.find_all(nodes.Compare):
        texts = [const.value for const in compare.find_all(nodes.Const) if isinstance(const.value, str)]
        yield {name.name for name in compare.find_all(nodes.Name)}, texts
