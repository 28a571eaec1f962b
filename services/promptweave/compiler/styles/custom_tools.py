"""Custom tools, whose input is text: the model sees them as functions with one argument, the string `input`.

So every style and template can publish and call them, alongside functions. Parsing such a call yields only its input,
without the JSON or tags around it.
"""

from dataclasses import replace
from typing import Any

from promptweave.compiler.json_schema.emit.json_grammar import scalar
from promptweave.compiler.json_text import dumps
from promptweave.compiler.request import GrammarSyntax, TextGrammar, Tool
from promptweave.compiler.styles.arguments import ArgumentSyntax, NotExactError, arguments_node
from promptweave.compiler.styles.calls import CallableTool
from promptweave.compiler.text_grammar.embed import embed_text, read_text_grammar
from promptweave.output.grammar.expr import Expr, Rules
from promptweave.output.tree import (
    EMPTY,
    ChoiceNode,
    EmitNode,
    JsonNode,
    LiteralNode,
    Node,
    Region,
    RegionNode,
    SequenceNode,
    Transform,
)

_INPUT = "input"


def input_parameters(grammar: TextGrammar | None) -> dict[str, Any]:
    """Return the parameters of such a function, as the model sees them. A grammar for the input is described in words."""
    about = f"Keeps to this {grammar.syntax.value} grammar:\n{grammar.definition}" if grammar else "Free text"
    return {"type": "object", "properties": {_INPUT: {"type": "string", "description": about}}, "required": [_INPUT]}


def input_arguments(text: str) -> str:
    """Return the input of a history call as arguments."""
    return dumps({_INPUT: text})


def custom_tool(tool: Tool, rules: Rules) -> CallableTool:
    """Return the tool for arguments that are JSON."""
    value = RegionNode(Region.TOOL_INPUT, JsonNode('"', _string(tool, rules)), Transform.JSON_STRING_DECODE)
    tree = SequenceNode((LiteralNode(f'{{"{_INPUT}": '), value, LiteralNode("}")))
    return CallableTool(tool.name, tree=tree, custom=True)


def custom_tool_by_key(tool: Tool, syntax: ArgumentSyntax, rules: Rules) -> CallableTool:
    """Return the tool for arguments written key by key. Raises NotExactError if the grammar cannot be enforced."""
    value: dict[str, Any] = {"type": "string"}
    if tool.grammar is not None:
        if tool.grammar.syntax is not GrammarSyntax.REGEX:
            raise NotExactError("", "only regular expressions can be enforced for arguments given key by key")
        value["pattern"] = f"^(?:{tool.grammar.definition})$"
    schema = {"type": "object", "properties": {_INPUT: value}, "required": [_INPUT]}
    return CallableTool(tool.name, tree=_as_input(arguments_node(syntax, schema, rules)), custom=True)


def _string(tool: Tool, rules: Rules) -> Expr:
    """Return the grammar of the input as a JSON string."""
    if tool.grammar is None:
        return scalar("string", rules)
    return embed_text(read_text_grammar(tool.grammar), rules, as_json=True)


def _as_input(node: Node) -> Node:
    """Reduce the tree of arguments to their one value, as text."""
    match node:
        case RegionNode(Region.TOOL_ARGUMENTS, EmitNode()):
            return EMPTY
        case RegionNode(Region.TOOL_ARGUMENTS, body, Transform.JSON_STRING_ENCODE):
            return RegionNode(Region.TOOL_INPUT, body)
        case RegionNode(Region.TOOL_ARGUMENTS, body):
            return RegionNode(Region.TOOL_INPUT, body, Transform.JSON_STRING_DECODE)
        case SequenceNode(items):
            return SequenceNode(tuple(map(_as_input, items)))
        case ChoiceNode(items):
            return replace(node, alternatives=tuple(map(_as_input, items)))
    return node
