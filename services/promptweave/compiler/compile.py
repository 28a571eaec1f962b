"""The main path: a chat request and a template → a compiled prompt. One pass after the other, each in its own module.

profile      what the template does                              profile.py, derive.py
style        how calls are written                               styles/
mark         what others wrote and would be a special token      marks.py
normalise    the conversation, as the template accepts it        normalise.py
render       the prompt                                          shown.py, template.py
answer       the output tree: grammar and parser come from it    styles/, reasoning.py, ../output/
prefix       what is certain to come first goes into the prompt
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from promptweave.compiler.compile_schema import embed_schema
from promptweave.compiler.continuation import check_continuation
from promptweave.compiler.errors import RequestError, SchemaError, TemplateError, TemplateLimitError, UnsupportedError
from promptweave.compiler.json_schema.place import SchemaWarning
from promptweave.compiler.json_text import SPACED, Separators, dumps
from promptweave.compiler.marks import Marks, Segment
from promptweave.compiler.markup import tags
from promptweave.compiler.native_tools import native_tools
from promptweave.compiler.normalise import CompileWarning, check_history
from promptweave.compiler.profile import Profile, profile
from promptweave.compiler.reasoning import Thinking, thinking, with_reasoning
from promptweave.compiler.request import ChatRequest, JsonFormat, TextGrammar
from promptweave.compiler.schema_grammar import scalar
from promptweave.compiler.shown import Shown
from promptweave.compiler.styles import functionary_v2, generic, hermes
from promptweave.compiler.styles.answer import PLAIN, answer_node
from promptweave.compiler.styles.calls import CallableTool, calls
from promptweave.compiler.styles.custom import custom_tool
from promptweave.compiler.template import ChatTemplate
from promptweave.compiler.text_grammar.embed import embed_text, read_text_grammar
from promptweave.compiler.text_grammar.told_apart import text_taken_for_calls, text_taken_for_thoughts
from promptweave.output.gbnf import GrammarTooLargeError, to_gbnf
from promptweave.output.grammar import EMPTY, Expr, Grammar, Lit, Rules, seq, split_literal
from promptweave.output.safety import check_safe
from promptweave.output.tree import Choice, Json, Node, Part, Region, Syntax, Text, Transform
from promptweave.output.tree_grammar import tree_expr

STYLES = ("native", "hermes", "functionary_v2", "generic")
"""The calling styles that a request may name."""

_WRITTEN = {"hermes": (hermes.SYNTAX, PLAIN), "functionary_v2": (functionary_v2.SYNTAX, functionary_v2.ANSWER)}
"""The styles that are written out: their calls, and what stands around content."""

_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class ReasoningBudget:
    """How reasoning is cut after so many tokens: `closing` is written then, and what follows is of `grammar` (None: any)."""

    tokens: int
    closing: str
    grammar: str | None


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled prompt. `segments` include `syntax.prefix`; `grammar` None: any text may come."""

    segments: tuple[Segment, ...]
    grammar: str | None
    stop: tuple[str, ...]
    syntax: Syntax
    preserved_tokens: tuple[str, ...]
    style: str
    prefix_key: str
    warnings: tuple[CompileWarning, ...]
    budget: "ReasoningBudget | None" = None

    @property
    def prompt(self) -> str:
        """The prompt as one text, which does not tell what of it others wrote."""
        return "".join(segment.text for segment in self.segments)


def compile_prompt(request: ChatRequest, template: ChatTemplate) -> Compiled:
    """Compiles a request. Raises CompilerError; paths are JSON pointers into the request."""
    _check(request)
    found = profile(template)
    try:
        return _compile(request, template, found)
    except TemplateLimitError:
        raise
    except TemplateError as error:
        if request.style or found.style != "native" or not request.tools:
            raise
        why = error
    # Some templates cannot write every tool that is a tool: one with a reference in its schema, say.
    try:
        compiled = _compile(replace(request, style="generic"), template, found)
    except TemplateError:
        raise why from None
    warning = CompileWarning("style_fallback", "/tools", f"{why.message}; the generic style is used")
    return replace(compiled, warnings=(*compiled.warnings, warning))


