"""The compiler's own routes: `/describe-template` and `/parse`. `/apply-template` is in `llama_cpp.py`."""

from typing import Any

from fastapi import FastAPI
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from promptweave.facade.bodies.body import Body
from promptweave.facade.endpoint import ParsedRequest, route
from promptweave.facade.errors import RequestError
from promptweave.facade.options import FacadeOptions
from promptweave.v1 import chat_pb2, output_pb2, prompt_compiler_pb2

_FINISH_REASONS = {
    output_pb2.FINISH_REASON_STOP: "stop",
    output_pb2.FINISH_REASON_LENGTH: "length",
    output_pb2.FINISH_REASON_TOOL_CALLS: "tool_calls",
}


class TemplateBody(Body):
    """A chat template, with the field names of `promptweave compile`; without `template` it is the model's own."""

    model: str | None = None
    template: str | None = None
    bos_token: str = ""
    eos_token: str = ""


class ParseBody(Body):
    """A model's output, and the `syntax` of the prompt that it answers. `finished`: it was not truncated."""

    syntax: dict[str, Any]
    text: str
    finished: bool = True


def add_compiler_routes(app: FastAPI, options: FacadeOptions) -> None:
    """Add the routes."""
    app.add_api_route("/describe-template", route(TemplateBody, _describe, options), methods=["POST"])
    app.add_api_route("/parse", route(ParseBody, _parse, options), methods=["POST"])


def inline_template(source: str, bos_token: str | None, eos_token: str | None) -> prompt_compiler_pb2.Template:
    """Build the template that a request contains."""
    return prompt_compiler_pb2.Template(source=source, bos_token=bos_token or "", eos_token=eos_token or "")


async def _describe(asked: ParsedRequest[TemplateBody]) -> dict[str, Any]:
    """Return the profile, with the contract's field names, and the template itself."""
    body = asked.body
    if body.template is None:
        model = await asked.model(body.model)
        services, template = model.services, model.info.template
    else:
        services, template = asked.any_services, inline_template(body.template, body.bos_token, body.eos_token)
    described = await services.describe(template)
    profile = MessageToDict(described.profile, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    return {
        "profile": profile,
        "template": template.source,
        "bos_token": template.bos_token,
        "eos_token": template.eos_token,
        "special_tokens": [*template.special_tokens],
        "template_hash": described.template_hash,
    }


async def _parse(asked: ParsedRequest[ParseBody]) -> dict[str, Any]:
    """Return the message, in the format of `promptweave parse`."""
    try:
        syntax = ParseDict(asked.body.syntax, output_pb2.OutputSyntax())
    except ParseError as error:
        raise RequestError(f"not the syntax of a compiled prompt: {error}", path="/syntax") from None
    request = prompt_compiler_pb2.ParseRequest(syntax=syntax, text=asked.body.text, finished=asked.body.finished)
    return parsed_object(await asked.any_services.parse(request))


def parsed_object(message: output_pb2.ParsedMessage) -> dict[str, Any]:
    """Convert a parsed message to JSON."""
    return {
        "message": {
            "role": "assistant",
            "content": message.content if message.HasField("content") else None,
            "reasoning_content": message.reasoning_content if message.HasField("reasoning_content") else None,
            "tool_calls": [{**_call(item.call), "complete": item.complete} for item in message.tool_calls],
        },
        "finish_reason": _FINISH_REASONS[message.finish_reason],
        "complete": message.complete,
        "violations": [
            {"name": item.name, "text": item.text, "path": item.path, "message": item.message} for item in message.violations
        ],
        "warnings": [{"offset": item.offset, "message": item.message} for item in message.warnings],
    }


def _call(call: chat_pb2.ToolCall) -> dict[str, Any]:
    if call.HasField("custom"):
        return {"id": call.id, "type": "custom", "custom": {"name": call.custom.name, "input": call.custom.input}}
    function = {"name": call.function.name, "arguments": call.function.arguments}
    return {"id": call.id, "type": "function", "function": function}
