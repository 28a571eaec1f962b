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