def _compile(request: ChatRequest, template: ChatTemplate, found: Profile) -> Compiled:
    plan = _plan(_Asked.of(request, template, found))
    marks = Marks(template, request)
    marked = request if request.parse_special_in_content else marks.put(request)
    shown = Shown(marked, found, plan.style, list(plan.warnings))
    prompt, stable = shown.render(template)
    # A message that goes on is past its reasoning.
    output = plan.output(Thinking.CLOSED if request.continue_final_message else thinking(found, prompt))
    return Compiled(
        segments=tuple(_followed_by(marks.take(prompt), output.syntax.prefix)),
        grammar=output.grammar,
        stop=found.stops,
        syntax=output.syntax,
        preserved_tokens=plan.preserved_tokens,
        style=plan.style,
        prefix_key=hashlib.sha256((request.prompt_cache_key or template.content_hash + stable).encode()).hexdigest()[:32],
        warnings=(*shown.warnings, *output.warnings),
        budget=output.budget,
    )


MAX_PLANS = 8
"""Answers that are remembered: those of requests with the same tools, choice and format, whatever their messages."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the answer depends on: the template, and the request but for its messages."""

    key: str
    request: ChatRequest = field(compare=False)
    found: Profile = field(compare=False)

    @classmethod
    def of(cls, request: ChatRequest, template: ChatTemplate, found: Profile) -> "_Asked":
        asked = replace(request, messages=(), template_kwargs={}, now=datetime.min, prompt_cache_key="")
        return cls(template.content_hash + repr(asked), asked, found)


@dataclass(frozen=True, slots=True)
class _Output:
    """The output, where the prompt leaves the model in some state of thinking."""

    syntax: Syntax
    grammar: str | None
    budget: ReasoningBudget | None
    warnings: tuple[CompileWarning, ...]


class _Plan:
    """The answer to requests that differ in their messages only."""

    def __init__(self, asked: _Asked) -> None:
        request, found = asked.request, asked.found
        self._request, self._found, self._rules = request, found, Rules()
        style = _choose_style(request, found)
        syntax, around = _WRITTEN.get(style, (found.calls, found.answer))
        # Calls are asked for as the template writes them, so that the history is what was generated.
        separators = syntax.separators if style == "native" and syntax else SPACED
        tools, warnings = _callable_tools(request, self._rules, separators)
        if style != "generic":
            exact, fallback = native_tools(request, syntax, around, tools, self._rules)
            fallback += text_taken_for_calls(request, syntax, around, exact)
            style, tools, warnings = ("generic", tools, warnings + fallback) if fallback else (style, exact, warnings)
        self._in_envelope = bool(tools) and style == "generic"
        value, more = _value(request.response_format, self._rules, in_envelope=self._in_envelope)
        self._answer = _answer(request, found, style, tools, value, self._rules)
        self._constrained = bool(tools) or value is not None
        self._outputs: dict[Thinking, _Output] = {}
        self.style = style if tools else "native"
        self.warnings = (*warnings, *more)
        self.preserved_tokens = _preserved(found, style)

    def output(self, state: Thinking) -> _Output:
        """The output."""
        if state not in self._outputs:
            self._outputs[state] = self._make(state)
        return self._outputs[state]

    def _make(self, state: Thinking) -> _Output:
        reasoning, budget = self._found.reasoning, self._request.reasoning_budget
        warnings: list[CompileWarning] = []
        if state is Thinking.POSSIBLE and (mixed := text_taken_for_thoughts(self._request, self._answer, reasoning)):
            state = Thinking.CLOSED
            warnings.append(mixed)
        bounded = None
        if budget is not None and reasoning and state is not Thinking.CLOSED:
            after = self._grammar(tree_expr(self._answer, self._rules)) if self._constrained else None
            bounded = ReasoningBudget(budget, reasoning.closing, after)
        elif budget is not None and self._in_envelope:
            why = "the thought in the generic style's envelope has no budget"
            warnings.append(CompileWarning("budget_left_out", "/reasoning/budget_tokens", why))
        tree = with_reasoning(self._answer, reasoning, state)
        if not self._constrained:
            return _Output(Syntax(tree), None, bounded, tuple(warnings))
        prefix, rest = _forced(tree_expr(tree, self._rules))
        return _Output(Syntax(tree, prefix), self._grammar(rest), bounded, tuple(warnings))

    def _grammar(self, root: Expr) -> str:
        return _printed(self._rules.grammar(root))


