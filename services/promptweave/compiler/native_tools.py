"""Tools in a template's own syntax: whether their schemas can be kept to in it, and what the template wants of them."""

from dataclasses import replace
from typing import Any

from promptweave.compiler.compile_schema import embed_schema
from promptweave.compiler.normalise import CompileWarning
from promptweave.compiler.profile import Profile
from promptweave.compiler.request import ChatRequest
from promptweave.compiler.styles.arguments import NotExactError, arguments_node
from promptweave.compiler.styles.calls import CallableTool
from promptweave.output.grammar import Expr, Rules


def native_tools(
    request: ChatRequest, found: Profile, tools: list[CallableTool], rules: Rules
) -> tuple[str, list[CallableTool], list[CompileWarning]]:
    """The tools with their arguments in the template's own syntax; another style where that cannot be exact."""
    if found.calls is None:
        return "native", tools, []
    given = {tool.name: (place, tool) for place, tool in enumerate(request.tools)}
    done, why = [], []
    for tool in tools:
        place, asked = given[tool.name]
        path = f"/tools/{place}/function"
        if found.answer.clashes(found.calls, tool.name):
            why.append((f"{path}/name", f"a call of {tool.name!r} reads like the header of an answer"))
        if found.calls.arguments is None:
            done.append(tool)
            continue
        try:
            tree = arguments_node(found.calls.arguments, asked.parameters, lambda schema: _embedded(schema, rules))
        except NotExactError as error:
            why.append((f"{path}/parameters{error.pointer}", error.why))
        else:
            done.append(CallableTool(tool.name, tree=tree))
    if not why:
        return "native", done, []
    warnings = [
        CompileWarning(
            "style_fallback", path, f"the template's own syntax cannot be kept to: {text}; the generic style is used"
        )
        for path, text in why
    ]
    return "generic", tools, warnings


def _embedded(schema: Any, rules: Rules) -> Expr:
    return embed_schema(schema, rules, open_objects=False)[0]


def described(request: ChatRequest) -> ChatRequest:
    """The request with a description, if an empty one, on every parameter: some templates raise without."""

    def with_descriptions(parameters: Any) -> Any:
        if not isinstance(parameters, dict) or not isinstance(parameters.get("properties"), dict):
            return parameters
        properties = {
            key: {"description": "", **value} if isinstance(value, dict) else value
            for key, value in parameters["properties"].items()
        }
        return {**parameters, "properties": properties}

    return replace(
        request, tools=tuple(replace(tool, parameters=with_descriptions(tool.parameters)) for tool in request.tools)
    )
