"""Compile a chat request and a chat template into a prompt: the main path. The passes, each in its own module:

prepare      calls are repaired, tools are loaded and named      prepare.py, tools/loading.py, tools/aliases.py
profile      what the template does                              profile/profile.py, profile/call_syntax.py
plan         the answer: its tree, grammar and syntax            plan/plan.py, plan/output.py, plan_cache.py
images       replaced by placeholder characters                  messages/images.py
mark         special tokens spelled in untrusted text            messages/special_token_marks.py
normalize    the conversation, as the template accepts it        messages/normalize.py
render       the prompt                                          render/prompt.py, template/chat_template.py
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from promptweave.compiler.errors import CompilerError, TemplateError, TemplateLimitError
from promptweave.compiler.messages.content_check import lost_reasoning, turn_reasoning
from promptweave.compiler.messages.images import Pictures
from promptweave.compiler.messages.special_token_marks import Segment, SpecialTokenMarks
from promptweave.compiler.plan.output import ReasoningBudget
from promptweave.compiler.plan.plan import PlanSpec
from promptweave.compiler.plan_cache import cached_plan
from promptweave.compiler.prepare import prepare
from promptweave.compiler.profile.probe_capabilities import template_capabilities
from promptweave.compiler.profile.profile import Profile, profile
from promptweave.compiler.profile.reasoning_state import Thinking, thinking
from promptweave.compiler.profile.reasoning_syntax import FREE_THOUGHT
from promptweave.compiler.render.free_thought import thinking_first, with_free_thought
from promptweave.compiler.render.prompt import PromptRenderer
from promptweave.compiler.render.thinking import thinking_warnings, with_thinking
from promptweave.compiler.request import ChatRequest
from promptweave.compiler.styles.registry import FALLBACK, default_style
from promptweave.compiler.styles.tool_text import with_declared_properties
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.compiler.warnings import CompileWarning
from promptweave.output.grammar.dialects import Dialect
from promptweave.output.tree import Syntax


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled prompt. `segments` include `syntax.prefix`; `grammar` is None if any text is allowed."""

    segments: tuple[Segment, ...]
    grammar: str | None
    stop: tuple[str, ...]
    syntax: Syntax
    preserved_tokens: tuple[str, ...]
    style: str
    prefix_key: str
    warnings: tuple[CompileWarning, ...]
    budget: ReasoningBudget | None = None
    rule_sources: Callable[[], Mapping[str, str]] = field(default=dict, compare=False)
    """Returns, for each grammar rule, the schema that it was built from."""
    dialect: Dialect = "gbnf"
    """The notation of its grammars."""
    free_thought: bool = False
    """The prompt asks for thoughts that the template has no syntax for, and begins them."""

    @property
    def prompt(self) -> str:
        """Return the prompt as one text, without provenance; U+FFFC stands for an image."""
        return "".join(segment.text for segment in self.segments)


def compile_prompt(request: ChatRequest, template: ChatTemplate) -> Compiled:
    """Compile a request. Raises CompilerError; paths are JSON pointers into the request."""
    prepared = prepare(request)
    try:
        compiled = _compile_or_fall_back(prepared.request, template)
    except CompilerError as error:
        error.path = None if error.path is None else prepared.original(error.path)
        raise
    warnings = [replace(warning, path=prepared.original(warning.path)) for warning in compiled.warnings]
    if not any(turn_reasoning(prepared.request.messages)):
        # A repaired result is a user message, before which reasoning is not checked.
        warnings += lost_reasoning(request.messages, compiled.prompt)
    return replace(compiled, syntax=prepared.syntax(compiled.syntax), warnings=(*prepared.warnings, *warnings))


def _compile_or_fall_back(request: ChatRequest, template: ChatTemplate) -> Compiled:
    found = profile(template)
    try:
        return _compile(request, template, found)
    except TemplateLimitError:
        raise
    except TemplateError as error:
        if request.style or default_style(found) is FALLBACK or not request.tools:
            raise
        why = error
    # Some templates fail on tools that declare no properties.
    declared = replace(request, tools=tuple(map(with_declared_properties, request.tools)))
    if declared.tools != request.tools:
        try:
            return _compile(declared, template, found)
        except TemplateLimitError:
            raise
        except TemplateError:
            pass  # That was not why.
    # Some templates fail on valid tools, for example one with a reference in its schema.
    try:
        compiled = _compile(replace(request, style=FALLBACK.name), template, found)
    except TemplateError:
        raise why from None
    warning = CompileWarning("style_fallback", "/tools", f"{why.message}; using the {FALLBACK.name} style")
    return replace(compiled, warnings=(*compiled.warnings, warning))


def _compile(request: ChatRequest, template: ChatTemplate, found: Profile) -> Compiled:
    request, found = thinking_first(request, found)
    cached = cached_plan(PlanSpec.of(request, template, found))
    plan = cached.plan
    free_thought = found.reasoning is FREE_THOUGHT and plan.constrained and not plan.in_envelope
    request = with_thinking(request, template)
    request = with_free_thought(request) if free_thought else request
    pictures = Pictures(request, template)
    request = pictures.put(request)
    marks = marks_of(request, template, pictures)
    marked = request if request.parse_special_in_content else marks.insert(request)
    rendered = PromptRenderer(template, plan.style, cached.stand_ins).render(marked, pictures)
    # A continued message is past its reasoning.
    prompt = rendered.prompt + FREE_THOUGHT.opening if free_thought else rendered.prompt
    if found.reasoning is FREE_THOUGHT:
        state = Thinking.OPEN if free_thought else Thinking.CLOSED
    else:
        state = Thinking.CLOSED if request.continue_final_message else thinking(found, prompt)
    output = cached.output(state)
    cache_key = request.prompt_cache_key or template.content_hash + rendered.prefix
    return Compiled(
        segments=tuple(_followed_by(pictures.take(marks.split(prompt)), output.syntax.prefix)),
        grammar=output.grammar,
        stop=found.stops,
        syntax=output.syntax,
        preserved_tokens=plan.preserved_tokens,
        style=plan.style.name,
        prefix_key=hashlib.sha256(cache_key.encode()).hexdigest()[:32],
        warnings=(
            *plan.warnings,
            *rendered.warnings,
            *output.warnings,
            *thinking_warnings(request, template, state),
        ),
        budget=output.budget,
        rule_sources=output.rule_sources,
        dialect=request.dialect,
        free_thought=free_thought,
    )


def marks_of(request: ChatRequest, template: ChatTemplate, pictures: Pictures) -> SpecialTokenMarks:
    """Return the marks of a request, including the template's text for an image when it appears in a message."""
    able = template_capabilities(template) if pictures else None
    return SpecialTokenMarks(template, request, (able.picture.written,) if able and able.picture else ())


def _followed_by(segments: list[Segment], text: str) -> list[Segment]:
    if not text or not segments or segments[-1].plain or segments[-1].picture:
        return [*segments, Segment(text)] if text or not segments else segments
    return [*segments[:-1], Segment(segments[-1].text + text)]
