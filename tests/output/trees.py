"""Trees that the tests share: the shapes that styles build, by hand."""

from promptweave.output.tree import (
    EMPTY,
    Branch,
    Choice,
    Emit,
    Json,
    Literal,
    Node,
    Part,
    Region,
    Repeat,
    Sequence,
    Text,
    Transform,
)


def named_call(names: list[str], middle: str, arguments: Node | None = None) -> Node:
    """A call: name, `middle`, arguments."""
    body = arguments or Json("{")
    return Part(
        Region.TOOL_CALL,
        Choice(
            tuple(
                Sequence((Part(Region.TOOL_NAME, Literal(name)), Literal(middle), Part(Region.TOOL_ARGUMENTS, body)))
                for name in names
            )
        ),
    )


NAMES = ["get", "get_more", "set"]

# <tool_call>{"name": "get", "arguments": {}}</tool_call>, any number, after any text
TAGGED_CALL = Sequence((Literal('{"name": "'), named_call(NAMES, '", "arguments": '), Literal("}</tool_call>")))
TAGGED = Text(
    Region.CONTENT,
    (
        Branch(
            ("\n<tool_call>", "<tool_call>"),
            Sequence((TAGGED_CALL, Repeat(Sequence((Literal("<tool_call>"), TAGGED_CALL)), "", 0, None))),
        ),
    ),
)

# [TOOL_CALLS][{"name": "get", "arguments": {}}, ...]
LISTED = Sequence(
    (
        Literal('[TOOL_CALLS][{"name": "'),
        Repeat(named_call(NAMES, '", "arguments": '), '}, {"name": "', 1, 3),
        Literal("}]"),
    )
)

# {"thought": "...", "next": {"calls": [{"name": "get", "arguments": {}}]} | {"result": "..."}}
ENVELOPE = Sequence(
    (
        Literal('{"thought": '),
        Part(Region.REASONING, Json('"'), Transform.JSON_STRING_DECODE),
        Literal(', "next": {'),
        Choice(
            (
                Sequence((Literal('"calls": [{"name": "'), named_call(NAMES, '", "arguments": '), Literal("}]"))),
                Sequence((Literal('"result": '), Part(Region.CONTENT, Json('"'), Transform.JSON_STRING_DECODE, True))),
            )
        ),
        Literal("}}"),
    )
)

# <function=get><p=a>raw text</p></function>: arguments put together from raw text
RAW_ARGUMENTS = Sequence(
    (
        Emit('{"a": '),
        Part(Region.DISCARD, Literal("<p=a>")),
        Part(
            Region.TOOL_ARGUMENTS,
            Text(None, (Branch(("</p>",), EMPTY),), may_end=False),
            Transform.JSON_STRING_ENCODE,
        ),
        Emit("}"),
    )
)
RAW = Sequence((Literal("<function="), named_call(["get"], ">", RAW_ARGUMENTS), Literal("</function>")))

# <think>...</think> perhaps, then text
THINKING = Sequence(
    (
        Choice(
            (
                Sequence((Literal("<think>"), Text(Region.REASONING, (Branch(("</think>",), EMPTY),), may_end=False))),
                EMPTY,
            )
        ),
        Text(Region.CONTENT),
    )
)
