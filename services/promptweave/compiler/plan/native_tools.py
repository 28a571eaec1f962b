"""Tools in a style's own call syntax: whether it can enforce their schemas."""

from collections.abc import Sequence

from promptweave.compiler.json_schema.emit.property_order import OrderBudget
from promptweave.compiler.request import ChatRequest
from promptweave.compiler.styles.answer import AnswerSyntax
from promptweave.compiler.styles.arguments import NotExactError, arguments_node
from promptweave.compiler.styles.calls import CallableTool, CallSyntax
from promptweave.compiler.styles.custom_tools import custom_tool_by_key
from promptweave.compiler.warnings import CompileWarning
from promptweave.output.grammar.expr import Rules


def native_tools(
    request: ChatRequest, syntax: CallSyntax, answer: AnswerSyntax, tools: Sequence[CallableTool], rules: Rules
) -> tuple[list[CallableTool], list[CompileWarning]]:
    """Return the tools with their arguments in a style's own syntax, and warnings where it cannot be exact."""
    requested = {tool.name: (place, tool) for place, tool in enumerate(request.tools)}
    exact, why = [], []
    order = OrderBudget()
    for done, callable_tool in enumerate(tools):
        place, tool = requested[callable_tool.name]
        path = tool.pointer(place)
        if answer.clashes(syntax, tool.name):
            why.append((f"{path}/name", f"a call of {tool.name!r} looks like an answer header"))
        if syntax.arguments is None:
            exact.append(callable_tool)
            continue
        try:
            if tool.custom:
                exact.append(custom_tool_by_key(tool, syntax.arguments, rules))
                continue
            share = order.share(len(tools) - done)
            tree = arguments_node(syntax.arguments, tool.parameters, rules, share)
        except NotExactError as error:
            why.append((f"{path}/parameters{error.pointer}", error.why))
        else:
            order.give_back(share)
            exact.append(CallableTool(tool.name, tree=tree))
    return exact, [
        CompileWarning(
            "style_fallback", path, f"the template's native syntax cannot be enforced: {text}; using the generic style"
        )
        for path, text in why
    ]
