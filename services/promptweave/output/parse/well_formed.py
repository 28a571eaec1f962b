"""Validates trees from outside: the parser relies on each call naming exactly one tool.

Trees built by promptweave's own styles are valid by construction.
"""

import math
from typing import NamedTuple

from promptweave.output.parse.sinks import CALL_REGIONS
from promptweave.output.tree import (
    ChoiceNode,
    EmitNode,
    JsonNode,
    LiteralNode,
    Node,
    Region,
    RegionNode,
    RepeatNode,
    SequenceNode,
    TextNode,
)

_NAMES = (Region.TOOL_NAME, Region.CUSTOM_TOOL_NAME)


class _Count(NamedTuple):
    """The minimum and maximum number of names that may be read."""

    low: float
    high: float


_NONE, _ONE = _Count(0, 0), _Count(1, 1)


def check_calls(node: Node) -> None:
    """Raise ValueError for nested calls, calls that do not name exactly one tool, and call regions outside of a call."""
    _names(node, inside=False)


def _names(node: Node, *, inside: bool) -> _Count:
    match node:
        case LiteralNode() | JsonNode() | EmitNode():
            return _NONE
        case RegionNode(kind, body):
            return _names_of_part(kind, body, inside=inside)
        case TextNode(kind, branches, named=named):
            if kind is Region.TOOL_CALL or kind in _NAMES or (kind in CALL_REGIONS and not inside):
                raise ValueError(f"free text cannot be {kind.name}")
            ends = [_names(branch.then, inside=inside) for branch in branches]
            if named and any(
                _names(then, inside=inside) != _NONE for then in (*(then for _, then in named.cases), named.ending)
            ):
                raise ValueError("a named branch leads to names outside of a call")
            return _any_of([*ends, _NONE] if node.may_end or (named and not named.resumes) else ends)
        case ChoiceNode(alternatives):
            return _any_of([_names(alternative, inside=inside) for alternative in alternatives])
        case SequenceNode(items):
            counts = [_names(item, inside=inside) for item in items]
            return _Count(sum(count.low for count in counts), sum(count.high for count in counts))
        case RepeatNode(item, _, low, high):
            count = _names(item, inside=inside)
            return _Count(count.low * low, count.high * (math.inf if high is None else high) if count.high else 0)


def _names_of_part(kind: Region, body: Node, *, inside: bool) -> _Count:
    if kind is Region.TOOL_CALL:
        if inside:
            raise ValueError("a call is nested in a call")
        if _names(body, inside=True) != _ONE:
            raise ValueError("a call must name exactly one tool")
        return _NONE
    if kind in CALL_REGIONS and not inside:
        raise ValueError(f"{kind.name} is outside of a call")
    count = _names(body, inside=inside)
    if kind not in _NAMES:
        return count
    if count != _NONE:
        raise ValueError("a name is nested in a name")
    return _ONE


def _any_of(counts: list[_Count]) -> _Count:
    if not counts:
        return _NONE
    return _Count(min(count.low for count in counts), max(count.high for count in counts))