_plan = lru_cache(maxsize=MAX_PLANS)(_Plan)


# -- the request --


def _check(request: ChatRequest) -> None:
    check_history(request.messages)
    if request.continue_final_message:
        check_continuation(request)
    names = [tool.name for tool in request.tools]
    for place, name in enumerate(names):
        path = f"{request.tools[place].pointer(place)}/name"
        if not _TOOL_NAME.fullmatch(name):
            raise RequestError(f"a tool's name is 1 to 64 of a-z, A-Z, 0-9, _ and -, not {name!r}", path=path)
        if name in names[:place]:
            raise RequestError(f"there are two tools of the name {name!r}", path=path)
    choice = request.tool_choice
    for name in choice.names or ():
        if name not in names:
            there = ", ".join(names) or "there are no tools"
            raise RequestError(f"no tool has the name {name!r} ({there})", path="/tool_choice")
    if choice.required and not names:
        raise RequestError("a tool call is required, but there are no tools", path="/tool_choice")


def _choose_style(request: ChatRequest, found: Profile) -> str:
    style = request.style or found.style
    if style not in STYLES:
        raise UnsupportedError(f"no calling style {style!r}: there are {', '.join(STYLES)}", path="/style")
    if style == "native" and found.style != "native" and request.style:
        why = "; ".join(found.notes)
        raise RequestError(f"the template has no native style that could be verified ({why})", path="/style")
    answers_json = isinstance(request.response_format, JsonFormat)
    if style == "native" and answers_json and found.calls and found.calls.marker.startswith(("{", "[{")):
        # A call that begins like JSON cannot be told from a JSON answer.
        return "generic"
    return style


def _callable_tools(
    request: ChatRequest, rules: Rules, separators: Separators
) -> tuple[list[CallableTool], list[CompileWarning]]:
    chosen, warnings = [], []
    for place, tool in enumerate(request.tools):
        if request.tool_choice.names is not None and tool.name not in request.tool_choice.names:
            continue
        if tool.custom:
            chosen.append(custom_tool(tool, rules))
            continue
        base = f"/tools/{place}/function/parameters"
        try:
            arguments, found = embed_schema(
                tool.parameters,
                rules,
                strict=tool.strict,
                open_objects=False,
                object_root=True,
                separators=separators,
            )
        except SchemaError as error:
            raise error.below(base) from None
        schema, exact = _to_check(tool.parameters, found)
        chosen.append(CallableTool(tool.name, arguments, schema=schema, exact=exact))
        warnings += _warned(base, found)
    return chosen, warnings


def _value(
    wanted: JsonFormat | TextGrammar | None, rules: Rules, *, in_envelope: bool
) -> tuple[Part | None, list[CompileWarning]]:
    """The content's part, where it is a value of a schema, or a text of a grammar, spelled as JSON if `in_envelope`."""
    if wanted is None:
        return None, []
    if isinstance(wanted, TextGrammar):
        text = embed_text(read_text_grammar(wanted), rules, as_json=in_envelope)
        if in_envelope:
            return Part(Region.CONTENT, Json('"', text), Transform.JSON_STRING_DECODE), []
        return Part(Region.CONTENT, Text(None, rule=text)), []
    try:
        value, found = embed_schema(wanted.schema, rules, strict=wanted.strict, open_objects=not wanted.strict)
    except SchemaError as error:
        raise error.below(wanted.pointer) from None
    schema, exact = _to_check(wanted.schema, found)
    part = Part(Region.CONTENT, Json("", value), schema=schema, exact=exact)
    return part, _warned(wanted.pointer, found)


