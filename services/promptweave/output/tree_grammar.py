"""Converts an output tree to a grammar."""

from promptweave.output.grammar.expr import EMPTY, Expr, Lit, Rep, Rules, alt, chars, seq
from promptweave.output.text_grammar import text_expr, text_with_names
from promptweave.output.tree import EMPTY as NO_TEXT
from promptweave.output.tree import (
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
        case TextNode():
            return _text(node, rules) if node.rule is None else node.rule
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


def _text(node: TextNode, rules: Rules) -> Expr:
    then: dict[str, Expr] = {}
    for branch in node.branches:
        body = rules.add("after", tree_expr(branch.then, rules))
        then.update(dict.fromkeys(branch.markers, body))
    if node.named is None:
        if any(branch.then != NO_TEXT for branch in node.branches):
            return text_expr(then, node.may_end, rules)
        # The same text in many places, such as the strings among arguments, is one automaton.
        key = ("text", tuple(then), node.may_end)
        if key not in rules.remembered:
            rules.remembered[key] = text_expr(then, node.may_end, rules)
        return rules.remembered[key]
    named = node.named
    cases = {name: tree_expr(case, rules) for name, case in named.cases}
    return text_with_names(then, node.may_end, named, cases, tree_expr(named.ending, rules), rules)
