"""Routes that are not OpenAI's: llama.cpp's `/tokenize`, `/detokenize`, `/apply-template`; the compiler's own."""

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import JSONResponse
from google.protobuf.json_format import ParseDict, ParseError

from promptweave.facade.backend.lookup import model_of, models_of
from promptweave.facade.bodies.error_paths import error_paths
from promptweave.facade.errors import RequestError
from promptweave.facade.http.request import options_of
from promptweave.facade.http.router import WARNED, ApiRouter
from promptweave.facade.native.body import ApplyTemplateBody, DetokenizeBody, ParseBody, TemplateBody, TokenizeBody
from promptweave.facade.native.from_grpc import (
    compiled_object,
    parsed_object,
    server_properties,
    template_description,
    token_pieces,
)
from promptweave.facade.native.objects import (
    CompiledPrompt,
    DetokenizedText,
    ParsedOutput,
    ServerProperties,
    TemplateDescription,
    TokenList,
)
from promptweave.facade.openai.chat.pipeline import repair_warnings, warning_headers
from promptweave.facade.openai.chat.request.pictures import UNUSABLE_IMAGES, with_readable_images
from promptweave.facade.openai.chat.request.to_grpc import to_compile_request
from promptweave.facade.openai.chat.request.translate import translate_chat
from promptweave.facade.openai.chat.request.translated import located_warnings
from promptweave.facade.tool_search.searchable import SearchableRequest
from promptweave.v1 import inference_pb2, output_pb2, prompt_compiler_pb2

router = ApiRouter()


@router.post("/tokenize", response_model=TokenList, summary="Tokenize a text (llama.cpp)")
async def tokenize(request: Request, body: TokenizeBody) -> JSONResponse:
    """Return the tokens of a text."""
    model = await model_of(request, body.model)
    found = await model.services.tokens_of(
        inference_pb2.TokenizeRequest(
            text=body.content,
            add_special=body.add_special,
            parse_special=body.parse_special,
            with_pieces=body.with_pieces,
        )
    )
    tokens: TokenList = {"tokens": token_pieces(found.tokens, found.pieces) if body.with_pieces else [*found.tokens]}
    return JSONResponse(tokens)


@router.post("/detokenize", response_model=DetokenizedText, summary="Convert token ids to text (llama.cpp)")
async def detokenize(request: Request, body: DetokenizeBody) -> JSONResponse:
    """Return the text of some tokens."""
    model = await model_of(request, body.model)
    text: DetokenizedText = {"content": await model.services.detokenize(body.tokens)}
    return JSONResponse(text)


@router.get("/props", response_model=ServerProperties, summary="Get the properties of the loaded model (llama.cpp)")
async def get_properties(
    request: Request, model: Annotated[str | None, Query(description="The model, if there are several")] = None
) -> JSONResponse:
    """Return the context size, the number of slots and the chat template of a model."""
    return JSONResponse(server_properties((await model_of(request, model)).info))


@router.post(
    "/apply-template",
    response_model=CompiledPrompt,
    responses=WARNED,
    summary="Compile a prompt (llama.cpp, extended)",
)
async def apply_template(request: Request, body: ApplyTemplateBody) -> JSONResponse:
    """Return the complete compiled prompt, with the field names of `promptweave compile`."""
    images = options_of(request).unusable_images
    asked = with_readable_images(translate_chat(body), images)
    compile_request, places = to_compile_request(asked)
    compile_request.explain, compile_request.unusable_images = body.explain, UNUSABLE_IMAGES[images]
    search = SearchableRequest(compile_request)

    def original(path: str) -> str:
        return places.original(search.original(path))

    with error_paths(original):
        if body.template is not None:
            template = _inline_template(body.template, body.bos_token, body.eos_token)
            compiled = await models_of(request).any_services().compile_with(search.request, template)
        else:
            model = await model_of(request, body.model)
            compiled = await model.services.compile(search.request, model.info)
    warnings = [*repair_warnings(request), *asked.warnings, *located_warnings(compiled.warnings, original)]
    del compiled.warnings[:]
    compiled.warnings.extend(warnings)
    return JSONResponse(compiled_object(compiled), headers=warning_headers(compiled.warnings))


@router.post(
    "/describe-template",
    response_model=TemplateDescription,
    summary="Describe a chat template (default: the loaded model's)",
)
async def describe_template(request: Request, body: TemplateBody) -> JSONResponse:
    """Return what the compiler finds out about a chat template, and the template itself."""
    if body.template is None:
        model = await model_of(request, body.model)
        services, template = model.services, model.info.template
    else:
        services = models_of(request).any_services()
        template = _inline_template(body.template, body.bos_token, body.eos_token)
    return JSONResponse(template_description(await services.describe(template), template))


@router.post("/parse", response_model=ParsedOutput, summary="Parse a model's output with the syntax of a compiled prompt")
async def parse(request: Request, body: ParseBody) -> JSONResponse:
    """Return the message in an output, in the format of `promptweave parse`."""
    try:
        syntax = ParseDict(body.syntax, output_pb2.OutputSyntax())
    except ParseError as error:
        raise RequestError(f"not the syntax of a compiled prompt: {error}", path="/syntax") from None
    parse_request = prompt_compiler_pb2.ParseRequest(syntax=syntax, text=body.text, finished=body.finished)
    return JSONResponse(parsed_object(await models_of(request).any_services().parse(parse_request)))


def _inline_template(source: str, bos_token: str | None, eos_token: str | None) -> prompt_compiler_pb2.Template:
    """Build the template that a request contains."""
    return prompt_compiler_pb2.Template(source=source, bos_token=bos_token or "", eos_token=eos_token or "")
