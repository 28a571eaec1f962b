"""Converts patterns to regular languages of complete texts: patterns are unanchored, and assertions are made regular.

A look-ahead is an intersection with everything that follows; `^` and `\\b` depend on the last character, so what follows is
a function of it (start of text, word character, other). A look-behind is possible at the beginning of the pattern, where
everything before it is known.
"""

from collections.abc import Callable
from functools import lru_cache
from types import UnionType

from promptweave.compiler.regex import charset
from promptweave.compiler.regex.dfa import Dfa
from promptweave.compiler.regex.ecma_parser import (
    Boundary,
    End,
    Look,
    Options,
    PatternError,
    PatternNode,
    Series,
    Start,
    Times,
    parse,
)
from promptweave.compiler.regex.language import (
    ANY,
    EPSILON,
    EVERYTHING,
    NOTHING,
    Language,
    Not,
    OneOf,
    Repeat,
    both,
    either,
    has_empty,
    sequence,
    to_dfa,
)
from promptweave.compiler.regex.unicode_sets import word_sets

MAX_UNROLLED = 16
"""Maximum number of unrolled repetitions of an item that contains an assertion."""

START, WORD, OTHER, UNSURE = "start", "word", "other", "unsure"
Before = str
"""The kind of the last character. In patterns without `\\b`, OTHER is any character. UNSURE: a word character for some
validators only."""

Continuation = Callable[[Before], Language]
"""What follows, up to the end of the text."""


@lru_cache(maxsize=512)
def pattern_dfa(source: str, *, wide: bool = False) -> Dfa:
    """Return the texts that `pattern` accepts. Raises PatternError and TooManyStatesError."""
    return to_dfa(pattern_language(source, wide=wide))


@lru_cache(maxsize=512)
def whole_dfa(source: str, *, assertions: bool = True) -> Dfa:
    """Return the texts that match completely. `assertions`: the pattern may contain anchors, boundaries and look-around.

    Raises PatternError and TooManyStatesError.
    """
    pattern = parse(source)
    if _is_plain(pattern):
        return to_dfa(_plain(pattern))
    if not assertions:
        raise PatternError("anchors, boundaries and look-around are not supported in part of a text")
    return pattern_dfa(f"^(?:{source})$")


def pattern_language(source: str, *, wide: bool = False) -> Language:
    """Return the texts that contain a match. `wide`: as the most permissive validator reads it (`unicode_sets`)."""
    pattern = parse(source, wide=wide)
    if _is_plain(pattern):
        return sequence(EVERYTHING, _plain(pattern), EVERYTHING)
    return _Lowering(_mentions(pattern, Boundary)).whole(pattern)


