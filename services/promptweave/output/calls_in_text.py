"""Finds calls in content: text that a model wrote as a call, in a form that is not read as one."""

import re
from collections.abc import Collection

from promptweave.output.tree import (
    ChoiceNode,
    EmitNode,
    LiteralNode,
    Node,
    Region,
    RegionNode,
    RepeatNode,
    SequenceNode,
    Syntax,
    TextNode,
)

_NAMES = (Region.TOOL_NAME, Region.CUSTOM_TOOL_NAME)


def tool_names(root: Node) -> set[str]:
    """Return the names of the tools that an output may call, as the model writes them."""
    found: set[str] = set()
    waiting, seen = [root], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        match node:
            case RegionNode(kind, LiteralNode(text) | EmitNode(text)) if kind in _NAMES:
                found.add(text)
            case RegionNode(_, body):
                waiting.append(body)
            case RepeatNode(item):
                waiting.append(item)
            case ChoiceNode(items) | SequenceNode(items):
                waiting += items
            case TextNode(_, branches, named=named):
                waiting += [branch.then for branch in branches]
                waiting += [then for _, then in named.cases] if named else []
    return found


def call_in_text(text: str, names: Collection[str]) -> str | None:
    """Return the name of the first tool that `text` calls: as JSON, a tag, or a line of code. None if it calls none."""
    if not names:
        return None
    found = re.compile(_CALL.replace("NAME", "|".join(map(re.escape, sorted(names, key=len, reverse=True))))).search(text)
    return found and next(name for name in found.groups() if name is not None)


_CALL = r"""(?xm)
      "(?:name|function|tool|tool_name)" \s*:\s* "(NAME)" \s*,\s* "(?:arguments|parameters|args|params|input)" \s*:
    | "(?:arguments|parameters|args|params|input)" \s*:\s* [{] [^{}]* [}] \s*,\s*
      "(?:name|function|tool|tool_name)" \s*:\s* "(NAME)"
    | <(?:function|invoke|tool)(?:=|\s+name=) "? (NAME) "? >
    | ^ [ \t>*`\[]* (?:print\()? (NAME) \( [^\n]{0,1000} \) [\]\)`*;]{0,4} [ \t]{0,4} $
"""


def written_call(syntax: Syntax, content: str) -> str:
    """Return the request's name of a tool that finished content reads like a call of; "" if there is none."""
    name = call_in_text(content, tool_names(syntax.root)) if content else None
    return next((alias.name for alias in syntax.aliases if alias.alias == name), name or "")
