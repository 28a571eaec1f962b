"""Plans the answer to a request: its tree, grammar and syntax. A plan does not depend on the messages, so it is cached.

style        how calls are written                               styles/
enforced     the parts of the request that the grammar enforces  constraints.py, native_tools.py
answer       the output tree, for both grammar and parser        styles/, reasoning.py, ../output/
prefix       the text that is certain to come first              forced_prefix.py
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache, partial

from promptweave.compiler.errors import RequestError, SchemaError, UnsupportedError
from promptweave.compiler.json_schema.emit.json_grammar import scalar
from promptweave.compiler.json_text import SPACED
from promptweave.compiler.markup import tags
from promptweave.compiler.messages.fallback import StandIns
from promptweave.compiler.plan.ambiguity import text_taken_for_calls, text_taken_for_thoughts
from promptweave.compiler.plan.constraints import answer_value, callable_tools
from promptweave.compiler.plan.forced_prefix import split_forced_prefix
from promptweave.compiler.plan.native_tools import native_tools
from promptweave.compiler.plan.reasoning import with_reasoning
from promptweave.compiler.profile.profile import Profile
from promptweave.compiler.profile.reasoning_state import Thinking
from promptweave.compiler.request import ChatRequest, JsonFormat
from promptweave.compiler.styles import functionary_v2, generic, hermes
from promptweave.compiler.styles.answer import PLAIN, answer_node
from promptweave.compiler.styles.calls import CallableTool, calls
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.compiler.template.special_tokens import spellings
from promptweave.compiler.warnings import CompileWarning
from promptweave.output.grammar.dialects import Dialect, grammar_text
from promptweave.output.grammar.expr import Grammar, Rules
from promptweave.output.grammar.gbnf import GrammarTooLargeError
from promptweave.output.grammar.safety import check_safe
from promptweave.output.tree import ChoiceNode, Node, RegionNode, Syntax
from promptweave.output.tree_grammar import tree_expr

STYLES = ("native", "hermes", "functionary_v2", "generic")
"""The calling styles that a request may name."""

_WRITTEN = {"hermes": (hermes.SYNTAX, PLAIN), "functionary_v2": (functionary_v2.SYNTAX, functionary_v2.ANSWER)}
"""Styles with a fixed syntax: their calls, and the text around content."""

MAX_PLANS = 8
"""Number of cached plans, which are shared by requests with the same tools, choice and format, whatever their messages."""


@dataclass(frozen=True, slots=True)
class ReasoningBudget:
    """A limit of `tokens` for reasoning: `closing` is inserted there, and the rest follows `grammar` (None: any text).

    The grammar is in the same notation as that of the answer.
    """

    tokens: int
    closing: str
    grammar: str | None


@dataclass(frozen=True, slots=True)
class PlanKey:
    """The inputs of a plan: the template, and the request without its messages."""

    key: str
    request: ChatRequest = field(compare=False)
    found: Profile = field(compare=False)
    template: ChatTemplate = field(compare=False)

    @classmethod
    def of(cls, request: ChatRequest, template: ChatTemplate, found: Profile) -> "PlanKey":
        """Return the key of a request for a template."""
        asked = replace(request, messages=(), template_kwargs={}, now=datetime.min, prompt_cache_key="")
        tools = "".join(tool.key for tool in asked.tools)
        return cls(template.content_hash + repr(replace(asked, tools=())) + tools, asked, found, template)


@dataclass(frozen=True, slots=True)
class Output:
    """The output for one reasoning state at the end of the prompt."""

    syntax: Syntax
    grammar: str | None
    budget: ReasoningBudget | None
    warnings: tuple[CompileWarning, ...]
    made_of: Callable[[], Mapping[str, str]] = field(default=dict, compare=False)
    """Returns, for each grammar rule, the schema that it was built from: JSON pointers into the request."""


class Plan:
    """The answer to requests that differ only in their messages."""

    def __init__(self, asked: PlanKey) -> None:
        request, found = asked.request, asked.found
        self._request, self._found, self._rules = request, found, Rules()
        style = _choose_style(request, found)
        syntax, around = _WRITTEN.get(style, (found.calls, found.answer))
        # Calls use the template's separators, so that the history matches the generated text.
        separators = syntax.separators if style == "native" and syntax else SPACED
        tools, warnings = callable_tools(request, self._rules, separators)
        if style != "generic":
            exact, fallback = native_tools(request, syntax, around, tools, self._rules)
            fallback += text_taken_for_calls(request, syntax, around, exact)
            style, tools, warnings = ("generic", tools, warnings + fallback) if fallback else (style, exact, warnings)
        self._in_envelope = bool(tools) and style == "generic"
        value, more = answer_value(request.response_format, self._rules, in_envelope=self._in_envelope)
        self._answer = _answer(request, found, style, tools, value, self._rules)
        self._constrained = bool(tools) or value is not None
        self._outputs: dict[Thinking, Output] = {}
        self.stand_ins = StandIns()
        self.style = style if tools else "native"
        self._own = _own_texts(found, style)
        self._spellings, self._special_tokens = spellings(asked.template), asked.template.special_tokens
        self.preserved_tokens = tuple(dict.fromkeys(tag for text in self._own for tag in tags(text)))
        self.warnings = (*warnings, *more, *self._spelled(asked.template))

    def output(self, state: Thinking) -> Output:
        """Return the output for a reasoning state."""
        if state not in self._outputs:
            self._outputs[state] = self._make(state)
        return self._outputs[state]

    def _spelled(self, template: ChatTemplate) -> Sequence[CompileWarning]:
        """Return a warning if the style's tags include special tokens that the model has to spell.

        llguidance does not match control tokens as text.
        """
        special = [tag for tag in self.preserved_tokens if tag in template.special_tokens]
        if self._request.dialect == "gbnf" or not self._constrained or not special:
            return ()
        why = f"the model must spell its control tokens in this dialect: {', '.join(special)}; use GBNF to avoid this"
        return (CompileWarning("tokens_spelled", "/dialects", why),)

    def _make(self, state: Thinking) -> Output:
        reasoning, budget = self._found.reasoning, self._request.reasoning_budget
        # A copy of the rules: an earlier output must not change the rule names of a later one.
        rules = self._rules.copy()
        warnings: list[CompileWarning] = []
        if state is Thinking.POSSIBLE and (mixed := text_taken_for_thoughts(self._request, self._answer, reasoning)):
            state = Thinking.CLOSED
            warnings.append(mixed)
        bounded = None
        if budget is not None and reasoning and state is not Thinking.CLOSED:
            after = (
                _printed(rules.grammar(tree_expr(self._answer, rules)), self._request.dialect) if self._constrained else None
            )
            bounded = ReasoningBudget(budget, reasoning.closing, after)
        elif budget is not None and self._in_envelope:
            why = "the reasoning budget does not apply to the thought field of the generic style"
            warnings.append(CompileWarning("budget_left_out", "/reasoning/budget_tokens", why))
        tree = with_reasoning(self._answer, reasoning, state)
        if not self._constrained:
            return Output(Syntax(tree), None, bounded, tuple(warnings))
        prefix, rest = split_forced_prefix(tree, tree_expr(tree, rules), self._own, self._spellings, self._special_tokens)
        grammar = rules.grammar(rest)
        made_of = partial(rules.places, grammar)
        return Output(Syntax(tree, prefix), _printed(grammar, self._request.dialect), bounded, tuple(warnings), made_of)


plan = lru_cache(maxsize=MAX_PLANS)(Plan)


def _choose_style(request: ChatRequest, found: Profile) -> str:
    style = request.style or found.style
    if style not in STYLES:
        raise UnsupportedError(f"unknown calling style {style!r}; supported: {', '.join(STYLES)}", path="/style")
    if style == "native" and found.style != "native" and request.style:
        why = "; ".join(found.notes)
        raise RequestError(f"the template has no verified native style ({why})", path="/style")
    answers_json = isinstance(request.response_format, JsonFormat)
    if style == "native" and answers_json and found.calls and found.calls.marker.startswith(("{", "[{")):
        # A call that begins like JSON cannot be distinguished from a JSON answer.
        return "generic"
    return style


def _answer(
    request: ChatRequest, found: Profile, style: str, tools: Sequence[CallableTool], content: RegionNode | None, rules: Rules
) -> Node:
    """Return the tree of the answer itself; `content` is None for text."""
    syntax, answer = _WRITTEN.get(style, (found.calls, found.answer))
    if request.continue_final_message:
        answer = replace(answer, header="")  # The prompt already contains it.
    if not tools:
        return answer.around(content) if content else answer.alone()
    required = request.tool_choice.required
    parallel = request.parallel_tool_calls and not request.tool_choice.once
    if style == "generic" and request.continue_final_message:
        return answer.alone()  # It began as text, and the envelope allows calls only from the beginning.
    if style == "generic":
        string = scalar("string", rules)
        envelope = generic.envelope(tools, string=string, result=content, required=required, parallel=parallel)
        # To the template the envelope is content, so it has the same text around it.
        return found.answer.around(envelope)
    assert syntax, "the native style was chosen, so the template has it"
    if required:
        return calls(syntax, tools, parallel=parallel)
    if content:
        return ChoiceNode((calls(syntax, tools, parallel=parallel), answer.around(content)))
    return answer_node(answer, syntax, tools, parallel=parallel)


def _printed(grammar: Grammar, dialect: Dialect) -> str:
    check_safe(grammar)
    try:
        return grammar_text(grammar, dialect)
    except GrammarTooLargeError as error:
        raise SchemaError("unsupported", "", f"all tools combined: {error}").below("/tools") from None


def _own_texts(found: Profile, style: str) -> list[str]:
    """Return the style's own texts. Engines hide their tags, if they are special tokens, unless told not to."""
    syntax, answer = _WRITTEN.get(style, (found.calls, found.answer))
    texts = syntax.texts() if syntax else []
    texts += [answer.header, answer.end]
    texts += [found.reasoning.opening, found.reasoning.closing] if found.reasoning else []
    return texts
