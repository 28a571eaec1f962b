"""Compaction items: the summary that stands for the earlier part of a conversation.

Their `encrypted_content` is opaque to clients, but not secret: they have seen the conversation.
"""

import base64
import json

from promptweave.facade.openai.responses.request.items import new_id

_KEY = "promptweave_summary"

_HEADING = "Summary of the conversation so far:"

REQUEST = (
    "Summarize the conversation so far, so that you could continue it from the summary alone: the task, what was decided "
    "and done, the results that matter (with names, paths and values), and what remains to be done. Reply with the summary."
)
"""What the model is asked."""


def compaction_item(summary: str) -> dict[str, str]:
    """Return the item with a summary."""
    data = json.dumps({_KEY: summary}, ensure_ascii=False).encode(errors="replace")
    return {"id": new_id("compaction"), "type": "compaction", "encrypted_content": base64.b64encode(data).decode()}


def summary_message(encrypted_content: str) -> str | None:
    """Return what the model is told instead of the earlier part; None if another provider made the item."""
    try:
        found = json.loads(base64.b64decode(encrypted_content, validate=True))
    except (ValueError, RecursionError):
        return None
    summary = found.get(_KEY) if isinstance(found, dict) else None
    return f"{_HEADING}\n\n{summary}" if isinstance(summary, str) else None