class _Lowering:
    def __init__(self, boundaries: bool) -> None:
        self._boundaries = boundaries

    def whole(self, pattern: PatternNode) -> Language:
        before: Language = EVERYTHING
        if isinstance(pattern, Series) and pattern.items and _is_look_behind(pattern.items[0]):
            look, pattern = pattern.items[0], Series(pattern.items[1:])
            assert isinstance(look, Look)
            if not _is_plain(look.item):
                raise PatternError("look-behind with assertions inside is not supported")
            before = sequence(EVERYTHING, _plain(look.item))
            before = Not(before) if look.negated else before
        parts = self._split(before, START)
        return either(*(sequence(part, self._read(pattern, lambda _: EVERYTHING, last)) for last, part in parts.items()))

    def _split(self, language: Language, before: Before) -> dict[Before, Language]:
        """Split a language by the kind of its texts' last character; `before` is the kind of the character before it."""
        if self._boundaries:
            parts = {last: both(language, sequence(EVERYTHING, OneOf(ranges))) for last, ranges in word_sets().items()}
        elif before == OTHER:
            return {OTHER: language}
        else:
            parts = {OTHER: both(language, Repeat(ANY, 1))}
        if has_empty(language):
            parts[before] = either(EPSILON, parts.get(before, NOTHING))
        return parts

    def _read(self, pattern: PatternNode, rest: Continuation, before: Before) -> Language:
        match pattern:
            case Start():
                return rest(before) if before == START else NOTHING
            case End():
                return _end(pattern, rest(before))
            case Boundary():
                return _boundary(pattern, rest(before), before)
            case Look(item, ahead, negated):
                if not ahead:
                    raise PatternError("look-behind is only supported at the beginning of the pattern")
                seen = self._read(item, lambda _: EVERYTHING, before)
                return both(Not(seen) if negated else seen, rest(before))
        if _is_plain(pattern):
            parts = self._split(_plain(pattern), before)
            follow: dict[Language, list[Language]] = {}
            for last, part in parts.items():
                if part != NOTHING:
                    follow.setdefault(rest(last), []).append(part)
            if len(follow) == 1 and len(parts) > 1:
                return sequence(_plain(pattern), next(iter(follow)))
            return either(*(sequence(either(*group), after) for after, group in follow.items()))
        match pattern:
            case Series(items):
                for item in reversed(items):
                    rest = self._before(item, rest)
                return rest(before)
            case Options(items):
                return either(*(self._read(item, rest, before) for item in items))
            case Times(item, low, high):
                return self._times(item, low, high, rest, before)
        raise AssertionError(pattern)

    def _before(self, item: PatternNode, rest: Continuation) -> Continuation:
        known: dict[Before, Language] = {}

        def reading(before: Before) -> Language:
            if before not in known:
                known[before] = self._read(item, rest, before)
            return known[before]

        return reading

    def _times(self, item: PatternNode, low: int, high: int | None, rest: Continuation, before: Before) -> Language:
        if high is None or high > MAX_UNROLLED:
            raise PatternError("assertions inside a repetition are only supported with a small bound")
        for number in range(high, 0, -1):
            after = rest
            once = self._before(item, after)
            rest = once if number <= low else self._optional(once, after if number > low else once)
        return rest(before)

    @staticmethod
    def _optional(once: Continuation, without: Continuation) -> Continuation:
        return lambda before: either(once(before), without(before))


def _end(end: End, rest: Language) -> Language:
    ends = EPSILON if has_empty(rest) else NOTHING
    return either(ends, both(rest, OneOf(charset.of("\n")))) if end.wide else ends


def _boundary(boundary: Boundary, rest: Language, before: Before) -> Language:
    negated, wide = boundary.negated, boundary.wide
    if before == UNSURE:
        return rest if wide else NOTHING
    sets = word_sets()
    wanted = WORD if (before == WORD) == negated else OTHER
    begins = charset.union(sets[wanted], sets[UNSURE]) if wide else sets[wanted]
    after = sequence(OneOf(begins), EVERYTHING)
    # Python's re does not match \\B in an empty text.
    may_end = wanted == OTHER and (wide or not (negated and before == START))
    return both(either(EPSILON, after) if may_end else after, rest)


def _is_look_behind(pattern: PatternNode) -> bool:
    return isinstance(pattern, Look) and not pattern.ahead


def _is_plain(pattern: PatternNode) -> bool:
    return not _mentions(pattern, Start | End | Boundary | Look)


def _mentions(pattern: PatternNode, kind: type | UnionType) -> bool:
    if isinstance(pattern, kind):
        return True
    match pattern:
        case Series(items) | Options(items):
            return any(_mentions(item, kind) for item in items)
        case Times(item) | Look(item):
            return _mentions(item, kind)
    return False


def _plain(pattern: PatternNode) -> Language:
    match pattern:
        case OneOf():
            return pattern
        case Series(items):
            return sequence(*map(_plain, items))
        case Options(items):
            return either(*map(_plain, items))
        case Times(item, low, high):
            return Repeat(_plain(item), low, high)
    raise AssertionError(pattern)
