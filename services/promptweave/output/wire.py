"""Converts trees, deltas and messages to and from protobuf (`promptweave/v1/output.proto`).

The grammars inside tree nodes (`rule`) are not converted: the parser does not need them.
"""

from promptweave.output import tree
from promptweave.output.deltas import (
    CallEnd,
    CallFragment,
    CallHeader,
    ContentDelta,
    Delta,
    ReasoningDelta,
    SchemaViolation,
    SyntaxMismatch,
)
from promptweave.output.message import FinishReason, ParsedMessage
from promptweave.output.parse.well_formed import check_calls
from promptweave.output.tree import Region, Syntax, Transform
from promptweave.v1 import chat_pb2, output_pb2

_REGIONS = {region: output_pb2.RegionKind.Value(f"REGION_KIND_{region.name}") for region in Region}
_REGIONS_BACK = {value: region for region, value in _REGIONS.items()}
_TRANSFORMS = {
    transform: output_pb2.Transform.Value(
        "TRANSFORM_UNSPECIFIED" if transform is Transform.NONE else f"TRANSFORM_{transform.name}"
    )
    for transform in Transform
}
_TRANSFORMS_BACK = {value: transform for transform, value in _TRANSFORMS.items()}


class SyntaxUnreadableError(ValueError):
    """The message is not an output syntax, or has a version that this release does not support."""


def syntax_to_wire(syntax: Syntax) -> output_pb2.OutputSyntax:
    """Convert a syntax to a message."""
    return output_pb2.OutputSyntax(
        version=tree.VERSION,
        prefix=syntax.prefix,
        root=_node_to_wire(syntax.root),
        tool_aliases=[
            output_pb2.ToolAlias(alias=alias.alias, name=alias.name, namespace=alias.namespace) for alias in syntax.aliases
        ],
    )


def syntax_from_wire(message: output_pb2.OutputSyntax) -> Syntax:
    """Convert a message to a syntax. Raises SyntaxUnreadableError."""
    if message.version != tree.VERSION:
        raise SyntaxUnreadableError(
            f"unsupported output syntax version {message.version}; this release supports version {tree.VERSION}"
        )
    try:
        root = _node_from_wire(message.root)
        check_calls(root)
        aliases = tuple(tree.ToolAlias(alias.alias, alias.name, alias.namespace) for alias in message.tool_aliases)
        return Syntax(root, message.prefix, aliases)
    except KeyError as error:
        raise SyntaxUnreadableError(f"invalid output syntax: unknown number {error}") from None
    except ValueError as error:
        raise SyntaxUnreadableError(f"invalid output syntax: {error}") from None


def delta_to_wire(delta: Delta) -> output_pb2.OutputDelta:
    """Convert a delta to a message."""
    match delta:
        case ContentDelta(text):
            return output_pb2.OutputDelta(content=text)
        case ReasoningDelta(text):
            return output_pb2.OutputDelta(reasoning=text)
        case CallHeader(index, call_id, name, custom, namespace):
            header = output_pb2.ToolCallHeader(index=index, id=call_id, name=name, custom=custom, namespace=namespace)
            return output_pb2.OutputDelta(tool_call=header)
        case CallFragment(index, text):
            return output_pb2.OutputDelta(tool_call_fragment=output_pb2.ToolCallFragment(index=index, text=text))
        case CallEnd(index):
            return output_pb2.OutputDelta(tool_call_end=output_pb2.ToolCallEnd(index=index))
        case SchemaViolation():
            return output_pb2.OutputDelta(violation=_violation_to_wire(delta))
        case SyntaxMismatch():
            return output_pb2.OutputDelta(warning=_warning_to_wire(delta))


def region_to_wire(region: Region | None) -> output_pb2.RegionKind.ValueType:
    """Convert a region of a message; None: no region."""
    return _REGIONS[region] if region else output_pb2.REGION_KIND_UNSPECIFIED


def finish_reason_to_wire(reason: FinishReason) -> output_pb2.FinishReason.ValueType:
    """Convert a finish reason to its number."""
    return output_pb2.FinishReason.Value(f"FINISH_REASON_{reason.name}")


def message_to_wire(message: ParsedMessage, *, ended: bool, complete: bool) -> output_pb2.ParsedMessage:
    """Convert a message. `ended`: the engine ended the turn by itself; `complete`: the output reached its syntax's end."""
    calls = []
    for call in message.tool_calls:
        wire = chat_pb2.ToolCall(id=call.id, namespace=call.namespace)
        if call.custom:
            wire.custom.name, wire.custom.input = call.name, call.arguments
        else:
            wire.function.name, wire.function.arguments = call.name, call.arguments
        calls.append(output_pb2.ParsedMessage.Call(call=wire, complete=call.complete))
    return output_pb2.ParsedMessage(
        content=message.content,
        reasoning_content=message.reasoning_content,
        tool_calls=calls,
        finish_reason=finish_reason_to_wire(message.finish_reason(ended=ended)),
        complete=complete,
        warnings=[_warning_to_wire(warning) for warning in message.warnings],
        violations=[_violation_to_wire(violation) for violation in message.violations],
    )


