"""Arguments written key by key, in any order: a tree in which each may come next, and a grammar that admits none twice."""

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass

from promptweave.compiler.json_schema.emit.property_order import OrderBudget
from promptweave.compiler.json_text import dumps
from promptweave.compiler.styles.argument_values import NotExactError, implied_text
from promptweave.output.grammar.expr import EMPTY, Expr, Lit, Rules, alt, seq
from promptweave.output.tree import EMPTY as EMPTY_NODE
from promptweave.output.tree import ChoiceNode, LiteralNode, Node, RepeatNode, SequenceNode
from promptweave.output.tree_grammar import tree_expr

_COMPLETE = ("=", ">", ",", ";")
"""How the text before a later key ends if that text alone is distinct from the text after the arguments; `<` is not."""


@dataclass(frozen=True, slots=True)
class Member:
    """A key that may be written, and its value with the texts around it."""

    key: str
    required: bool
    value: Node

    def node(self, lead: str = "", json: str = "") -> Node:
        """Return the node of the member. `lead`: the text before its key; `json`: the same in the arguments."""
        return SequenceNode((LiteralNode(lead + self.key), implied_text(f"{json}{dumps(self.key)}: "), self.value))


@dataclass(frozen=True, slots=True)
class Leads:
    """The texts before the first key and before each later one, and the text of no arguments."""

    first: str
    join: str
    zero: str


@dataclass(frozen=True, slots=True)
class MemberRules:
    """What may be written besides the members, and which of the members may come together.

    `pair`: a key that is not declared, with its value, and the texts around them; None: there are none. `conditional`: the
    keys whose presence depends on that of others, as far as `allows` says: it receives all that are present.
    """

    pair: Node | None = None
    conditional: frozenset[str] = frozenset()
    allows: Callable[[Set[str]], bool] = lambda _: True


def members_node(
    members: Sequence[Member], leads: Leads, rules: Rules, order: OrderBudget, member_rules: MemberRules | None = None
) -> Node:
    """Return the tree of the members, each at most once. Its grammar spends `order` on those that may come anywhere.

    Raises NotExactError if the grammar cannot know which of the members are present.
    """
    member_rules = member_rules or MemberRules()
    none = SequenceNode((LiteralNode(leads.zero), implied_text("{}")))
    if not members and not member_rules.pair:
        return none
    some = _some(members, leads, member_rules.pair)
    may_be_none = member_rules.allows(frozenset()) and not any(member.required for member in members)
    alternatives = (some, none) if may_be_none else (some,)
    if len(members) > 1 or member_rules.pair or member_rules.conditional:
        grammar = _MembersGrammar(members, leads, rules, order, member_rules)
        return ChoiceNode(alternatives, rule=grammar.expr())
    return alternatives[0] if len(alternatives) == 1 else ChoiceNode(alternatives)


def _pair(pair: Node, lead: str, json: str) -> Node:
    return SequenceNode((LiteralNode(lead), implied_text(json), pair))


def _some(members: Sequence[Member], leads: Leads, pair: Node | None) -> Node:
    """Return the tree of one or more members, with nothing to keep one from coming twice."""
    if pair:
        # A declared key is distinguished first, as its text is longer than that before any key.
        first = [*(member.node(leads.first, "{") for member in members), _pair(pair, leads.first, "{")]
        again = [*(member.node(leads.join, ", ") for member in members), _pair(pair, leads.join, ", ")]
        return SequenceNode((_any_of(first), RepeatNode(_any_of(again)), implied_text("}")))
    if len(members) == 1:
        return SequenceNode((members[0].node(leads.first, "{"), implied_text("}")))
    if leads.join.rstrip().endswith(_COMPLETE):
        join = ChoiceNode((SequenceNode((LiteralNode(leads.join), implied_text(", "))), EMPTY_NODE))
        item = SequenceNode((_any_of(member.node() for member in members), join))
        items: list[Node] = [LiteralNode(leads.first), implied_text("{"), RepeatNode(item, min=1, max=len(members))]
    else:
        later = _any_of(member.node(leads.join, ", ") for member in members)
        items = [_any_of(member.node(leads.first, "{") for member in members), RepeatNode(later, max=len(members) - 1)]
    return SequenceNode((*items, implied_text("}")))


