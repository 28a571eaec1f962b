"""Tools in a style's own call syntax: whether it can enforce their schemas."""

from collections.abc import Sequence

from promptweave.compiler.json_schema.emit.property_order import OrderBudget
from promptweave.compiler.request import ChatRequest
from promptweave.compiler.styles.answer import AnswerSyntax
from promptweave.compiler.styles.arguments import Leeway, NotExactError, arguments_node
from promptweave.compiler.styles.calls import CallableTool, CallSyntax
from promptweave.compiler.styles.custom_tools import custom_tool_by_key
from promptweave.compiler.warnings import CompileWarning
from promptweave.output.grammar.expr import Rules


def native_tools(
    request: ChatRequest, syntax: CallSyntax, answer: AnswerSyntax, tools: Sequence[CallableTool], rules: Rules
) -> tuple[list[CallableTool], list[CompileWarning]]:
    """Return the tools with their arguments in a style's own syntax, and warnings.

    Only what that syntax cannot enforce is written otherwise: a value as JSON, or all arguments of a tool as one object.
    No tools are returned if the style cannot be used at all.
    """
    requested = {tool.name: (place, tool) for place, tool in enumerate(request.tools)}
    chosen, warnings = [], []
    order = OrderBudget()
    for done, callable_tool in enumerate(tools):
        place, tool = requested[callable_tool.name]
        path = tool.pointer(place)
        if answer.clashes(syntax, tool.name):
            why = f"{_WHY}: a call of {tool.name!r} looks like an answer header; using the generic style"
            return [], [CompileWarning("style_fallback", f"{path}/name", why)]
        chosen.append(callable_tool)
        if syntax.arguments is None:
            continue
        leeway = Leeway(loose=not tool.strict, order=order.share(len(tools) - done))
        try:
            if tool.custom:
                chosen[-1] = custom_tool_by_key(tool, syntax.arguments, rules)
            else:
                tree = arguments_node(syntax.arguments, tool.parameters, rules, leeway)
                chosen[-1] = CallableTool(tool.name, tree=tree)
        except NotExactError as error:
            why = f"{_WHY}: {error.why}; the arguments of {tool.name!r} are written as one JSON object"
            leeway.notes = [("style_fallback", error.pointer, why)]
        order.give_back(leeway.order)
        warnings += [CompileWarning(code, f"{path}/parameters{pointer}", text) for code, pointer, text in leeway.notes]
    return chosen, warnings


_WHY = "the template's native syntax cannot be enforced"
