"""A choice of property names as a trie, with what follows each: an engine follows one path instead of one per name."""

from collections.abc import Mapping

from promptweave.output.grammar.expr import Expr, Lit, Ref, Rules, alt, seq

_MAX_DEPTH = 60


class KeyTrie:
    """A prefix-free set of texts, and what follows each.

    A trie is immutable. A trie with an additional text shares all but the path to that text with the original, so
    the choices of a chain of optional properties (all of them, all but the first, ...) together cost little more than the
    first one alone.
    """

    def __init__(self, branches: Mapping[str, tuple[str, "KeyTrie | Expr"]] | None = None) -> None:
        # Keyed by first character (at great depth by the complete text): a text, and what follows it.
        self._branches = branches or {}
        self._ref: Ref | None = None

    def having(self, text: str, follow: Expr, depth: int = 0) -> "KeyTrie":
        """Return the trie with one more text."""
        head = text[:1] if depth < _MAX_DEPTH else text
        edge, below = self._branches.get(head, (text, follow))
        same = next((n for n, (a, b) in enumerate(zip(edge, text, strict=False)) if a != b), len(edge))
        if edge == text:
            branch: tuple[str, KeyTrie | Expr] = (text, follow)
        elif same == len(edge) and isinstance(below, KeyTrie):
            branch = (edge, below.having(text[same:], follow, depth + 1))
        else:
            split = {edge[same : same + 1]: (edge[same:], below)}
            branch = (edge[:same], KeyTrie(split).having(text[same:], follow, depth + 1))
        return KeyTrie({**self._branches, head: branch})

    def expr(self, rules: Rules, hint: str) -> Expr:
        """Return the choice. Nodes below the first are rules, which tries share."""
        steps = []
        for text, below in self._branches.values():
            steps.append(seq(Lit(text), below._named(rules, hint) if isinstance(below, KeyTrie) else below))
        return alt(*steps)

    def _named(self, rules: Rules, hint: str) -> Ref:
        if self._ref is None:
            self._ref = rules.reserve(hint)
            rules.define(self._ref, self.expr(rules, hint))
        return self._ref
