"""Free properties: those whose names no schema mentions.

Their names are distinguished by language (which patterns match, what propertyNames allows), and each kind has its values.
A grammar cannot prevent a free name from occurring twice, so schemas that depend on that are rejected.
"""

from dataclasses import dataclass, field

from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.emit.dfa_to_grammar import json_string
from promptweave.compiler.json_schema.emit.emitter import Emitter
from promptweave.compiler.json_schema.emit.json_grammar import counted, other_key
from promptweave.compiler.json_schema.logic.object_atoms import Free, SomeFree
from promptweave.compiler.json_schema.parse.node import FALSE, LiteralSet
from promptweave.compiler.regex import dfa
from promptweave.compiler.regex.dfa import Dfa, TooManyStatesError
from promptweave.output.grammar.expr import EMPTY, NOTHING, Expr, Lit, Rep, alt, seq

MAX_FREE_NAME_KINDS = 64
"""Maximum number of kinds of free names that the patterns of one object distinguish."""


@dataclass(frozen=True, slots=True)
class Clause:
    """Requirements for free properties: all `frees`, all `needed`, and a count of `low` to `high` (None: unbounded)."""

    frees: tuple[Free, ...] = ()
    needed: tuple[SomeFree, ...] = ()
    low: int = 0
    high: int | None = None
    pointer: str = field(default="", compare=False)

    def joined(self, other: "Clause") -> "Clause":
        """Return the conjunction of both clauses."""
        highs = [high for high in (self.high, other.high) if high is not None]
        return Clause(
            tuple(dict.fromkeys((*self.frees, *other.frees))),
            tuple(dict.fromkeys((*self.needed, *other.needed))),
            max(self.low, other.low),
            min(highs) if highs else None,
            self.pointer or other.pointer,
        )


class FreeProperties:
    """The free properties of an object that declares `names`. `closed`: what else applies to all of them."""

    def __init__(self, emitter: Emitter, names: tuple[str, ...], closed: tuple[Free, ...], hint: str) -> None:
        self._emitter = emitter
        self._rules = emitter.rules
        self._names = names
        self._closed = closed
        self._hint = hint
        separators = emitter.separators
        self._comma, self._colon, self._end = map(Lit, (separators.item, separators.key, separators.inside + "}"))
        self._regions: dict[tuple[Free, ...], list[tuple[Dfa | None, LiteralSet]]] = {}
        self._unnamed: Dfa | None = None

    def expr(self, clause: Clause, first: bool) -> Expr:
        """Return the free properties and the closing brace; `first`: no property precedes them."""
        pair = self._pair(clause.frees, None)
        low, high = clause.low, clause.high
        if pair == NOTHING or high == 0:
            if low or clause.needed:
                return NOTHING
            return Lit("}") if first else self._end
        if clause.needed:
            return self._with_needed(clause, pair, first)
        if low > 1:
            why = (
                "minProperties cannot count undeclared properties, as a name could appear twice; declare them in properties"
            )
            raise SchemaError("unsupported", clause.pointer, why, keyword="minProperties")
        if high is not None and high < low:
            return NOTHING
        more = self._rules.add(f"{self._hint}-more", seq(self._comma, pair))
        if not first:
            return seq(counted(more, low, high, self._rules), self._end)
        after = counted(more, 0, None if high is None else high - 1, self._rules) if high != 1 else EMPTY
        return alt(*([Lit("}")] if low == 0 else []), seq(pair, after, self._end))

    def _with_needed(self, clause: Clause, pair: Expr, first: bool) -> Expr:
        if len(clause.needed) > 1 or clause.low > 1 or clause.high is not None:
            why = "at most one required undeclared property is supported, and only without minProperties or maxProperties"
            raise SchemaError("unsupported", clause.needed[0].pointer, why)
        needed = self._pair(clause.frees, clause.needed[0].names)
        if needed == NOTHING:
            return NOTHING
        more = self._rules.add(f"{self._hint}-more", seq(self._comma, pair))
        before = self._rules.add(f"{self._hint}-before", seq(pair, self._comma))
        if first:
            return seq(Rep(before), needed, Rep(more), self._end)
        return seq(Rep(more), self._comma, needed, Rep(more), self._end)

    def _pair(self, frees: tuple[Free, ...], only: Dfa | None) -> Expr:
        """Return one free property. `only`: its name must also be in this language."""
        options = []
        for names, literals in self._kinds(frees):
            value = self._emitter.expr(literals, f"{self._hint}-other")
            if value == NOTHING:
                continue
            if names is None and only is None:
                key = other_key(self._names, self._rules)
            else:
                language = self._others() if names is None else names
                language = language if only is None else dfa.intersection(language, only)
                if language.is_empty:
                    continue
                key = json_string(language, self._rules, f"{self._hint}-key")
            options.append(seq(key, self._colon, value))
        return self._rules.add(f"{self._hint}-pair", alt(*options)) if options else NOTHING

    def _kinds(self, frees: tuple[Free, ...]) -> list[tuple[Dfa | None, LiteralSet]]:
        """Return the languages of names that are treated alike (None: all free names), with the requirements for values."""
        frees = tuple(dict.fromkeys((*self._closed, *frees)))
        if frees not in self._regions:
            everywhere = frozenset(free.value for free in frees if free.names.is_all)
            partial = [free for free in frees if not free.names.is_all]
            if FALSE in everywhere:
                self._regions[frees] = []
            elif not partial:
                self._regions[frees] = [(None, everywhere)]
            else:
                try:
                    self._regions[frees] = list(self._split(partial, everywhere))
                except TooManyStatesError as error:
                    keyword = partial[0].pointer.rpartition("/")[2]
                    why = f"{keyword}: {error} to distinguish its names from the declared properties"
                    raise SchemaError("unsupported", partial[0].pointer, why, keyword=keyword) from None
        return self._regions[frees]

    def _split(self, frees: list[Free], everywhere: LiteralSet) -> list[tuple[Dfa, LiteralSet]]:
        regions = [(self._others(), everywhere)]
        # Forbidden names first: that leaves less to split.
        for free in sorted(frees, key=lambda free: free.value != FALSE):
            split = []
            for names, literals in regions:
                if free.value != FALSE and free.value not in literals:
                    split.append((dfa.intersection(names, free.names), literals | {free.value}))
                elif free.value != FALSE:
                    split.append((names, literals))
                    continue
                split.append((dfa.difference(names, free.names), literals))
            merged: dict[LiteralSet, Dfa] = {}
            for names, literals in split:
                if not names.is_empty:
                    merged[literals] = dfa.union(merged[literals], names) if literals in merged else names
            regions = [(names, literals) for literals, names in merged.items()]
            if len(regions) > MAX_FREE_NAME_KINDS:
                raise TooManyStatesError(MAX_FREE_NAME_KINDS)
        return regions

    def _others(self) -> Dfa:
        if self._unnamed is None:
            self._unnamed = dfa.complement(dfa.of_texts(self._names)) if self._names else dfa.ALL
        return self._unnamed
