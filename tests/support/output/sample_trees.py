"""Hand-written output trees of the shapes that calling styles build."""

from promptweave.output.tree import (
    EMPTY,
    Branch,
    ChoiceNode,
    EmitNode,
    JsonNode,
    LiteralNode,
    Node,
    Region,
    RegionNode,
    RepeatNode,
    SequenceNode,
    TextNode,
    Transform,
)


def named_call(names: list[str], middle: str, arguments: Node | None = None) -> Node:
    """A call: name, `middle`, arguments."""
    body = arguments or JsonNode("{")
    return RegionNode(
        Region.TOOL_CALL,
        ChoiceNode(
            tuple(
                SequenceNode(
                    (
                        RegionNode(Region.TOOL_NAME, LiteralNode(name)),
                        LiteralNode(middle),
                        RegionNode(Region.TOOL_ARGUMENTS, body),
                    )
                )
                for name in names
            )
        ),
    )


NAMES = ["get", "get_more", "set"]

# <tool_call>{"name": "get", "arguments": {}}</tool_call>, any number, after any text
TAGGED_CALL = SequenceNode((LiteralNode('{"name": "'), named_call(NAMES, '", "arguments": '), LiteralNode("}</tool_call>")))
TAGGED = TextNode(
    Region.CONTENT,
    (
        Branch(
            ("\n<tool_call>", "<tool_call>"),
            SequenceNode((TAGGED_CALL, RepeatNode(SequenceNode((LiteralNode("<tool_call>"), TAGGED_CALL)), "", 0, None))),
        ),
    ),
)

# [TOOL_CALLS][{"name": "get", "arguments": {}}, ...]
LISTED = SequenceNode(
    (
        LiteralNode('[TOOL_CALLS][{"name": "'),
        RepeatNode(named_call(NAMES, '", "arguments": '), '}, {"name": "', 1, 3),
        LiteralNode("}]"),
    )
)

# {"thought": "...", "next": {"calls": [{"name": "get", "arguments": {}}]} | {"result": "..."}}
ENVELOPE = SequenceNode(
    (
        LiteralNode('{"thought": '),
        RegionNode(Region.REASONING, JsonNode('"'), Transform.JSON_STRING_DECODE),
        LiteralNode(', "next": {'),
        ChoiceNode(
            (
                SequenceNode(
                    (LiteralNode('"calls": [{"name": "'), named_call(NAMES, '", "arguments": '), LiteralNode("}]"))
                ),
                SequenceNode(
                    (
                        LiteralNode('"result": '),
                        RegionNode(Region.CONTENT, JsonNode('"'), Transform.JSON_STRING_DECODE, True),
                    )
                ),
            )
        ),
        LiteralNode("}}"),
    )
)

# <function=get><p=a>raw text</p></function>: arguments put together from raw text
RAW_ARGUMENTS = SequenceNode(
    (
        EmitNode('{"a": '),
        RegionNode(Region.DISCARD, LiteralNode("<p=a>")),
        RegionNode(
            Region.TOOL_ARGUMENTS,
            TextNode(None, (Branch(("</p>",), EMPTY),), may_end=False),
            Transform.JSON_STRING_ENCODE,
        ),
        EmitNode("}"),
    )
)
RAW = SequenceNode((LiteralNode("<function="), named_call(["get"], ">", RAW_ARGUMENTS), LiteralNode("</function>")))

# <think>...</think> perhaps, then text
THINKING = SequenceNode(
    (
        ChoiceNode(
            (
                SequenceNode(
                    (LiteralNode("<think>"), TextNode(Region.REASONING, (Branch(("</think>",), EMPTY),), may_end=False))
                ),
                EMPTY,
            )
        ),
        TextNode(Region.CONTENT),
    )
)
