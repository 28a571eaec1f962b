"""Sets of characters: ranges of code points, inclusive, ascending, apart. Surrogates are no characters."""

from collections.abc import Iterable, Sequence

Ranges = tuple[tuple[int, int], ...]

NONE: Ranges = ()
UNIVERSE: Ranges = ((0, 0xD7FF), (0xE000, 0x10FFFF))


def normal(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Any ranges, in order and joined; without surrogates."""
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
    """The characters of `text`."""
    return normal((ord(char), ord(char)) for char in text)


def union(*sets: Ranges) -> Ranges:
    """What is in any of them."""
    return normal(part for each in sets for part in each)


def intersect(left: Ranges, right: Ranges) -> Ranges:
    """What is in both."""
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
    """Every other character."""
    gaps, low = [], 0
    for first, last in ranges:
        if low < first:
            gaps.append((low, first - 1))
        low = last + 1
    if low <= 0x10FFFF:
        gaps.append((low, 0x10FFFF))
    return intersect(tuple(gaps), UNIVERSE)


def difference(left: Ranges, right: Ranges) -> Ranges:
    """What is in `left` only."""
    return intersect(left, invert(right))


def holds(ranges: Ranges, code: int) -> bool:
    """Whether a code point is in it."""
    low, high = 0, len(ranges)
    while low < high:
        middle = (low + high) // 2
        if ranges[middle][1] < code:
            low = middle + 1
        else:
            high = middle
    return low < len(ranges) and ranges[low][0] <= code


def partition(sets: Sequence[Ranges]) -> list[tuple[Ranges, int]]:
    """The characters by which of `sets` hold them (a bit for each): the classes that an automaton need tell apart.

    Characters in none of the sets are in no class.
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
