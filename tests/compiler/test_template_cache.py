"""Templates are kept by their hash, within a number of bytes, and only those that compile."""

import grpc.aio
import pytest

from promptweave.compiler.errors import TemplateUnknownError
from promptweave.compiler.service.template_cache import MAX_TEMPLATE_BYTES, TemplateCache
from promptweave.rpc.client_errors import from_rpc_error
from promptweave.v1 import prompt_compiler_pb2
from promptweave.v1.prompt_compiler_pb2_grpc import PromptCompilerServiceStub
from tests.support.compiler.wire_requests import request


def ref(source: str) -> prompt_compiler_pb2.TemplateRef:
    return prompt_compiler_pb2.TemplateRef(inline=prompt_compiler_pb2.Template(source=source))


def by_hash(content_hash: str) -> prompt_compiler_pb2.TemplateRef:
    return prompt_compiler_pb2.TemplateRef(content_hash=content_hash)


def test_the_template_used_longest_ago_is_evicted_by_bytes() -> None:
    templates, hashes = TemplateCache(max_bytes=5 * 10_000), list[str]()
    for number in range(6):
        given = ref(f"{number}" * 8_900)
        template = templates.resolve(given)
        templates.put(given.content_hash, template)
        hashes.append(given.content_hash)
        templates.resolve(by_hash(hashes[0]))
    assert templates.resolve(by_hash(hashes[0])).source == "0" * 8_900
    assert templates.resolve(by_hash(hashes[5])).source == "5" * 8_900
    with pytest.raises(TemplateUnknownError):
        templates.resolve(by_hash(hashes[1]))


@pytest.mark.anyio
async def test_a_template_that_is_refused_is_not_kept(compiler: PromptCompilerServiceStub) -> None:
    cache = TemplateCache()
    broken = ref("{% if %}")
    cache.resolve(broken)
    for template in (ref("{% if %}"), by_hash(broken.content_hash)):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await compiler.Compile(request(template=template), timeout=60)
    assert from_rpc_error(raised.value).reason == "ERROR_REASON_TEMPLATE_UNKNOWN"


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["Compile", "DescribeTemplate"])
async def test_a_template_has_a_largest_size(compiler: PromptCompilerServiceStub, method: str) -> None:
    large = ref("x" * MAX_TEMPLATE_BYTES)
    asked = request(template=large) if method == "Compile" else prompt_compiler_pb2.DescribeTemplateRequest(template=large)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await getattr(compiler, method)(asked, timeout=60)
    error = from_rpc_error(raised.value)
    assert (raised.value.code(), error.path) == (grpc.StatusCode.INVALID_ARGUMENT, "/template")
    assert error.message == "the template has 1,048,580 bytes; use one of at most 1,048,576"
