"""Routes of llama.cpp's server that OpenAI's API lacks: `/tokenize`, `/detokenize`, `/apply-template`."""

from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from google.protobuf.json_format import MessageToDict

from promptweave.facade.bodies.body import Body
from promptweave.facade.bodies.text_or_tokens import Token
from promptweave.facade.endpoint import ParsedRequest, route
from promptweave.facade.native.compiler import inline_template
from promptweave.facade.openai.chat.body import ChatBody
from promptweave.facade.openai.chat.pipeline import placed_warnings, warning_headers
from promptweave.facade.openai.chat.to_grpc import body_path, to_compile_request
from promptweave.facade.options import FacadeOptions
from promptweave.v1 import inference_pb2, prompt_compiler_pb2

_PICTURE = "\ufffc"
"""The Unicode Standard's character for an object that is not text."""


class TokenizeBody(Body):
    """A text, with llama.cpp's fields and defaults. `model` is required if there are several."""

    content: str
    model: str | None = None
    add_special: bool = False
    parse_special: bool = True
    with_pieces: bool = False


class DetokenizeBody(Body):
    """Token ids."""

    tokens: list[Token]
    model: str | None = None


class ApplyTemplateBody(ChatBody):
    """A chat request; it may contain its own template, as for `promptweave compile`."""

    template: str | None = None
    bos_token: str | None = None
    eos_token: str | None = None


def add_llama_cpp_routes(app: FastAPI, options: FacadeOptions) -> None:
    """Add the routes."""
    app.add_api_route("/tokenize", route(TokenizeBody, _tokenize, options), methods=["POST"])
    app.add_api_route("/detokenize", route(DetokenizeBody, _detokenize, options), methods=["POST"])
    app.add_api_route("/apply-template", route(ApplyTemplateBody, _apply_template, options, body_path), methods=["POST"])


async def _tokenize(asked: ParsedRequest[TokenizeBody]) -> dict[str, Any]:
    body = asked.body
    request = inference_pb2.TokenizeRequest(
        text=body.content,
        add_special=body.add_special,
        parse_special=body.parse_special,
        with_pieces=body.with_pieces,
    )
    found = await (await asked.model(body.model)).services.tokens_of(request)
    if not body.with_pieces:
        return {"tokens": [*found.tokens]}
    pieces = zip(found.tokens, found.pieces, strict=True)
    return {"tokens": [{"id": token, "piece": _piece(piece)} for token, piece in pieces]}


def _piece(piece: bytes) -> str | list[int]:
    """Return text, or a list of bytes if it is not UTF-8, as llama.cpp does."""
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return [*piece]


async def _detokenize(asked: ParsedRequest[DetokenizeBody]) -> dict[str, Any]:
    model = await asked.model(asked.body.model)
    return {"content": await model.services.detokenize(asked.body.tokens)}


async def _apply_template(asked: ParsedRequest[ApplyTemplateBody]) -> JSONResponse:
    """Return the complete compiled prompt, with the field names of `promptweave compile`."""
    body = asked.body
    request = to_compile_request(body)
    request.explain = body.explain
    if body.template is not None:
        template = inline_template(body.template, body.bos_token, body.eos_token)
        compiled = await asked.any_services.compile_with(request, template)
    else:
        model = await asked.model(body.model)
        compiled = await model.services.compile(request, model.info)
    raw = body.model_dump(by_alias=True, exclude_unset=True)
    warnings = [*placed_warnings(compiled.warnings, lambda path: body_path(path, raw))]
    del compiled.warnings[:]
    compiled.warnings.extend(warnings)
    return JSONResponse(compiled_object(compiled), headers=warning_headers(compiled.warnings))


def compiled_object(compiled: prompt_compiler_pb2.CompileResponse) -> dict[str, Any]:
    """Convert a compiled prompt to JSON.

    `prompt` is its complete text, with U+FFFC for an image; only `segments` shows where special tokens are plain text, and
    which image it is.
    """
    prompt = compiled.prompt
    return {
        "prompt": "".join(_PICTURE if item.HasField("image") else item.text + item.plain_text for item in prompt.segments),
        "segments": [*map(_segment_object, prompt.segments)],
        "grammar": prompt.gbnf if prompt.HasField("gbnf") else None,
        "stop": [*prompt.stop],
        "syntax": MessageToDict(prompt.syntax),
        "style": prompt.style,
        "warnings": [{"code": item.code, "path": item.path, "message": item.message} for item in compiled.warnings],
        "preserved_tokens": [*prompt.preserved_tokens],
        "prefix_key": prompt.prefix_key,
        "template_hash": compiled.template_hash,
        **({"explanation": _explanation_object(compiled.explanation)} if compiled.HasField("explanation") else {}),
    }


def _segment_object(segment: prompt_compiler_pb2.PromptSegment) -> dict[str, Any]:
    if segment.HasField("image"):
        return {"image": {"mime_type": segment.image.mime_type, "bytes": len(segment.image.data)}}
    return {"text": segment.text or segment.plain_text, "trusted": segment.WhichOneof("segment") == "text"}


def _explanation_object(explanation: prompt_compiler_pb2.Explanation) -> dict[str, Any]:
    return {
        "parts": [{"text": part.text, "path": part.path} for part in explanation.parts],
        "rules": {rule.name: rule.path for rule in explanation.rules},
        "tools": {"json": explanation.tools_json, "typescript": explanation.tools_typescript},
    }
