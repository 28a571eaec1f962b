"""`promptweave compile`: compiles a chat request into a prompt and a grammar."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from google.protobuf.json_format import MessageToDict

from promptweave.cli.jsonl import answer_lines, give_up, print_json, read_document, refuse
from promptweave.cli.options.template import TO_TRY, read_template, template_options
from promptweave.cli.terminal import show_compiled
from promptweave.compiler.compile import Compiled, compile_prompt
from promptweave.compiler.errors import RequestError
from promptweave.compiler.messages.special_token_marks import Segment
from promptweave.compiler.request import ChatRequest, SchemaStyle
from promptweave.compiler.service.convert import chat_request_from_wire
from promptweave.compiler.styles.registry import STYLES
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.errors import PromptweaveError
from promptweave.facade.bodies.error_paths import error_paths
from promptweave.facade.openai.chat.request.to_grpc import compile_request_from_openai
from promptweave.output.wire import syntax_to_wire

_TEMPLATE_KEYS = {"template": "source", "bos_token": "bos_token", "eos_token": "eos_token"}
"""Keys of a request that set its template → fields of ChatTemplate."""


@click.command("compile")
@template_options
@click.option("--style", type=click.Choice(tuple(STYLES)), help="Tool call style.  [default: the template's, or generic]")
@click.option(
    "--schema-style",
    type=click.Choice([style.value for style in SchemaStyle]),
    help="Notation of tool schemas if the template does not render tools.",
)
@click.option(
    "--explain", is_flag=True, help="Print where each part of the prompt and each grammar rule comes from, for humans."
)
@click.option("--jsonl", is_flag=True, help='Read one chat request per line; print {"result"} or {"error"} for each.')
def command(
    model: Path | None,
    template: Path | None,
    bos: str,
    eos: str,
    style: str | None,
    schema_style: str | None,
    explain: bool,
    jsonl: bool,
) -> None:
    """Compile the OpenAI chat request on stdin for a model's chat template.

    Prints one JSON object: the prompt, the grammar that constrains the engine (null: unconstrained), the stop strings, and
    the syntax that `promptweave parse` needs to read the output. Invalid and unsupported requests exit with code 2 and one
    line that names the path in the request.

    A request can include its own template: "template", "bos_token" and "eos_token" beside "messages".

    \b
    Examples:
      echo '{"messages": [{"role": "user", "content": "Hello"}]}' | promptweave compile --model model.gguf
      promptweave compile --template chat.jinja --eos '<|im_end|>' < request.json > compiled.json
      promptweave compile --model model.gguf --explain < request.json
    """
    given = read_template(model, template, bos, eos)
    shown_as = SchemaStyle(schema_style) if schema_style else None
    if jsonl and explain:
        give_up("invalid: --explain and --jsonl cannot be combined")
    if jsonl:
        answer_lines(lambda body: _printed(*_compile(body, given, style, shown_as)[1:]))
        return
    try:
        asked, compiled, used = _compile(read_document("chat request"), given, style, shown_as)
        if explain:
            show_compiled(asked, compiled, used)
        else:
            print_json(_printed(compiled, used))
    except PromptweaveError as error:
        refuse(error)


def _compile(
    body: Any, given: ChatTemplate | None, style: str | None, shown_as: SchemaStyle | None
) -> tuple[ChatRequest, Compiled, ChatTemplate]:
    if not isinstance(body, dict):
        raise RequestError("a chat request must be a JSON object", path="")
    template = _template(body, given)
    try:
        wire, places = compile_request_from_openai({key: value for key, value in body.items() if key not in _TEMPLATE_KEYS})
    except UnicodeEncodeError:
        raise RequestError(
            "the request contains a lone surrogate (\\ud800 to \\udfff), which is not valid text", path=""
        ) from None
    with error_paths(places.original):
        request = chat_request_from_wire(wire)
        # The request's own settings override the options.
        request = replace(request, style=request.style or style or "", schema_style=request.schema_style or shown_as)
        return request, compile_prompt(request, template), template


def _template(body: dict[str, Any], given: ChatTemplate | None) -> ChatTemplate:
    own = {key: body[key] for key in _TEMPLATE_KEYS if body.get(key) is not None}
    for key, value in own.items():
        if not isinstance(value, str):
            raise RequestError("must be a string", path=f"/{key}")
    fields = {_TEMPLATE_KEYS[key]: value for key, value in own.items()}
    if "source" in fields:
        return ChatTemplate(**fields)
    if given is None:
        raise RequestError(
            f'no chat template; pass --model, --template, or "template" in the request ({TO_TRY})', path="/template"
        )
    return replace(given, **fields)


def _printed(compiled: Compiled, template: ChatTemplate) -> dict[str, Any]:
    return {
        "prompt": compiled.prompt,
        "segments": [_segment(segment) for segment in compiled.segments],
        "grammar": compiled.grammar,
        "stop": list(compiled.stop),
        "syntax": MessageToDict(syntax_to_wire(compiled.syntax)),
        "style": compiled.style,
        "warnings": [
            {"code": warning.code, "path": warning.path, "message": warning.message} for warning in compiled.warnings
        ],
        "preserved_tokens": list(compiled.preserved_tokens),
        "prefix_key": compiled.prefix_key,
        "template_hash": template.content_hash,
    }


def _segment(segment: Segment) -> dict[str, Any]:
    if segment.picture:
        return {"image": {"mime_type": segment.picture.mime_type, "bytes": len(segment.picture.data)}}
    return {"text": segment.text, "trusted": not segment.plain}
