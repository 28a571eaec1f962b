"""The names by which the model knows tools.

A namespace becomes the beginning of the name, as MCP clients do: `mcp__files` and `read` are `mcp__files__read`. A name
that OpenAI's and Anthropic's APIs would reject (MCP bridges send dots, colons and slashes) gets an alias. The parser of the
output returns the request's names.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping

from promptweave.compiler.request import Tool
from promptweave.output.tree import ToolAlias

MAX_NAME_LENGTH = 128
"""The longest name that is not given an alias: Anthropic's limit; OpenAI's is 64."""

_VALID = re.compile(rf"[a-zA-Z0-9_-]{{1,{MAX_NAME_LENGTH}}}")
_SEPARATOR = "__"
_DIGEST_LENGTH = 8

ToolKey = tuple[str, str]
"""A tool's namespace and name, which identify it."""


def key_of(tool: Tool) -> ToolKey:
    """Return what identifies a tool in a request."""
    return tool.namespace, tool.name


def aliases_of(keys: Iterable[ToolKey]) -> dict[ToolKey, str]:
    """Return the name by which the model knows each tool: unique, and the same whatever other tools there are."""
    unique = list(dict.fromkeys(keys))
    plain = {key: _joined(key) for key in unique}
    taken = {name for name in plain.values() if _VALID.fullmatch(name)}
    given: dict[ToolKey, str] = {}
    used = set[str]()
    for key, name in plain.items():
        # A tool whose name is valid as it is keeps it, even if another one's would become the same.
        alias = name if name in taken and name not in used else _alias(key, name, taken | used)
        given[key] = alias
        used.add(alias)
    return given


def renamed(aliases: Mapping[ToolKey, str]) -> tuple[ToolAlias, ...]:
    """Return the tools whose names the parser must translate."""
    return tuple(ToolAlias(alias, name, namespace) for (namespace, name), alias in aliases.items() if alias != name)


def find_tool(keys: Collection[ToolKey], name: str, namespace: str = "") -> ToolKey | None:
    """Return the tool of this name, which may be joined to its namespace."""
    if (namespace, name) in keys:
        return namespace, name
    return None if namespace else next((key for key in keys if _joined(key) == name), None)


def _joined(key: ToolKey) -> str:
    namespace, name = key
    if not namespace:
        return name
    return namespace.removesuffix(_SEPARATOR) + _SEPARATOR + name


def _alias(key: ToolKey, name: str, taken: set[str]) -> str:
    """Return a valid name similar to an invalid one; a hash of the tool makes it unique where that is necessary."""
    digest = hashlib.sha256("\0".join(key).encode(errors="backslashreplace")).hexdigest()[:_DIGEST_LENGTH]
    similar = re.sub(r"[^a-zA-Z0-9_-]", "_", name)
    if 0 < len(similar) <= MAX_NAME_LENGTH and similar not in taken:
        return similar
    return f"{similar[: MAX_NAME_LENGTH - _DIGEST_LENGTH - 1]}_{digest}"
