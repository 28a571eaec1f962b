"""Character sets: inclusive, ascending, disjoint ranges of code points. Surrogates are not characters."""

from collections.abc import Iterable, Sequence

Ranges = tuple[tuple[int, int], ...]

NONE: Ranges = ()
UNIVERSE: Ranges = ((0, 0xD7FF), (0xE000, 0x10FFFF))


def normal(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Sort and merge ranges, and remove surrogates."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    if any(low <= 0xDFFF and high >= 0xD800 for low, high in joined):
        return intersect(tuple(joined), UNIVERSE)
    return tuple(joined)


def of(text: str) -> Ranges:
    """Return the set of the characters of `text`."""
    return normal((ord(char), ord(char)) for char in text)


def union(*sets: Ranges) -> Ranges:
    """Return the union of the sets."""
    return normal(part for each in sets for part in each)


def intersect(left: Ranges, right: Ranges) -> Ranges:
    """Return the intersection of the sets."""
    found, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        low, high = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if low <= high:
            found.append((low, high))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return tuple(found)


def invert(ranges: Ranges) -> Ranges:
    """Return the complement of the set."""
    gaps, low = [], 0
    for first, last in ranges:
        if low < first:
            gaps.append((low, first - 1))
        low = last + 1
    if low <= 0x10FFFF:
        gaps.append((low, 0x10FFFF))
    return intersect(tuple(gaps), UNIVERSE)


def difference(left: Ranges, right: Ranges) -> Ranges:
    """Return the characters that are in `left` only."""
    return intersect(left, invert(right))


def holds(ranges: Ranges, code: int) -> bool:
    """Return whether the set contains a code point."""
    low, high = 0, len(ranges)
    while low < high:
        middle = (low + high) // 2
        if ranges[middle][1] < code:
            low = middle + 1
        else:
            high = middle
    return low < len(ranges) and ranges[low][0] <= code


def partition(sets: Sequence[Ranges]) -> list[tuple[Ranges, int]]:
    """Partition the characters by which of `sets` contain them (a bit per set): the classes an automaton must distinguish.

    Characters in none of the sets belong to no class.
    """
    changes: dict[int, int] = {}
    for place, ranges in enumerate(sets):
        for low, high in ranges:
            changes[low] = changes.get(low, 0) ^ (1 << place)
            changes[high + 1] = changes.get(high + 1, 0) ^ (1 << place)
    classes: dict[int, list[tuple[int, int]]] = {}
    member, start = 0, 0
    for point in sorted(changes):
        if member:
            found = classes.setdefault(member, [])
            if found and found[-1][1] == start - 1:
                found[-1] = (found[-1][0], point - 1)
            else:
                found.append((start, point - 1))
        member ^= changes[point]
        start = point
    return [(tuple(ranges), member) for member, ranges in classes.items()]
