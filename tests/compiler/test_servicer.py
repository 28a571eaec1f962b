"""The compiler over gRPC: a real server and a real client."""

import asyncio
from collections.abc import Iterator

import grpc.aio
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from promptweave.rpc.client_errors import from_rpc_error
from promptweave.v1 import chat_pb2, output_pb2, prompt_compiler_pb2
from promptweave.v1.prompt_compiler_pb2_grpc import PromptCompilerServiceStub
from tests.support.compiler.templates import template
from tests.support.compiler.wire_requests import inline, request

pytestmark = pytest.mark.anyio


async def test_compiles_by_text_and_then_by_hash(compiler: PromptCompilerServiceStub) -> None:
    first = await compiler.Compile(request(), timeout=60)
    by_hash = prompt_compiler_pb2.TemplateRef(content_hash=first.template_hash)
    second = await compiler.Compile(request(template=by_hash), timeout=60)
    assert first.prompt == second.prompt
    assert first.prompt.segments[0].text.endswith("<|turn|>assistant\n")
    assert first.prompt.gbnf.startswith("root ::= ")
    assert first.prompt.style == "native"


async def test_a_clock_makes_prompts_reproducible(compiler: PromptCompilerServiceStub) -> None:
    source = "{{ strftime_now('%Y-%m-%d') }} {{ messages[0].content }}"
    ref = prompt_compiler_pb2.TemplateRef(inline=prompt_compiler_pb2.Template(source=source))
    compiled = await compiler.Compile(request(template=ref, tools=[], now=Timestamp(seconds=86400)), timeout=60)
    assert compiled.prompt.segments[0].text == "1970-01-02 weather?"
    assert not compiled.prompt.HasField("gbnf")


