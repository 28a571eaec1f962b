"""The origin of a compiled prompt: which text came from the request, and which schema each grammar rule belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from promptweave.compiler.compile import Compiled, marks_of
from promptweave.compiler.errors import CompilerError
from promptweave.compiler.explain.provenance import PromptPart, ProvenanceTags, parts_of
from promptweave.compiler.messages.images import Pictures
from promptweave.compiler.prepare import prepare
from promptweave.compiler.profile.reasoning_syntax import FREE_THOUGHT
from promptweave.compiler.render.free_thought import with_free_thought
from promptweave.compiler.render.prompt import PromptRenderer
from promptweave.compiler.render.thinking import with_thinking
from promptweave.compiler.request import ChatRequest, SchemaStyle
from promptweave.compiler.styles.registry import style_named
from promptweave.compiler.styles.tool_text import tools_as_text
from promptweave.compiler.template.chat_template import ChatTemplate


@dataclass(frozen=True, slots=True)
class Explanation:
    """The origin of a compiled prompt.

    `parts` is the complete prompt, or empty if its origin cannot be determined; `rules`: name → JSON pointer of a schema.
    """

    parts: tuple[PromptPart, ...]
    rules: Mapping[str, str]
    tools: Mapping[SchemaStyle, str]
    """The tools in both notations, as published by the styles that do so themselves."""


def explain(request: ChatRequest, template: ChatTemplate, compiled: Compiled) -> Explanation:
    """Explain a request that was compiled for a template."""
    prepared = prepare(request)
    request = prepared.request
    tools = {style: tools_as_text(request.tools, style) if request.tools else "" for style in SchemaStyle}
    parts = _parts(request, template, compiled, tools[SchemaStyle.TYPESCRIPT])
    return Explanation(
        tuple(replace(part, path=prepared.original(part.path)) for part in parts),
        {name: prepared.original(path) for name, path in compiled.rule_sources().items()},
        tools,
    )


def _parts(request: ChatRequest, template: ChatTemplate, compiled: Compiled, signatures: str) -> list[PromptPart]:
    prompt, prefix = compiled.prompt.removesuffix(compiled.syntax.prefix), compiled.syntax.prefix
    pictures = Pictures(request, template)
    request = with_thinking(request, template)
    begun = FREE_THOUGHT.opening if compiled.free_thought else ""
    request = pictures.put(with_free_thought(request) if begun else request)
    prompt = prompt.removesuffix(begun)
    marks = marks_of(request, template, pictures)
    marked = request if request.parse_special_in_content else marks.insert(request)
    renderer = PromptRenderer(template, style_named(compiled.style))
    # Some templates inspect the contents of tools; hardly any inspect the contents of messages.
    for tools in (True, False):
        tags = ProvenanceTags(marked)
        try:
            tagged = renderer.render(tags.insert(marked, tools=tools), pictures).prompt
        except CompilerError:
            continue
        text, spans = tags.extract(pictures.as_text(marks.without(tagged)))
        if text == prompt:
            rest = [PromptPart(begun + prefix, "")] if begun + prefix else []
            return [*parts_of(text, spans, {signatures: "/tools"}), *rest]
    return []
