"""Tools in a template's own syntax: whether it can enforce their schemas."""

from collections.abc import Sequence

from promptweave.compiler.request import ChatRequest
from promptweave.compiler.styles.answer import AnswerSyntax
from promptweave.compiler.styles.arguments import NotExactError, arguments_node
from promptweave.compiler.styles.calls import CallableTool, CallSyntax
from promptweave.compiler.styles.custom_tools import custom_tool_by_key
from promptweave.compiler.warnings import CompileWarning
from promptweave.output.grammar.expr import Rules


def native_tools(
    request: ChatRequest, syntax: CallSyntax | None, answer: AnswerSyntax, tools: Sequence[CallableTool], rules: Rules
) -> tuple[list[CallableTool], list[CompileWarning]]:
    """Return the tools with their arguments in a style's own syntax, and warnings where it cannot be exact."""
    given = {tool.name: (place, tool) for place, tool in enumerate(request.tools)}
    done, why = [], []
    for tool in tools if syntax else ():
        assert syntax, "tools are only looked at with a syntax"
        place, asked = given[tool.name]
        path = asked.pointer(place)
        if answer.clashes(syntax, tool.name):
            why.append((f"{path}/name", f"a call of {tool.name!r} looks like an answer header"))
        if syntax.arguments is None:
            done.append(tool)
            continue
        try:
            if asked.custom:
                done.append(custom_tool_by_key(asked, syntax.arguments, rules))
                continue
            tree = arguments_node(syntax.arguments, asked.parameters, rules)
        except NotExactError as error:
            why.append((f"{path}/parameters{error.pointer}", error.why))
        else:
            done.append(CallableTool(tool.name, tree=tree))
    return done, [
        CompileWarning(
            "style_fallback", path, f"the template's native syntax cannot be enforced: {text}; using the generic style"
        )
        for path, text in why
    ]
