"""Finds tools by the words of their names, descriptions and parameters, ranked by BM25."""

import json
import logging
import re
from collections.abc import Iterator, Sequence
from typing import Any

from promptweave.v1 import chat_pb2

MAX_FOUND = 5
"""Maximum number of tools that a search returns."""

_NAME_WEIGHT = 3
"""How often the words of a tool's name count."""

_CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# Chinese, Japanese and Korean are written without spaces: each character is a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_STOP_WORDS = frozenset(
    (
        *("a", "an", "and", "are", "as", "at", "be", "but", "by", "do", "for", "from", "how", "i", "if", "in"),
        *("into", "is", "it", "its", "me", "my", "no", "not", "of", "on", "or", "that", "the", "their"),
        *("then", "there", "these", "this", "to", "use", "using", "was", "what", "when", "which", "will"),
        *("with", "you", "your"),
    )
)


class ToolIndex:
    """An index of tools."""

    def __init__(self, tools: Sequence[chat_pb2.Tool]) -> None:
        """Index the tools. It takes about 0.1 ms for each."""
        self._tools = tools
        # It loads numpy, and JAX if that is installed: only servers that search need them.
        import bm25s

        logging.getLogger("bm25s").setLevel(logging.WARNING)
        texts = [[*words(name_of(tool))] * _NAME_WEIGHT + [*words(_description(tool))] for tool in tools]
        self._ranking = bm25s.BM25() if any(texts) else None
        if self._ranking is not None:
            self._ranking.index(texts, show_progress=False)

    def find(self, query: str) -> list[chat_pb2.Tool]:
        """Return the tools that share words with the query, best first; at most MAX_FOUND."""
        found = [*words(query)]
        if self._ranking is None or not found:
            return []
        scores = self._ranking.get_scores(found)
        best = sorted(range(len(self._tools)), key=lambda place: -scores[place])[:MAX_FOUND]
        return [self._tools[place] for place in best if scores[place] > 0]


def words(text: str) -> Iterator[str]:
    """Yield the words of a text or a name, in lower case and without plural endings: `listOpenIssues` has three."""
    for word in _WORD.findall(_CAMEL_CASE.sub(" ", text)):
        word = word.lower()
        if word not in _STOP_WORDS:
            yield _singular(word)


def name_of(tool: chat_pb2.Tool) -> str:
    """Return a tool's name, with its namespace."""
    name = tool.custom.name if tool.HasField("custom") else tool.function.name
    return f"{tool.namespace} {name}" if tool.namespace else name


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def _description(tool: chat_pb2.Tool) -> str:
    if tool.HasField("custom"):
        return tool.custom.description
    try:
        parameters = json.loads(tool.function.parameters or "{}")
    except (ValueError, RecursionError):
        parameters = {}
    return " ".join([tool.function.description, *_names_and_descriptions(parameters)])


def _names_and_descriptions(schema: Any) -> Iterator[str]:
    """Yield the names and descriptions of parameters, at any depth."""
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            if isinstance(value.get("description"), str):
                yield value["description"]
            properties = value.get("properties")
            yield from properties if isinstance(properties, dict) else ()
            waiting += value.values()
