"""Server-sent events, as OpenAI streams write them (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import json
from typing import Any

MEDIA_TYPE = "text/event-stream"
DONE = b"data: [DONE]\n\n"


def event(value: Any) -> bytes:
    """One event. JSON holds no line ends, so one line is enough."""
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
