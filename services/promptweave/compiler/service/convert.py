"""Conversion between the service's messages and the compiler's values.

Parts of the contract that this version does not support are rejected by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from promptweave.compiler.compile import Compiled
from promptweave.compiler.errors import RequestError, SchemaError, UnsupportedError
from promptweave.compiler.explain.explain import Explanation
from promptweave.compiler.identity_key import IdentityKey
from promptweave.compiler.json_schema.compile import load_schema
from promptweave.compiler.json_text import loads
from promptweave.compiler.messages.special_token_marks import Segment
from promptweave.compiler.plan_cache import MAX_PLANS
from promptweave.compiler.profile.profile import Profile
from promptweave.compiler.profile.thinking_switch import NO_EFFORT
from promptweave.compiler.request import (
    MAX_KNOWN_TOOLS,
    ChatRequest,
    GrammarSyntax,
    JsonFormat,
    Message,
    Picture,
    Role,
    SchemaStyle,
    TextGrammar,
    Tool,
    ToolCall,
    ToolChoice,
    ToolReference,
)
from promptweave.compiler.styles.custom_tools import input_arguments, input_parameters
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.compiler.warnings import CompileWarning
from promptweave.output.grammar.dialects import Dialect
from promptweave.output.tree import Syntax
from promptweave.output.wire import syntax_to_wire
from promptweave.v1 import chat_pb2, output_pb2, prompt_compiler_pb2

COMPILED_VERSION = 1
"""The version of CompiledPrompt's semantics."""

_ROLES = {chat_pb2.Role.Value(f"ROLE_{role.name}"): role for role in Role}
_GRAMMAR_SYNTAXES = {chat_pb2.TextGrammar.Syntax.Value(f"SYNTAX_{syntax.name}"): syntax for syntax in GrammarSyntax}
_DIALECTS: dict[int, Dialect] = {
    prompt_compiler_pb2.GRAMMAR_DIALECT_UNSPECIFIED: "gbnf",
    prompt_compiler_pb2.GRAMMAR_DIALECT_GBNF: "gbnf",
    prompt_compiler_pb2.GRAMMAR_DIALECT_LLGUIDANCE: "llguidance",
}
_SCHEMA_STYLES = {
    prompt_compiler_pb2.SCHEMA_STYLE_UNSPECIFIED: None,
    prompt_compiler_pb2.SCHEMA_STYLE_JSON: SchemaStyle.JSON,
    prompt_compiler_pb2.SCHEMA_STYLE_TYPESCRIPT: SchemaStyle.TYPESCRIPT,
}


def chat_request_from_wire(wire: prompt_compiler_pb2.CompileRequest) -> ChatRequest:
    """Return the request as values. Raises RequestError, UnsupportedError or SchemaError, with the path."""
    return ChatRequest(
        messages=tuple(_message(message, f"/messages/{place}") for place, message in enumerate(wire.messages)),
        tools=tuple(_tool(tool, f"/tools/{place}") for place, tool in enumerate(wire.tools)),
        tool_choice=_tool_choice(wire.tool_choice),
        parallel_tool_calls=wire.parallel_tool_calls if wire.HasField("parallel_tool_calls") else True,
        response_format=_response_format(wire.response_format),
        style=wire.style,
        schema_style=_SCHEMA_STYLES.get(wire.schema_style),
        template_kwargs=_kwargs(wire.chat_template_kwargs),
        thinking=_thinking(wire.reasoning),
        think_first=wire.reasoning.think_first,
        effort=wire.reasoning.effort if wire.reasoning.HasField("effort") else None,
        now=wire.now.ToDatetime(UTC) if wire.HasField("now") else datetime.now(UTC),
        reasoning_budget=wire.reasoning.budget_tokens if wire.reasoning.HasField("budget_tokens") else None,
        prompt_cache_key=wire.prompt_cache_key,
        parse_special_in_content=wire.parse_special_in_content,
        continue_final_message=wire.continue_final_message,
        dialect=_dialect(wire.dialects),
        prevent_repeated_calls=wire.repeated_calls == prompt_compiler_pb2.REPEATED_CALLS_PREVENT,
        removed_tools=tuple(wire.removed_tools),
        replace_unusable_images=wire.unusable_images == prompt_compiler_pb2.UNUSABLE_IMAGES_PLACEHOLDER,
    )


def template_from_wire(wire: prompt_compiler_pb2.Template) -> ChatTemplate:
    """Return the template in a message."""
    return ChatTemplate(wire.source, wire.bos_token, wire.eos_token, dict(wire.named), tuple(wire.special_tokens))


