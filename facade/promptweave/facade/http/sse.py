"""Server-sent events, as in OpenAI's streams (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import json
from typing import Any

END = "[DONE]"
"""The data of the last event of OpenAI's completions."""
DONE = f"data: {END}\n\n".encode()


_LINE_ENDS = {ord(char): f"\\u{ord(char):04x}" for char in "\x85\u2028\u2029"}
"""Characters that JSON allows in strings, and that some clients take for the end of a line."""


def event(value: Any, name: str = "") -> bytes:
    """Format one event: one line, or two if it has a name."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_LINE_ENDS)
    first = f"event: {name}\n" if name else ""
    return f"{first}data: {text}\n\n".encode()
