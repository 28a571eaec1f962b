"""Patterns of the text that templates put around content: tags and white space."""

import re

TAG = re.compile(r"<[^<>\s\"]+>|\[[^\[\]\s{}\"]+\]")
"""Matches text that looks like a special token, or like a tag in plain text: `<tool_call>`, `<|im_end|>`, `[TOOL_CALLS]`."""


def tags(text: str) -> list[str]:
    """Return the tags of a text, in order."""
    return TAG.findall(text)


def common_prefix(one: str, other: str) -> str:
    """Return the longest common prefix."""
    pairs = enumerate(zip(one, other, strict=False))
    return one[: next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))]


def margins(text: str) -> tuple[str, str, str]:
    """Split a text into leading white space, the text itself, and trailing white space."""
    core = text.strip()
    before = text[: len(text) - len(text.lstrip())]
    return before, core, text[len(before) + len(core) :]


def common_suffix(one: str, other: str) -> str:
    """Return the longest common suffix."""
    length = len(common_prefix(one[::-1], other[::-1]))
    return one[len(one) - length :]


def whole_tags(text: str) -> str:
    """Return `text` up to its last `>` or `]`, which end complete tags; all of it if there is none."""
    end = max(text.rfind(">"), text.rfind("]"))
    return text[: end + 1] if end >= 0 else text