@pytest.mark.parametrize(
    ("fields", "code", "reason", "path"),
    [
        pytest.param(
            {"template": prompt_compiler_pb2.TemplateRef(content_hash="00")},
            grpc.StatusCode.FAILED_PRECONDITION,
            "ERROR_REASON_TEMPLATE_UNKNOWN",
            None,
            id="unknown-hash",
        ),
        pytest.param(
            {"template": None}, grpc.StatusCode.INVALID_ARGUMENT, "ERROR_REASON_REQUEST_INVALID", "/template", id="none"
        ),
        pytest.param(
            {"messages": []}, grpc.StatusCode.INVALID_ARGUMENT, "ERROR_REASON_REQUEST_INVALID", "/messages", id="empty"
        ),
        pytest.param(
            {
                "tools": [
                    chat_pb2.Tool(
                        function=chat_pb2.FunctionTool(
                            name="f", parameters='{"properties": {"a": {"uniqueItems": true}}}', strict=True
                        )
                    )
                ]
            },
            grpc.StatusCode.INVALID_ARGUMENT,
            "ERROR_REASON_SCHEMA_UNSUPPORTED",
            "/tools/0/function/parameters/properties/a/uniqueItems",
            id="schema",
        ),
        pytest.param(
            {
                "response_format": chat_pb2.ResponseFormat(
                    grammar=chat_pb2.TextGrammar(syntax=chat_pb2.TextGrammar.SYNTAX_GBNF, definition="root ::= <think>")
                )
            },
            grpc.StatusCode.UNIMPLEMENTED,
            "ERROR_REASON_UNSUPPORTED",
            "/response_format/grammar/definition",
            id="grammar-of-tokens",
        ),
        pytest.param(
            {"dialects": [99]},
            grpc.StatusCode.UNIMPLEMENTED,
            "ERROR_REASON_UNSUPPORTED",
            "/dialects",
            id="dialect",
        ),
        pytest.param(
            {"template": prompt_compiler_pb2.TemplateRef(inline=prompt_compiler_pb2.Template(source="{% if %}"))},
            grpc.StatusCode.INVALID_ARGUMENT,
            "ERROR_REASON_TEMPLATE_FAILED",
            None,
            id="template",
        ),
    ],
)
async def test_errors(
    compiler: PromptCompilerServiceStub, fields: dict[str, object], code: grpc.StatusCode, reason: str, path: str | None
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await compiler.Compile(request(**fields), timeout=60)
    error = from_rpc_error(raised.value)
    assert (raised.value.code(), error.reason, error.path) == (code, reason, path)


async def test_parses_whole_and_cut_outputs(compiler: PromptCompilerServiceStub) -> None:
    compiled = await compiler.Compile(request(), timeout=60)
    text = 'ok\n<call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n</call>'
    parse = prompt_compiler_pb2.ParseRequest(syntax=compiled.prompt.syntax, text=text)
    message = (await compiler.Parse(parse, timeout=60)).message
    assert (message.content, message.tool_calls[0].call.function.arguments) == ("ok", '{"city": "Rome"}')
    assert (message.finish_reason, message.complete) == (output_pb2.FINISH_REASON_TOOL_CALLS, True)
    parse.text, parse.finished = text[:60], False
    message = (await compiler.Parse(parse, timeout=60)).message
    assert (message.finish_reason, message.complete) == (output_pb2.FINISH_REASON_LENGTH, False)
    assert not message.tool_calls[0].complete


async def test_the_first_notation_that_is_known_is_written(compiler: PromptCompilerServiceStub) -> None:
    lark, gbnf = prompt_compiler_pb2.GRAMMAR_DIALECT_LLGUIDANCE, prompt_compiler_pb2.GRAMMAR_DIALECT_GBNF
    for accepted, written in (([lark, gbnf], "llguidance"), ([gbnf, lark], "gbnf"), ([99, lark], "llguidance")):
        compiled = await compiler.Compile(request(dialects=accepted), timeout=60)
        assert compiled.prompt.WhichOneof("grammar") == written


async def test_reading_outputs_holds_up_nobody(compiler: PromptCompilerServiceStub) -> None:
    body = output_pb2.OutputNode(json=output_pb2.JsonNode())
    region = output_pb2.RegionNode(kind=output_pb2.REGION_KIND_CONTENT, body=body, schema='{"pattern": "^(a+)+$"}')
    syntax = output_pb2.OutputSyntax(version=1, root=output_pb2.OutputNode(region=region))
    parse = prompt_compiler_pb2.ParseRequest(syntax=syntax, text=f'"{"a" * 50}!"')
    reading = asyncio.ensure_future(compiler.Parse(parse, timeout=60))
    await asyncio.sleep(0.3)
    schema = prompt_compiler_pb2.CompileSchemaRequest(schema="{}")
    assert (await compiler.CompileSchema(schema, timeout=60)).grammar
    (violation,) = (await reading).message.violations
    assert violation.message == "the value cannot be validated within 1 s"


async def test_parses_a_stream_cut_inside_characters(compiler: PromptCompilerServiceStub) -> None:
    compiled = await compiler.Compile(request(), timeout=60)
    text = 'né\n<call>\n{"name": "get_weather", "arguments": {"city": "Zürich 😀"}}\n</call>'.encode()

    def steps() -> Iterator[prompt_compiler_pb2.ParseStreamRequest]:
        yield prompt_compiler_pb2.ParseStreamRequest(syntax=compiled.prompt.syntax)
        for place in range(len(text)):
            yield prompt_compiler_pb2.ParseStreamRequest(text=text[place : place + 1])
        yield prompt_compiler_pb2.ParseStreamRequest(finished=True)

    deltas: list[output_pb2.OutputDelta] = []
    last = None
    async for last in compiler.ParseStream(steps(), timeout=60):
        deltas.extend(last.deltas)
    assert last
    assert last.message.tool_calls[0].call.function.arguments == '{"city": "Zürich 😀"}'
    assert "".join(delta.tool_call_fragment.text for delta in deltas) == '{"city": "Zürich 😀"}'
    assert "".join(delta.content for delta in deltas) == "né"


async def test_a_stream_that_begins_wrong_is_refused(compiler: PromptCompilerServiceStub) -> None:
    call = compiler.ParseStream(iter([prompt_compiler_pb2.ParseStreamRequest(text=b"x")]), timeout=60)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call.read()
    assert from_rpc_error(raised.value).path == "/syntax"


async def test_compiles_schemas(compiler: PromptCompilerServiceStub) -> None:
    schema = prompt_compiler_pb2.CompileSchemaRequest(schema='{"type": "array", "uniqueItems": true}', strict=False)
    compiled = await compiler.CompileSchema(schema, timeout=60)
    assert [warning.path for warning in compiled.warnings] == ["/uniqueItems"]
    schema.strict = True
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await compiler.CompileSchema(schema, timeout=60)
    assert from_rpc_error(raised.value).metadata == {"keyword": "uniqueItems"}


async def test_compiles_schemas_with_other_separators(compiler: PromptCompilerServiceStub) -> None:
    schema = prompt_compiler_pb2.CompileSchemaRequest(schema='{"type": "array", "items": {"type": "null"}}')
    spaced = await compiler.CompileSchema(schema, timeout=60)
    schema.compact = True
    compact = await compiler.CompileSchema(schema, timeout=60)
    assert spaced.grammar.replace(", ", ",") == compact.grammar != spaced.grammar


async def test_describes_templates(compiler: PromptCompilerServiceStub) -> None:
    described = await compiler.DescribeTemplate(prompt_compiler_pb2.DescribeTemplateRequest(template=inline()), timeout=60)
    assert described.profile.call_syntax.opening == '<call>\n{"name": "'
    assert described.profile.reasoning_syntax.opening == "<think>\n"
    assert described.template_hash == template("tagged").content_hash
