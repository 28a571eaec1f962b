"""Plans the answer to a request: the output tree and its grammar rules. A plan does not depend on the messages.

style        how calls are written                               ../styles/
constraints  the parts of the request that the grammar enforces  constraints.py, native_tools.py, ambiguity.py
answer       the output tree, for both grammar and parser        ../styles/, ../../output/
output       the grammar and syntax for a reasoning state        output.py
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from promptweave.compiler.errors import RequestError
from promptweave.compiler.json_schema.emit.property_order import OrderBudget
from promptweave.compiler.json_text import LOOSE
from promptweave.compiler.markup import tags
from promptweave.compiler.plan.ambiguity import text_taken_for_calls
from promptweave.compiler.plan.constraints import answer_value, callable_tools
from promptweave.compiler.plan.native_tools import native_tools
from promptweave.compiler.profile.profile import Profile
from promptweave.compiler.request import ChatRequest, JsonFormat
from promptweave.compiler.styles.call_forms import TAGS
from promptweave.compiler.styles.calls import CallableTool
from promptweave.compiler.styles.native import NATIVE
from promptweave.compiler.styles.registry import FALLBACK, default_style, style_named
from promptweave.compiler.styles.style import AnswerParts, CallingStyle
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.compiler.warnings import CompileWarning
from promptweave.output.grammar.expr import Rules
from promptweave.output.tree import Node


@dataclass(frozen=True, slots=True)
class PlanSpec:
    """The inputs of a plan: the template, and the request without its messages. Equal if their `key` is."""

    key: str
    request: ChatRequest = field(compare=False)
    profile: Profile = field(compare=False)
    template: ChatTemplate = field(compare=False)

    @classmethod
    def of(cls, request: ChatRequest, template: ChatTemplate, profile: Profile) -> "PlanSpec":
        """Return the inputs for a request and a template with its profile."""
        common = replace(
            request,
            messages=(),
            template_kwargs={},
            thinking=None,
            effort=None,
            system_switch="",
            now=datetime.min,
            prompt_cache_key="",
            prevent_repeated_calls=False,
            replace_unusable_images=False,
        )
        tools = "".join(tool.key for tool in common.tools)
        return cls(template.content_hash + repr(replace(common, tools=())) + tools, common, profile, template)


@dataclass(frozen=True, slots=True, eq=False)
class AnswerPlan:
    """The answer to requests that differ only in their messages.

    `style`: that of the calls, `native` if none can be made. `answer`: the output tree, without reasoning; its grammar is
    built with `rules`, which are not to be changed. `with_reasoning`: the tree with reasoning, if that may come anywhere in
    the answer, not only before it. `constrained`: not every text is allowed. `in_envelope`: content is in
    an envelope beside the model's thoughts. `texts`: the fixed texts of the style and of reasoning; `preserved_tokens`: the
    tags in them, which an engine must not hide.
    """

    spec: PlanSpec
    style: CallingStyle
    answer: Node
    with_reasoning: Node | None
    rules: Rules
    constrained: bool
    in_envelope: bool
    texts: tuple[str, ...]
    preserved_tokens: tuple[str, ...]
    warnings: tuple[CompileWarning, ...]


def plan(spec: PlanSpec) -> AnswerPlan:
    """Plan the answer. Raises CompilerError; paths are JSON pointers into the request."""
    request, profile, rules = spec.request, spec.profile, Rules()
    style, tools, as_json, warnings = _style_and_tools(request, profile, rules)
    syntax = style.syntax(profile)
    excluded = request.tool_choice.excluded
    tools = [tool for tool in tools if tool.name not in excluded]
    has_calls = bool(tools or excluded)
    in_envelope = has_calls and syntax.calls is None
    content, content_warnings = answer_value(request.response_format, rules, in_envelope=in_envelope)
    parts = AnswerParts(
        syntax=syntax.continued() if request.continue_final_message else syntax,
        tools=tools,
        content=content,
        required=request.tool_choice.required,
        parallel=request.parallel_tool_calls and not request.tool_choice.once,
        continued=request.continue_final_message,
        rules=rules,
        as_json=[tool for tool in as_json if tool.name not in excluded],
    )

    def tree(*, reasoning: bool) -> Node:
        if has_calls:
            return style.tree(replace(parts, reasoning=reasoning))
        return parts.syntax.without_calls(content, reasoning=reasoning)

    constrained = has_calls or content is not None
    reasoning = (profile.reasoning.opening, profile.reasoning.closing) if profile.reasoning else ()
    texts = (*style.texts(profile), *reasoning)
    own_tokens = tuple(dict.fromkeys(tag for text in texts for tag in tags(text)))
    known = (tag for tag in TAGS if tag in spec.template.special_tokens) if has_calls and not in_envelope else ()
    preserved_tokens = tuple(dict.fromkeys((*own_tokens, *known)))
    return AnswerPlan(
        spec=spec,
        style=style if has_calls else NATIVE,
        answer=tree(reasoning=False),
        with_reasoning=tree(reasoning=True) if parts.syntax.message_forms else None,
        rules=rules,
        constrained=constrained,
        in_envelope=in_envelope,
        texts=texts,
        preserved_tokens=preserved_tokens,
        warnings=(*warnings, *content_warnings, *(_spelled_tokens(spec, own_tokens) if constrained else ())),
    )


MAX_INDENTED = 40
"""Maximum number of tools whose arguments may be indented where calls begin in other ways than the template's: it takes
another grammar for them."""


def _style_and_tools(
    request: ChatRequest, profile: Profile, rules: Rules
) -> tuple[CallingStyle, list[CallableTool], list[CallableTool], list[CompileWarning]]:
    """Choose the style, and return it with the tools that may be called, in its syntax and as JSON, and warnings.

    If the style's own syntax cannot be distinguished from text, the fallback style is used for all tools, with a warning.
    """
    style = _choose_style(request, profile)
    syntax = style.syntax(profile)
    by_key = syntax.calls is not None and syntax.calls.arguments is not None
    # Arguments that are written key by key are JSON only in the fallback style.
    tools, warnings = callable_tools(request, rules, syntax.separators, OrderBudget(0) if by_key else OrderBudget())
    if syntax.calls is None:
        return style, tools, tools, warnings
    native, native_warnings = native_tools(request, syntax.calls, syntax.answer, tools, rules)
    fallback = native_warnings if tools and not native else []
    fallback += text_taken_for_calls(request, syntax.calls, syntax.answer, native)
    if not fallback:
        known = {(warning.code, warning.path) for warning in warnings}
        more = [warning for warning in native_warnings if (warning.code, warning.path) not in known]
        if not request.tool_choice.required and len(tools) <= MAX_INDENTED:
            tools, _ = callable_tools(request, rules, LOOSE, OrderBudget())
        return style, native, tools, warnings + more
    if by_key:
        tools, warnings = callable_tools(request, rules, syntax.separators, OrderBudget())
    return FALLBACK, tools, tools, warnings + fallback


def _choose_style(request: ChatRequest, profile: Profile) -> CallingStyle:
    style = style_named(request.style) if request.style else default_style(profile)
    if why := style.unsupported_by(profile):
        raise RequestError(why, path="/style")
    if isinstance(request.response_format, JsonFormat) and style.syntax(profile).begins_like_json:
        return FALLBACK
    return style


def _spelled_tokens(spec: PlanSpec, preserved_tokens: Sequence[str]) -> Sequence[CompileWarning]:
    """Return a warning if the style's tags include special tokens that the model has to spell.

    llguidance does not match control tokens as text.
    """
    special = [tag for tag in preserved_tokens if tag in spec.template.special_tokens]
    if spec.request.dialect == "gbnf" or not special:
        return ()
    why = f"the model must spell its control tokens in this dialect: {', '.join(special)}; use GBNF to avoid this"
    return (CompileWarning("tokens_spelled", "/dialects", why),)
