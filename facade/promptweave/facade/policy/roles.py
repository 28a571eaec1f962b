"""Roles of messages. A conversation is not rejected for one that is unknown: the message stays, in a role that is known."""

from collections.abc import Collection, Mapping

from promptweave.facade.policy.rules import Warn

SIMILAR: Mapping[str, str] = {
    **dict.fromkeys(("model", "ai", "bot", "chatbot", "gpt", "agent"), "assistant"),
    **dict.fromkeys(("root", "developer"), "system"),
    **dict.fromkeys(("tool", "function", "ipython", "observation", "tool_response", "tool_result"), "tool"),
}
"""Roles of other APIs and chat templates, in lower case → the same in ours. Other roles are the user's."""


def known_role(role: str, known: Collection[str], warn: Warn, path: str) -> str:
    """Return the role of a message. If it is not `known`: a similar one, with a warning. `path`: its position."""
    if role in known:
        return role
    similar = SIMILAR.get(role.lower(), role.lower())
    used = similar if similar in known else "user"
    warn("role_unknown", path, f"role {role!r} is unknown; the message is that of the role {used!r}")
    return used
