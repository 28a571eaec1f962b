"""What the compiler knows of the texts that templates put around things."""

import re

TAG = re.compile(r"<[^<>\s\"]+>|\[[^\[\]\s{}\"]+\]")
"""What looks like a special token, or like a tag that is written out: `<tool_call>`, `<|im_end|>`, `[TOOL_CALLS]`."""


def tags(text: str) -> list[str]:
    """The tags of a text, in order."""
    return TAG.findall(text)


def common_prefix(one: str, other: str) -> str:
    """The longest text that both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return one[: next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))]


def margins(text: str) -> tuple[str, str, str]:
    """White space before, the text itself, white space after."""
    core = text.strip()
    before = text[: len(text) - len(text.lstrip())]
    return before, core, text[len(before) + len(core) :]


def common_suffix(one: str, other: str) -> str:
    """The longest text that both end with."""
    length = len(common_prefix(one[::-1], other[::-1]))
    return one[len(one) - length :]


def whole_tags(text: str) -> str:
    """`text` up to the end of its last whole tag, and of what else closes like one; all of it where there is no tag."""
    end = max(text.rfind(">"), text.rfind("]"))
    return text[: end + 1] if end >= 0 else text