def _any_of(nodes: Iterable[Node]) -> Node:
    alternatives = tuple(nodes)
    return alternatives[0] if len(alternatives) == 1 else ChoiceNode(alternatives)


class _MembersGrammar:
    """The grammar of members. A state is the set of those that may still come anywhere, and the number of others done."""

    def __init__(
        self, members: Sequence[Member], leads: Leads, rules: Rules, order: OrderBudget, member_rules: MemberRules
    ) -> None:
        self._pair = tree_expr(member_rules.pair, rules) if member_rules.pair else None
        required = {member.key for member in members if member.required}
        anywhere = order.choose([member.key for member in members], required | member_rules.conditional)
        if member_rules.conditional and len(members) == 1:
            anywhere = (members[0].key,)
        if not member_rules.conditional.issubset(anywhere):
            raise NotExactError("", "too many properties depend on each other for this syntax")
        self._required = frozenset(required)
        self._member_rules = member_rules
        self._alive: dict[int, bool] = {}
        self._anywhere = [member for member in members if member.key in anywhere]
        self._in_order = [member for member in members if member.key not in anywhere]
        self._leads = leads
        self._rules = rules
        # The text before a key is the same for all, and so are values in many places.
        self._pairs = {
            member.key: rules.add(member.key, tree_expr(SequenceNode((LiteralNode(member.key), member.value)), rules))
            for member in members
        }
        self._states: dict[tuple[int, int], Expr] = {}
        self._later: dict[tuple[int, int], Expr] = {}

    def expr(self) -> Expr:
        """Return the grammar."""
        everything = (1 << len(self._anywhere)) - 1
        if not self._can_end(everything):
            raise NotExactError("", "no set of properties is allowed")
        return self._body(everything, 0, self._leads.first, Lit(self._leads.zero))

    def _may_end(self, left: int) -> bool:
        """Return whether the members that are done may be present together, required ones included."""
        done = {member.key for bit, member in enumerate(self._anywhere) if not left >> bit & 1}
        return not self._member_rules.conditional or self._member_rules.allows(self._required | done)

    def _can_end(self, left: int) -> bool:
        """Return whether the members that are done may be present together, perhaps with others."""
        if left not in self._alive:
            less = (left & ~(1 << bit) for bit in range(len(self._anywhere)) if left >> bit & 1)
            self._alive[left] = self._may_end(left) or any(map(self._can_end, less))
        return self._alive[left]

    def _state(self, left: int, place: int) -> Expr:
        if not left and place == len(self._in_order) and self._pair is None:
            return EMPTY
        if (left, place) not in self._states:
            ref = self._states[left, place] = self._rules.reserve("order")
            self._rules.define(ref, self._body(left, place, self._leads.join, EMPTY))
        return self._states[left, place]

    def _body(self, left: int, place: int, lead: str, end: Expr) -> Expr:
        """Return what may come in a state. `lead`: the text before the next key; `end`: the text if there is none."""
        still = [member for bit, member in enumerate(self._anywhere) if left >> bit & 1]
        following = [
            seq(self._pairs[member.key], self._state(left & ~(1 << bit), place))
            for bit, member in enumerate(self._anywhere)
            if left >> bit & 1 and self._can_end(left & ~(1 << bit))
        ]
        if place < len(self._in_order):
            following.append(self._later_ones(left, place))
        if self._pair is not None:
            following.append(seq(self._pair, self._state(left, place)))
        some = seq(Lit(lead), alt(*following))
        missing = any(member.required for member in (*still, *self._in_order[place:]))
        return some if missing or not self._may_end(left) else alt(some, end)

    def _later_ones(self, left: int, place: int) -> Expr:
        """Return the members in order from `place` on, up to the first required one, each with what follows it."""
        for later in range(len(self._in_order) - 1, place - 1, -1):
            if (left, later) not in self._later:
                member = self._in_order[later]
                options = [seq(self._pairs[member.key], self._state(left, later + 1))]
                if not member.required and later + 1 < len(self._in_order):
                    options.append(self._later[left, later + 1])
                self._later[left, later] = self._rules.add("later", alt(*options))
        return self._later[left, place]