def _message(wire: chat_pb2.Message, path: str) -> Message:
    role = _ROLES.get(wire.role)
    if role is None:
        raise RequestError("role is required", path=f"{path}/role")
    content = _content(wire, path)
    return Message(
        role,
        content=content.text if wire.content else None,
        pictures=tuple(content.pictures),
        references=tuple(content.references),
        tools=tuple(_tool(tool, f"{path}/tools/{place}") for place, tool in enumerate(wire.tools)),
        name=wire.name if wire.HasField("name") else None,
        tool_calls=tuple(_call(call, f"{path}/tool_calls/{place}") for place, call in enumerate(wire.tool_calls)),
        tool_call_id=wire.tool_call_id if wire.HasField("tool_call_id") else None,
        reasoning_content=wire.reasoning_content if wire.HasField("reasoning_content") else None,
    )


@dataclass
class _Content:
    """A message's text, and what is at positions in it."""

    text: str = ""
    pictures: list[Picture] = field(default_factory=list)
    references: list[ToolReference] = field(default_factory=list)


def _content(wire: chat_pb2.Message, path: str) -> _Content:
    content = _Content()
    for place, part in enumerate(wire.content):
        pointer = f"{path}/content/{place}"
        match part.WhichOneof("part"):
            case "text":
                content.text += part.text
            case "image":
                image = Picture(len(content.text), part.image.data, part.image.mime_type, f"{pointer}/image")
                content.pictures.append(image)
            case "tool_reference":
                tool = part.tool_reference
                pointer += "/tool_reference"
                content.references.append(ToolReference(len(content.text), tool.name, tool.namespace, pointer))
            case _:
                raise RequestError("a content part must be text, an image or a tool reference", path=pointer)
    return content


def _call(wire: chat_pb2.ToolCall, path: str) -> ToolCall:
    kind = wire.WhichOneof("kind")
    if kind is None:
        raise RequestError("a tool call must be a function call or a custom tool call", path=path)
    if kind == "custom":
        return ToolCall(wire.id, wire.custom.name, input_arguments(wire.custom.input), wire.namespace)
    return ToolCall(wire.id, wire.function.name, wire.function.arguments, wire.namespace)


def _tool(wire: chat_pb2.Tool, path: str) -> Tool:
    data = wire.SerializeToString()
    return _known_tool(data, path) if len(data) <= _KNOWN_TOOL_BYTES else _new_tool(wire, path)


@lru_cache(maxsize=MAX_KNOWN_TOOLS)
def _known_tool(data: bytes, path: str) -> Tool:
    """Return a tool, cached. The path is for errors, which are not cached."""
    return _new_tool(chat_pb2.Tool.FromString(data), path)


def _new_tool(wire: chat_pb2.Tool, path: str) -> Tool:
    kind = wire.WhichOneof("kind")
    if kind is None:
        raise RequestError("a tool must be a function or a custom tool", path=path)
    if kind == "custom":
        custom = wire.custom
        grammar = _text_grammar(custom.grammar, f"{path}/custom/grammar") if custom.HasField("grammar") else None
        tool = Tool(custom.name, custom.description, input_parameters(grammar), custom=True, grammar=grammar)
        return replace(tool, namespace=wire.namespace, defer_loading=wire.defer_loading)
    function = wire.function
    tool = Tool(
        function.name,
        function.description,
        strict=function.strict,
        namespace=wire.namespace,
        defer_loading=wire.defer_loading,
    )
    if not function.HasField("parameters"):
        return tool
    try:
        return replace(tool, parameters=load_schema(function.parameters))
    except SchemaError as error:
        raise error.below(f"{path}/function/parameters") from None


_KNOWN_TOOL_BYTES = 8192
"""Larger tools are not cached."""


def _tool_choice(wire: chat_pb2.ToolChoice) -> ToolChoice:
    match wire.WhichOneof("choice"):
        case "none":
            return ToolChoice(names=())
        case "required":
            return ToolChoice(required=True)
        case "named":
            return ToolChoice(required=True, names=(wire.named.name,), once=True, namespace=wire.named.namespace)
        case "allowed":
            if not wire.allowed.names:
                raise RequestError(
                    "the list of allowed tools is empty; use `none` to forbid calls", path="/tool_choice/allowed/names"
                )
            return ToolChoice(wire.allowed.required, tuple(wire.allowed.names))
    return ToolChoice()


def _response_format(wire: chat_pb2.ResponseFormat) -> JsonFormat | TextGrammar | None:
    match wire.WhichOneof("format"):
        case "json_object":
            return JsonFormat({"type": "object"}, pointer="/response_format")
        case "json_schema":
            form = JsonFormat({}, wire.json_schema.strict)
            try:
                return JsonFormat(load_schema(wire.json_schema.schema), wire.json_schema.strict)
            except SchemaError as error:
                raise error.below(form.pointer) from None
        case "grammar":
            return _text_grammar(wire.grammar, "/response_format/grammar")
    return None


def _text_grammar(wire: chat_pb2.TextGrammar, path: str) -> TextGrammar:
    syntax = _GRAMMAR_SYNTAXES.get(wire.syntax)
    if syntax is None:
        raise RequestError("the grammar's syntax is required", path=f"{path}/syntax")
    return TextGrammar(syntax, wire.definition, pointer=f"{path}/definition")


