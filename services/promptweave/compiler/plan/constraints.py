"""Constraints from the request that the grammar enforces: the arguments of tools, and the format of the answer."""

from collections.abc import Sequence
from typing import Any

from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.compile import embed_schema
from promptweave.compiler.json_schema.emit.property_order import OrderBudget
from promptweave.compiler.json_schema.logic.number_language import CALL_DIGITS
from promptweave.compiler.json_schema.parse.location import SchemaWarning
from promptweave.compiler.json_text import Separators, dumps
from promptweave.compiler.request import ChatRequest, JsonFormat, TextGrammar
from promptweave.compiler.styles.calls import CallableTool
from promptweave.compiler.styles.custom_tools import custom_tool
from promptweave.compiler.text_grammar.embed import embed_text, read_text_grammar
from promptweave.compiler.warnings import CompileWarning
from promptweave.output.grammar.expr import Rules
from promptweave.output.tree import JsonNode, Region, RegionNode, TextNode, Transform


def callable_tools(
    request: ChatRequest, rules: Rules, separators: Separators, order: OrderBudget
) -> tuple[list[CallableTool], list[CompileWarning]]:
    """Return the tools that may be called, with their arguments as JSON, in any order as far as `order` allows.

    Raises SchemaError.
    """
    chosen, warnings = [], []
    names = request.tool_choice.names
    tools = [(place, tool) for place, tool in enumerate(request.tools) if names is None or tool.name in names]
    for done, (place, tool) in enumerate(tools):
        if tool.custom:
            chosen.append(custom_tool(tool, rules))
            continue
        base = f"/tools/{place}/function/parameters"
        share = order.share(len(tools) - done)
        try:
            arguments, found = embed_schema(
                tool.parameters,
                rules,
                strict=tool.strict,
                open_objects=False,
                object_root=True,
                separators=separators,
                order=share,
                digits=CALL_DIGITS,
                base=base,
            )
        except SchemaError as error:
            raise error.below(base) from None
        order.give_back(share)
        schema, exact = _to_check(tool.parameters, found)
        chosen.append(CallableTool(tool.name, arguments, schema=schema, exact=exact))
        warnings += _warned(base, found)
    return chosen, warnings


def answer_value(
    wanted: JsonFormat | TextGrammar | None, rules: Rules, *, in_envelope: bool
) -> tuple[RegionNode | None, list[CompileWarning]]:
    """Return the content node if a schema or a text grammar constrains it; the text is spelled as JSON if `in_envelope`."""
    if wanted is None:
        return None, []
    if isinstance(wanted, TextGrammar):
        text = embed_text(read_text_grammar(wanted), rules, as_json=in_envelope)
        if in_envelope:
            return RegionNode(Region.CONTENT, JsonNode('"', text), Transform.JSON_STRING_DECODE), []
        return RegionNode(Region.CONTENT, TextNode(None, rule=text)), []
    try:
        value, found = embed_schema(
            wanted.schema,
            rules,
            strict=wanted.strict,
            open_objects=not wanted.strict,
            digits=CALL_DIGITS,
            base=wanted.pointer,
        )
    except SchemaError as error:
        raise error.below(wanted.pointer) from None
    schema, exact = _to_check(wanted.schema, found)
    part = RegionNode(Region.CONTENT, JsonNode("", value), schema=schema, exact=exact)
    return part, _warned(wanted.pointer, found)


def _to_check(schema: Any, warnings: Sequence[SchemaWarning]) -> tuple[str, bool]:
    """Return the schema as text, and whether its grammar is exact; "" if no validation is needed.

    If the grammar is looser than the schema, every finished value is validated; if strings are limited, only those that
    contained invalid UTF-8.
    """
    if any(warning.loosened for warning in warnings):
        return dumps(schema), False
    text = dumps(schema)
    return (text, True) if any(f'"{keyword}"' in text for keyword in _LIMITS_OF_STRINGS) else ("", True)


_LIMITS_OF_STRINGS = (
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "patternProperties",
    "propertyNames",
    "not",
    "oneOf",
    "if",
)


def _warned(base: str, warnings: Sequence[SchemaWarning]) -> list[CompileWarning]:
    return [
        CompileWarning("keyword_checked" if warning.loosened else "keyword_note", base + warning.pointer, warning.message)
        for warning in warnings
    ]
