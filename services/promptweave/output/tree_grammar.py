"""Converts an output tree to a grammar."""

from collections.abc import Mapping

from promptweave.output.grammar.expr import ANY_CHAR, EMPTY, Expr, Lit, Ref, Rep, Rules, alt, chars, none_of, seq
from promptweave.output.tree import EMPTY as NO_TEXT
from promptweave.output.tree import (
    Branch,
    ChoiceNode,
    EmitNode,
    JsonNode,
    LiteralNode,
    Node,
    RegionNode,
    RepeatNode,
    SequenceNode,
    TextNode,
)


def tree_expr(node: Node, rules: Rules) -> Expr:
    """Return the language of `node`, adding the rules it needs to `rules`. Each JsonNode must have a rule."""
    match node:
        case LiteralNode(text):
            return Lit(text)
        case JsonNode(_, rule):
            if rule is None:
                raise ValueError("a Json node without a rule has no grammar")
            return rule
        case TextNode(_, branches, may_end, rule):
            return _text(branches, may_end, rules) if rule is None else rule
        case ChoiceNode(_, rule) if rule is not None:
            return rule
        case ChoiceNode(alternatives):
            letters = [node.text for node in alternatives if isinstance(node, LiteralNode) and len(node.text) == 1]
            if len(letters) == len(alternatives) > 1:
                # The engine holds one stack for a character class, but one per alternative of a choice.
                return chars("".join(letters))
            return alt(*(tree_expr(alternative, rules) for alternative in alternatives))
        case SequenceNode(items):
            return seq(*(tree_expr(item, rules) for item in items))
        case RepeatNode(item, separator, low, high):
            return _repeat(tree_expr(item, rules), separator, low, high, rules)
        case RegionNode(_, body):
            return tree_expr(body, rules)
        case EmitNode():
            return EMPTY


def _repeat(item: Expr, separator: str, low: int, high: int | None, rules: Rules) -> Expr:
    if high == 0:
        return EMPTY
    if high == 1:
        return item if low else alt(item, EMPTY)
    shared = rules.add("item", item)
    # The first item is inlined, so that the text it begins with remains visible (`split_literal`).
    more = Rep(rules.add("more", seq(Lit(separator), shared)), max(low - 1, 0), None if high is None else high - 1)
    return seq(item, more) if low else alt(seq(item, more), EMPTY)


def _text(branches: tuple[Branch, ...], may_end: bool, rules: Rules) -> Expr:
    """Return free text up to a marker, and what follows it."""
    markers = {marker: branch.then for branch in branches for marker in branch.markers}
    if not markers:
        return Rep(ANY_CHAR)
    if any(then != NO_TEXT for then in markers.values()):
        return _automaton(branches, markers, may_end, rules)
    # The same text in many places, such as the strings among arguments, is one automaton.
    key = ("text", tuple(markers), may_end)
    if key not in rules.remembered:
        rules.remembered[key] = _automaton(branches, markers, may_end, rules)
    return rules.remembered[key]


def _automaton(branches: tuple[Branch, ...], markers: Mapping[str, Node], may_end: bool, rules: Rules) -> Expr:
    """Return the automaton that finds the first marker (Aho and Corasick, 1975): a right-linear rule per state.

    It is deterministic, so the engine holds one stack, and it is the exact complement of "contains a marker".
    """
    then: dict[str, Expr] = {}
    for branch in branches:
        body = rules.add("after", tree_expr(branch.then, rules))
        then.update(dict.fromkeys(branch.markers, body))
    # Sorted, so that the same request has the same grammar in every process.
    states = sorted({marker[:length] for marker in markers for length in range(len(marker))}, key=lambda it: (len(it), it))
    refs: dict[str, Ref] = {state: rules.reserve("text") for state in states}
    alphabet = sorted({char for marker in markers for char in marker})
    # The transitions of each state that do not lead back to the start.
    steps_of: dict[str, dict[str, str]] = {}
    for state in states:
        # A state inherits the transitions of its longest proper suffix that is a state: shorter, so already computed.
        shorter = next((state[place:] for place in range(1, len(state)) if state[place:] in steps_of), "") if state else ""
        known_steps = dict(steps_of[shorter]) if state else {}
        known_steps |= {char: state + char for char in alphabet if state + char in refs or state + char in then}
        steps_of[state] = known_steps
        targets: dict[Expr, list[str]] = {}
        for char, after in sorted(known_steps.items()):
            targets.setdefault(then[after] if after in then else refs[after], []).append(char)
        known = "".join(char for group in targets.values() for char in group)
        steps = [seq(_one_of(group), target) for target, group in targets.items()]
        steps.append(seq(none_of(known), refs[""]))
        rules.define(refs[state], alt(*steps, *([EMPTY] if may_end else [])))
    return refs[""]


def _one_of(group: list[str]) -> Expr:
    return Lit(group[0]) if len(group) == 1 else chars("".join(group))
