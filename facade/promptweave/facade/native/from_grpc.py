"""The services' responses → the objects of llama.cpp's own routes and of the prompt compiler's."""

from collections.abc import Iterable

from google.protobuf.json_format import MessageToDict

from promptweave.facade.finish_reasons import FINISH_REASONS
from promptweave.facade.native.objects import (
    CompiledPrompt,
    ImageSegment,
    ParsedCustomCall,
    ParsedFunctionCall,
    ParsedOutput,
    PromptExplanation,
    ServerProperties,
    TemplateDescription,
    TextSegment,
    TokenPiece,
)
from promptweave.facade.openai.chat.response.from_grpc import warning_objects
from promptweave.facade.openai.chat.response.objects import CalledCustomTool, CalledFunction
from promptweave.v1 import inference_pb2, output_pb2, prompt_compiler_pb2

_PICTURE = "\ufffc"
"""The Unicode Standard's character for an object that is not text."""


def token_pieces(tokens: Iterable[int], pieces: Iterable[bytes]) -> list[TokenPiece]:
    """Return tokens with their texts or, for one that is not UTF-8, with its bytes, as llama.cpp does."""
    return [{"id": token, "piece": _piece(piece)} for token, piece in zip(tokens, pieces, strict=True)]


def _piece(piece: bytes) -> str | list[int]:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return [*piece]


def server_properties(model: inference_pb2.ModelInfo) -> ServerProperties:
    """Return the properties of a model, in llama.cpp's form."""
    return {
        "default_generation_settings": {"n_ctx": model.context_size},
        "total_slots": model.slots,
        "model_alias": model.id,
        "model_path": model.id,
        "modalities": {"vision": model.images, "audio": False},
        "chat_template": model.template.source,
        "bos_token": model.template.bos_token,
        "eos_token": model.template.eos_token,
        "build_info": model.engine,
    }


def template_description(
    described: prompt_compiler_pb2.DescribeTemplateResponse, template: prompt_compiler_pb2.Template
) -> TemplateDescription:
    """Return the profile, with the contract's field names, and the template itself."""
    profile = MessageToDict(described.profile, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    return {
        "profile": profile,
        "template": template.source,
        "bos_token": template.bos_token,
        "eos_token": template.eos_token,
        "special_tokens": [*template.special_tokens],
        "template_hash": described.template_hash,
    }


def compiled_object(compiled: prompt_compiler_pb2.CompileResponse) -> CompiledPrompt:
    """Convert a compiled prompt to JSON.

    `prompt` is its complete text, with U+FFFC for an image; only `segments` shows where special tokens are plain text, and
    which image it is.
    """
    prompt = compiled.prompt
    made: CompiledPrompt = {
        "prompt": "".join(_PICTURE if item.HasField("image") else item.text + item.plain_text for item in prompt.segments),
        "segments": [*map(_segment_object, prompt.segments)],
        "grammar": prompt.gbnf if prompt.HasField("gbnf") else None,
        "stop": [*prompt.stop],
        "syntax": MessageToDict(prompt.syntax),
        "style": prompt.style,
        "warnings": warning_objects(compiled.warnings),
        "preserved_tokens": [*prompt.preserved_tokens],
        "prefix_key": prompt.prefix_key,
        "template_hash": compiled.template_hash,
    }
    if compiled.HasField("explanation"):
        made["explanation"] = _explanation_object(compiled.explanation)
    return made


def _segment_object(segment: prompt_compiler_pb2.PromptSegment) -> TextSegment | ImageSegment:
    if segment.HasField("image"):
        return {"image": {"mime_type": segment.image.mime_type, "bytes": len(segment.image.data)}}
    return {"text": segment.text or segment.plain_text, "trusted": segment.WhichOneof("segment") == "text"}


def _explanation_object(explanation: prompt_compiler_pb2.Explanation) -> PromptExplanation:
    return {
        "parts": [{"text": part.text, "path": part.path} for part in explanation.parts],
        "rules": {rule.name: rule.path for rule in explanation.rules},
        "tools": {"json": explanation.tools_json, "typescript": explanation.tools_typescript},
    }


def parsed_object(message: output_pb2.ParsedMessage) -> ParsedOutput:
    """Convert a parsed message to JSON."""
    return {
        "message": {
            "role": "assistant",
            "content": message.content if message.HasField("content") else None,
            "reasoning_content": message.reasoning_content if message.HasField("reasoning_content") else None,
            "tool_calls": [_call(item) for item in message.tool_calls],
        },
        "finish_reason": FINISH_REASONS[message.finish_reason],
        "complete": message.complete,
        "violations": [
            {"name": item.name, "text": item.text, "path": item.path, "message": item.message} for item in message.violations
        ],
        "warnings": [{"offset": item.offset, "message": item.message} for item in message.warnings],
    }


def _call(item: output_pb2.ParsedMessage.Call) -> ParsedFunctionCall | ParsedCustomCall:
    call, complete = item.call, item.complete
    if call.HasField("custom"):
        custom: CalledCustomTool = {"name": call.custom.name, "input": call.custom.input}
        return {"id": call.id, "type": "custom", "custom": custom, "complete": complete}
    function: CalledFunction = {"name": call.function.name, "arguments": call.function.arguments}
    return {"id": call.id, "type": "function", "function": function, "complete": complete}
