"""Named character sets: the classes of ECMA-262's patterns and Unicode's properties.

`\\d`, `\\w`, `\\s` and `.` match less in ECMA-262 than in some validators (Python's `re` uses Unicode's definitions).
Therefore each has a narrow set, on which both agree, and a wide one, of what either accepts: the narrow set is used for what
a pattern accepts, the wide one for what its negation excludes.
"""

import unicodedata
from functools import cache

from promptweave.compiler.regex import charset
from promptweave.compiler.regex.charset import Ranges

_DIGIT = charset.normal([(0x30, 0x39)])
_WORD = charset.normal([(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)])
# ECMA-262, WhiteSpace and LineTerminator.
_SPACE = charset.union(
    charset.of("\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff"), charset.normal([(0x2000, 0x200A)])
)
_SPACE_ELSEWHERE = charset.union(charset.difference(_SPACE, charset.of("\ufeff")), charset.of("\x1c\x1d\x1e\x1f\x85"))
_LINE_ENDS = charset.of("\n\r\u2028\u2029")


def class_set(letter: str, *, wide: bool) -> Ranges:
    """Return the set that `\\d`, `\\D`, `\\w`, `\\W`, `\\s`, `\\S` or `.` matches."""
    if letter.isupper():
        return charset.invert(class_set(letter.lower(), wide=not wide))
    match letter:
        case "d":
            return general_category("Nd") if wide else _DIGIT
        case "w":
            return charset.union(_WORD, _unicode_word()) if wide else _WORD
        case "s":
            return (charset.union if wide else charset.intersect)(_SPACE, _SPACE_ELSEWHERE)
    return charset.invert(charset.of("\n") if wide else _LINE_ENDS)


@cache
def word_sets() -> dict[str, Ranges]:
    """Return all characters by their role for `\\b`: "word", "other", or "unsure" if validators differ."""
    unicode_word = _unicode_word()
    return {
        "word": _WORD,
        "other": charset.invert(charset.union(_WORD, unicode_word)),
        "unsure": charset.difference(unicode_word, _WORD),
    }


@cache
def _unicode_word() -> Ranges:
    return charset.union(*(general_category(name) for name in ("L", "N")), charset.of("_"))


# The planes with assigned characters: 0 to 3, and the beginning of 14; 15 and 16 are for private use.
_ASSIGNED = ((0, 0x3FFFF), (0xE0000, 0xE0FFF))


@cache
def _categories() -> dict[str, Ranges]:
    """Return the two-letter general categories. Surrogates (Cs) are not characters here."""
    found: dict[str, list[tuple[int, int]]] = {}
    for low, high in _ASSIGNED:
        start, current = low, unicodedata.category(chr(low))
        for code in range(low + 1, high + 2):
            category = unicodedata.category(chr(code)) if code <= high else ""
            if category != current:
                found.setdefault(current, []).append((start, code - 1))
                start, current = code, category
    found["Co"] += [(0xF0000, 0xFFFFD), (0x100000, 0x10FFFD)]
    return {name: charset.normal(ranges) for name, ranges in found.items()}


@cache
def general_category(name: str) -> Ranges:
    """Return a general category by its short name of one or two letters; empty if there is none with that name."""
    return charset.union(*(ranges for short, ranges in _categories().items() if short.startswith(name)))


_LONG_NAMES = {
    "Letter": "L",
    "Cased_Letter": "LC",
    "Uppercase_Letter": "Lu",
    "Lowercase_Letter": "Ll",
    "Titlecase_Letter": "Lt",
    "Modifier_Letter": "Lm",
    "Other_Letter": "Lo",
    "Mark": "M",
    "Nonspacing_Mark": "Mn",
    "Spacing_Mark": "Mc",
    "Enclosing_Mark": "Me",
    "Number": "N",
    "Decimal_Number": "Nd",
    "digit": "Nd",
    "Letter_Number": "Nl",
    "Other_Number": "No",
    "Punctuation": "P",
    "punct": "P",
    "Connector_Punctuation": "Pc",
    "Dash_Punctuation": "Pd",
    "Open_Punctuation": "Ps",
    "Close_Punctuation": "Pe",
    "Initial_Punctuation": "Pi",
    "Final_Punctuation": "Pf",
    "Other_Punctuation": "Po",
    "Symbol": "S",
    "Math_Symbol": "Sm",
    "Currency_Symbol": "Sc",
    "Modifier_Symbol": "Sk",
    "Other_Symbol": "So",
    "Separator": "Z",
    "Space_Separator": "Zs",
    "Line_Separator": "Zl",
    "Paragraph_Separator": "Zp",
    "Control": "Cc",
    "cntrl": "Cc",
    "Format": "Cf",
    "Private_Use": "Co",
}
_SHORT_NAMES = frozenset(_LONG_NAMES.values()) | {"L&"}


def property_set(name: str) -> Ranges | None:
    """Return what `\\p{name}` matches, or None if the property is unsupported (mostly scripts and binary properties)."""
    key, _, value = name.rpartition("=")
    if key not in ("", "General_Category", "gc"):
        return None
    if not key and value in ("ASCII", "Any"):
        return charset.normal([(0, 0x7F)]) if value == "ASCII" else charset.UNIVERSE
    short = _LONG_NAMES.get(value, value)
    if short not in _SHORT_NAMES:
        return None
    if short in ("LC", "L&"):
        return charset.union(*(general_category(each) for each in ("Lu", "Ll", "Lt")))
    return general_category(short)
