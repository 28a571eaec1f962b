"""The output of a plan for one reasoning state at the end of the prompt: its grammar, syntax and forced prefix."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from promptweave.compiler.errors import SchemaError
from promptweave.compiler.plan.ambiguity import text_taken_for_thoughts
from promptweave.compiler.plan.forced_prefix import split_forced_prefix
from promptweave.compiler.plan.plan import AnswerPlan
from promptweave.compiler.plan.reasoning import with_reasoning
from promptweave.compiler.profile.reasoning_state import Thinking
from promptweave.compiler.profile.reasoning_syntax import FREE_THOUGHT, FREE_THOUGHT_TOKENS
from promptweave.compiler.template.special_tokens import spellings
from promptweave.compiler.warnings import CompileWarning
from promptweave.output.grammar.dialects import Dialect, grammar_text
from promptweave.output.grammar.expr import Grammar, Rules
from promptweave.output.grammar.gbnf import GrammarTooLargeError
from promptweave.output.grammar.safety import check_safe
from promptweave.output.tree import Syntax
from promptweave.output.tree_grammar import tree_expr


@dataclass(frozen=True, slots=True)
class ReasoningBudget:
    """A limit of `tokens` for reasoning: `closing` is inserted there, and the rest follows `grammar` (None: any text).

    The grammar is in the same notation as that of the answer.
    """

    tokens: int
    closing: str
    grammar: str | None


@dataclass(frozen=True, slots=True)
class AnswerOutput:
    """The output for one reasoning state at the end of the prompt. `grammar` is None if any text is allowed."""

    syntax: Syntax
    grammar: str | None
    budget: ReasoningBudget | None
    warnings: tuple[CompileWarning, ...]
    rule_sources: Callable[[], Mapping[str, str]] = field(default=dict, compare=False)
    """Returns, for each grammar rule, the schema that it was built from: JSON pointers into the request."""


def answer_output(plan: AnswerPlan, state: Thinking) -> AnswerOutput:
    """Return the output of a plan for a reasoning state. Raises SchemaError if the grammar is too large."""
    request, reasoning = plan.spec.request, plan.spec.profile.reasoning
    warnings: list[CompileWarning] = []
    if state is Thinking.POSSIBLE and (mixed := text_taken_for_thoughts(request, plan.answer, reasoning)):
        state = Thinking.CLOSED
        warnings.append(mixed)
    # A copy of the rules: the output for one state must not change the rule names of another.
    rules = plan.rules.copy()
    budget = _budget(plan, state, rules)
    if request.reasoning_budget is not None and budget is None and plan.in_envelope:
        why = "the reasoning budget does not apply to the thought field of the generic style"
        warnings.append(CompileWarning("budget_left_out", "/reasoning/budget_tokens", why))
    tree = with_reasoning(plan.answer, reasoning, state, plan.with_reasoning)
    if not plan.constrained:
        return AnswerOutput(Syntax(tree), None, budget, tuple(warnings))
    template = plan.spec.template
    prefix, rest = split_forced_prefix(
        tree, tree_expr(tree, rules), plan.texts, spellings(template), template.special_tokens
    )
    grammar = rules.grammar(rest)
    text = _grammar_text(grammar, request.dialect)
    return AnswerOutput(Syntax(tree, prefix), text, budget, tuple(warnings), partial(rules.places, grammar))


def _budget(plan: AnswerPlan, state: Thinking, rules: Rules) -> ReasoningBudget | None:
    """Return the request's limit for reasoning, if the model may reason before its answer."""
    request, reasoning = plan.spec.request, plan.spec.profile.reasoning
    if not reasoning or state is Thinking.CLOSED:
        return None
    tokens = request.reasoning_budget
    if tokens is None and reasoning is FREE_THOUGHT:
        tokens = FREE_THOUGHT_TOKENS
    if tokens is None:
        return None
    grammar = rules.grammar(tree_expr(plan.answer, rules)) if plan.constrained else None
    text = _grammar_text(grammar, request.dialect) if grammar else None
    return ReasoningBudget(tokens, reasoning.closing, text)


def _grammar_text(grammar: Grammar, dialect: Dialect) -> str:
    check_safe(grammar)
    try:
        return grammar_text(grammar, dialect)
    except GrammarTooLargeError as error:
        raise SchemaError("unsupported", "", f"all tools combined: {error}").below("/tools") from None
