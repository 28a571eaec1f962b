"""Explains why no value satisfies some schemas, in the obvious cases."""

from collections.abc import Sequence
from dataclasses import dataclass

from promptweave.compiler.json_schema.logic.number_atoms import spelled
from promptweave.compiler.json_schema.parse.node import FALSE, Node


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """The location in the schema, and the reason why it allows no value."""

    pointer: str
    why: str


def explain(nodes: Sequence[Node]) -> Unsatisfiable:
    """Return the reason why schemas contradict each other or themselves."""
    for node in nodes:
        for members in node.members:
            why = "no listed value is valid for the other keywords" if members.values else "no values are listed"
            return Unsatisfiable(members.pointer, why)
    return _counts(nodes) or _bounds(nodes) or _required(nodes) or _types(nodes) or _default(nodes)


def _counts(nodes: Sequence[Node]) -> Unsatisfiable | None:
    for name, pairs in (
        ("Length", [(node.length, node) for node in nodes]),
        ("Items", [((node.array.min, node.array.max), node) for node in nodes]),
        ("Properties", [((node.object.min, node.object.max), node) for node in nodes]),
    ):
        low, at = max((pair[0], node.pointer) for pair, node in pairs) if pairs else (0, "")
        highs = [pair[1] for pair, _ in pairs if pair[1] is not None]
        if highs and min(highs) < low:
            return Unsatisfiable(f"{at}/min{name}", f"min{name} {low} > max{name} {min(highs)}")
    return None


def _bounds(nodes: Sequence[Node]) -> Unsatisfiable | None:
    bounds = [bound for node in nodes for bound in node.bounds]
    lows = [(bound.value, bound.exclusive, bound) for bound in bounds if bound.sign > 0]
    highs = [(bound.value, not bound.exclusive, bound) for bound in bounds if bound.sign < 0]
    if not lows or not highs:
        return None
    low, high = max(lows, key=lambda each: each[:2])[2], min(highs, key=lambda each: each[:2])[2]
    if low.value < high.value or (low.value == high.value and not (low.exclusive or high.exclusive)):
        return None
    names = [bound.pointer.rpartition("/")[2] for bound in (low, high)]
    sign = ">" if low.value > high.value else "conflicts with"
    return Unsatisfiable(low.pointer, f"{names[0]} {spelled(low.value)} {sign} {names[1]} {spelled(high.value)}")


def _required(nodes: Sequence[Node]) -> Unsatisfiable | None:
    for node in nodes:
        for name in node.object.required:
            for other in nodes:
                own = dict(other.object.properties)
                forbidden = own.get(name) == FALSE
                unknown = name not in own and not other.object.patterns and other.object.additional == FALSE
                if forbidden or unknown:
                    return Unsatisfiable(node.pointer + "/required", f"property {name!r} is required, but not allowed")
    return None


def _types(nodes: Sequence[Node]) -> Unsatisfiable | None:
    typed = [node for node in nodes if node.types is not None]
    for place, node in enumerate(typed):
        for other in typed[:place]:
            assert node.types is not None
            assert other.types is not None
            mine, theirs = ({*types} | ({"integer"} if "number" in types else set()) for types in (node.types, other.types))
            if not mine & theirs:
                return Unsatisfiable(
                    node.pointer + "/type", f"{' or '.join(sorted(mine))} conflicts with {' or '.join(sorted(theirs))}"
                )
    return None


def _default(nodes: Sequence[Node]) -> Unsatisfiable:
    node = nodes[0] if nodes else None
    return Unsatisfiable(node.pointer if node else "", "the keywords contradict each other; no value satisfies all of them")