def _thinking(wire: prompt_compiler_pb2.ReasoningOptions) -> bool | None:
    """Return whether to reason: an effort implies it."""
    if wire.HasField("enabled") and wire.effort != "none":
        return wire.enabled
    return wire.effort not in NO_EFFORT if wire.HasField("effort") else None


def _dialect(accepted: Sequence[int]) -> Dialect:
    """Return the first of the notations accepted by the caller that is supported."""
    found = next((_DIALECTS[number] for number in accepted or (0,) if number in _DIALECTS), None)
    if found is None:
        raise UnsupportedError("none of these grammar dialects is supported", path="/dialects")
    return found


_RESERVED = ("messages", "tools", "functions", "add_generation_prompt", "bos_token", "eos_token")
"""Template variables that are set from other sources."""


def _kwargs(text: str) -> Mapping[str, Any]:
    try:
        value = loads(text) if text else {}
    except ValueError as error:
        raise RequestError(f"not valid JSON: {error}", path="/chat_template_kwargs") from None
    if not isinstance(value, dict):
        raise RequestError("must be a JSON object", path="/chat_template_kwargs")
    for name in value:
        if name in _RESERVED:
            raise RequestError(
                f"{name!r} cannot be set here; it is derived from the request", path=f"/chat_template_kwargs/{name}"
            )
    return value


def compiled_to_wire(compiled: Compiled) -> prompt_compiler_pb2.CompiledPrompt:
    """Return a compiled prompt as a message."""
    wire = prompt_compiler_pb2.CompiledPrompt(
        version=COMPILED_VERSION,
        segments=map(_segment, compiled.segments),
        stop=compiled.stop,
        syntax=_syntax(IdentityKey(compiled.syntax)),
        preserved_tokens=compiled.preserved_tokens,
        style=compiled.style,
        prefix_key=compiled.prefix_key,
    )
    lark = compiled.dialect == "llguidance"
    if compiled.grammar is not None:
        setattr(wire, "llguidance" if lark else "gbnf", compiled.grammar)
    if budget := compiled.budget:
        wire.reasoning_budget_tokens, wire.reasoning_closing = budget.tokens, budget.closing
        if budget.grammar is not None:
            setattr(wire, "llguidance_after_reasoning" if lark else "gbnf_after_reasoning", budget.grammar)
    return wire


@lru_cache(maxsize=MAX_PLANS)
def _syntax(syntax: IdentityKey[Syntax]) -> output_pb2.OutputSyntax:
    """Return a plan's syntax as a message: large if there are many tools, and the same for every request with them."""
    return syntax_to_wire(syntax.value)


def explanation_to_wire(explanation: Explanation) -> prompt_compiler_pb2.Explanation:
    """Return the origin of a prompt as a message."""
    return prompt_compiler_pb2.Explanation(
        parts=[prompt_compiler_pb2.Explanation.Part(text=part.text, path=part.path) for part in explanation.parts],
        rules=[prompt_compiler_pb2.Explanation.Rule(name=name, path=path) for name, path in explanation.rules.items()],
        tools_json=explanation.tools[SchemaStyle.JSON],
        tools_typescript=explanation.tools[SchemaStyle.TYPESCRIPT],
    )


def _segment(segment: Segment) -> prompt_compiler_pb2.PromptSegment:
    if picture := segment.picture:
        image = chat_pb2.Image(data=picture.data, mime_type=picture.mime_type)
        return prompt_compiler_pb2.PromptSegment(image=image)
    if segment.plain:
        return prompt_compiler_pb2.PromptSegment(plain_text=segment.text)
    return prompt_compiler_pb2.PromptSegment(text=segment.text)


def warning_to_wire(warning: CompileWarning) -> prompt_compiler_pb2.Warning:
    """Return a warning as a message."""
    return prompt_compiler_pb2.Warning(code=warning.code, path=warning.path, message=warning.message)


def profile_to_wire(found: Profile) -> prompt_compiler_pb2.TemplateProfile:
    """Return a profile as a message."""
    wire = prompt_compiler_pb2.TemplateProfile(
        system_role=found.system_role,
        tools_published=found.tools_published,
        arguments_as_object=found.arguments_as_object,
        tool_results=found.tool_results,
        generation_prompt=found.generation_prompt,
        turn_end=found.turn_end,
        style=found.style,
        notes=found.notes,
    )
    if found.calls:
        calls = found.calls
        wire.call_syntax.opening, wire.call_syntax.middle = calls.opening, calls.middle
        wire.call_syntax.closing, wire.call_syntax.between = calls.closing, calls.between
        wire.call_syntax.markers.extend(calls.markers)
        wire.call_example = calls.example()
    if found.reasoning:
        wire.reasoning_syntax.opening, wire.reasoning_syntax.closing = found.reasoning.opening, found.reasoning.closing
    return wire