def _to_check(schema: Any, warnings: Sequence[SchemaWarning]) -> tuple[str, bool]:
    """The schema, as text, and whether its grammar is exact. "": nothing has to be validated.

    Where the grammar is looser every finished value is; where strings are limited, those whose bytes were no text.
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


# -- the output --


def _answer(
    request: ChatRequest, found: Profile, style: str, tools: Sequence[CallableTool], content: Part | None, rules: Rules
) -> Node:
    """The tree of the answer itself; `content` None: text."""
    syntax, answer = _WRITTEN.get(style, (found.calls, found.answer))
    if request.continue_final_message:
        answer = replace(answer, header="")  # It has been written.
    if not tools:
        return answer.around(content) if content else answer.alone()
    required = request.tool_choice.required
    parallel = request.parallel_tool_calls and not request.tool_choice.once
    if style == "generic" and request.continue_final_message:
        return answer.alone()  # It has begun as text, and the envelope holds calls only from its beginning.
    if style == "generic":
        string = scalar("string", rules)
        envelope = generic.envelope(tools, string=string, result=content, required=required, parallel=parallel)
        # The envelope is content to the template, so it stands where content does.
        return found.answer.around(envelope)
    assert syntax, "the native style was chosen, so the template has it"
    if required:
        return calls(syntax, tools, parallel=parallel)
    if content:
        return Choice((calls(syntax, tools, parallel=parallel), answer.around(content)))
    return answer_node(answer, syntax, tools, parallel=parallel)


def _forced(answer: Expr) -> tuple[str, Expr]:
    """What is certain to come first, and the rest: nobody needs to decode the one, so it goes into the prompt.

    It ends where tokens do: not before white space, which tokens begin with, and not inside a word or a tag. Something is
    always left for the engine to write, or its grammar would be empty.
    """
    text, rest = split_literal(answer)
    if rest == EMPTY:
        length = text.rfind("\n") if "\n" in text else 0
    elif text[-1:].isspace():
        length = len(text.rstrip())
    else:
        length = len(re.sub(r"[\w-]+$|<[^<>\s]*$", "", text))
    return text[:length], seq(Lit(text[length:]), rest)


def _printed(grammar: Grammar) -> str:
    check_safe(grammar)
    try:
        return to_gbnf(grammar)
    except GrammarTooLargeError as error:
        raise SchemaError("unsupported", "", f"all tools together: {error}").below("/tools") from None


def _followed_by(segments: list[Segment], text: str) -> list[Segment]:
    if not text or not segments or segments[-1].plain:
        return [*segments, Segment(text)] if text or not segments else segments
    return [*segments[:-1], Segment(segments[-1].text + text)]


def _preserved(found: Profile, style: str) -> tuple[str, ...]:
    """The tags that the output may hold: where they are special tokens, engines hide them unless told not to."""
    syntax, answer = _WRITTEN.get(style, (found.calls, found.answer))
    texts = [syntax.opening, syntax.middle, syntax.closing, syntax.between] if syntax else []
    texts += (
        [text for form in syntax.arguments.forms.values() for text in (form.middle, form.end)]
        if syntax and syntax.arguments
        else []
    )
    texts += [answer.header, answer.end]
    texts += [found.reasoning.opening, found.reasoning.closing] if found.reasoning else []
    return tuple(dict.fromkeys(tag for text in texts for tag in tags(text)))