def _violation_to_wire(violation: SchemaViolation) -> output_pb2.SchemaViolation:
    return output_pb2.SchemaViolation(
        name=violation.name, text=violation.text, path=violation.path, message=violation.message
    )


def _warning_to_wire(warning: SyntaxMismatch) -> output_pb2.SyntaxWarning:
    return output_pb2.SyntaxWarning(offset=warning.offset, message=warning.message)


def _node_to_wire(node: tree.Node) -> output_pb2.OutputNode:
    wire = output_pb2.OutputNode()
    match node:
        case tree.LiteralNode(text):
            wire.literal.text = text
            wire.literal.SetInParent()
        case tree.EmitNode(text, between):
            wire.emit.text = text
            wire.emit.between = between
            wire.emit.SetInParent()
        case tree.JsonNode(first):
            wire.json.first = first
            wire.json.SetInParent()
        case tree.ChoiceNode(alternatives):
            wire.choice.alternatives.extend(map(_node_to_wire, alternatives))
            wire.choice.SetInParent()
        case tree.SequenceNode(items):
            wire.sequence.items.extend(map(_node_to_wire, items))
            wire.sequence.SetInParent()
        case tree.RepeatNode(item, separator, low, high):
            wire.repeat.CopyFrom(output_pb2.RepeatNode(item=_node_to_wire(item), separator=separator, min=low, max=high))
        case tree.RegionNode(kind, body, transform, stoppable, schema, exact):
            wire.region.CopyFrom(
                output_pb2.RegionNode(
                    kind=_REGIONS[kind],
                    body=_node_to_wire(body),
                    transform=_TRANSFORMS[transform],
                    stoppable=stoppable,
                    schema=schema,
                    exact=exact,
                )
            )
        case tree.TextNode(text_kind, branches, may_end, named=named):
            wire.text.CopyFrom(
                output_pb2.TextNode(
                    kind=_REGIONS[text_kind] if text_kind else output_pb2.REGION_KIND_UNSPECIFIED,
                    branches=[
                        output_pb2.TextNode.Branch(markers=branch.markers, then=_node_to_wire(branch.then))
                        for branch in branches
                    ],
                    may_end=may_end,
                    named=_named_to_wire(named) if named else None,
                )
            )
    return wire


def _named_to_wire(named: tree.NamedBranch) -> output_pb2.TextNode.NamedBranch:
    return output_pb2.TextNode.NamedBranch(
        wrappers=[output_pb2.TextNode.Wrapper(text=wrapper.text, closing=wrapper.closing) for wrapper in named.wrappers],
        openings=named.openings,
        middles=named.middles,
        cases=[output_pb2.TextNode.Case(name=name, then=_node_to_wire(then)) for name, then in named.cases],
        ending=_node_to_wire(named.ending),
        skipped=named.skipped,
        last=not named.resumes,
        anywhere=named.anywhere,
    )


def _named_from_wire(wire: output_pb2.TextNode.NamedBranch) -> tree.NamedBranch:
    return tree.NamedBranch(
        wrappers=tuple(tree.Wrapper(wrapper.text, wrapper.closing) for wrapper in wire.wrappers),
        openings=tuple(wire.openings),
        middles=tuple(wire.middles),
        cases=tuple((case.name, _node_from_wire(case.then)) for case in wire.cases),
        ending=_node_from_wire(wire.ending),
        skipped=tuple(wire.skipped),
        resumes=not wire.last,
        anywhere=wire.anywhere,
    )


def _node_from_wire(wire: output_pb2.OutputNode) -> tree.Node:
    match wire.WhichOneof("node"):
        case "literal":
            return tree.LiteralNode(wire.literal.text)
        case "emit":
            return tree.EmitNode(wire.emit.text, wire.emit.between)
        case "json":
            return tree.JsonNode(wire.json.first)
        case "choice":
            return tree.ChoiceNode(tuple(map(_node_from_wire, wire.choice.alternatives)))
        case "sequence":
            return tree.SequenceNode(tuple(map(_node_from_wire, wire.sequence.items)))
        case "repeat":
            repeat = wire.repeat
            high = repeat.max if repeat.HasField("max") else None
            return tree.RepeatNode(_node_from_wire(repeat.item), repeat.separator, repeat.min, high)
        case "region":
            region = wire.region
            body, transform = _node_from_wire(region.body), _TRANSFORMS_BACK[region.transform]
            return tree.RegionNode(
                _REGIONS_BACK[region.kind], body, transform, region.stoppable, region.schema, region.exact
            )
        case "text":
            branches = tuple(
                tree.Branch(tuple(branch.markers), _node_from_wire(branch.then)) for branch in wire.text.branches
            )
            kind = _REGIONS_BACK[wire.text.kind] if wire.text.kind else None
            named = _named_from_wire(wire.text.named) if wire.text.HasField("named") else None
            return tree.TextNode(kind, branches, wire.text.may_end, named=named)
    raise ValueError("a node is empty")
