"""What Generate refuses, and where it says the fault is."""

from typing import Any

import pytest

from promptweave.errors import Code
from promptweave.v1 import chat_pb2, inference_pb2, output_pb2, prompt_compiler_pb2
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.requests import answer, plain, program, refused, request, sampling, text

pytestmark = pytest.mark.anyio

INVALID = (Code.INVALID_ARGUMENT, "ERROR_REASON_REQUEST_INVALID")
UNSERVED = (Code.UNIMPLEMENTED, "ERROR_REASON_UNSUPPORTED")


def altered(**fields: Any) -> inference_pb2.GenerateRequest:
    """A request whose compiled prompt has these fields instead of its own."""
    asked = request()
    for name, value in fields.items():
        asked.prompt.ClearField(name)  # type: ignore[arg-type]
        asked.prompt.MergeFrom(prompt_compiler_pb2.CompiledPrompt(**{name: value}))
    return asked


@pytest.mark.parametrize(
    ("asked", "kind", "path"),
    [
        pytest.param(request(n=129), INVALID, "/n", id="n"),
        pytest.param(request(n=0), INVALID, "/n", id="n-of-0"),
        pytest.param(request(top_logprobs=21), INVALID, "/top_logprobs", id="logprobs"),
        pytest.param(
            request(program(gbnf=f"root ::= {'(' * 100_000}[a]{')' * 100_000}")), INVALID, "/prompt/gbnf", id="nested"
        ),
        pytest.param(
            request(program(reasoning_budget_tokens=1, reasoning_closing="x", gbnf_after_reasoning="%llguidance {}")),
            INVALID,
            "/prompt/gbnf_after_reasoning",
            id="after-reasoning",
        ),
        pytest.param(request(session_id="a"), UNSERVED, "/session_id", id="session"),
        pytest.param(request(parent_session_id="a"), INVALID, "/parent_session_id", id="parent"),
        pytest.param(request(program(llguidance="start: nothing")), INVALID, "/prompt/llguidance", id="llguidance"),
        pytest.param(
            request(
                program(llguidance="start: /a/", reasoning_budget_tokens=1, reasoning_closing="x", gbnf_after_reasoning="")
            ),
            INVALID,
            "/prompt/gbnf_after_reasoning",
            id="two-notations",
        ),
        pytest.param(request(program(reasoning_budget_tokens=1)), INVALID, "/prompt/reasoning_closing", id="budget"),
        pytest.param(
            request(program(text("a"), prompt_compiler_pb2.PromptSegment(image=chat_pb2.Image(data=b"x")))),
            UNSERVED,
            "/prompt/segments/1",
            id="picture-without-projector",
        ),
        pytest.param(inference_pb2.GenerateRequest(), INVALID, "/prompt/version", id="no-prompt"),
        pytest.param(altered(version=2), INVALID, "/prompt/version", id="version"),
        pytest.param(altered(syntax=output_pb2.OutputSyntax(version=1)), INVALID, "/prompt/syntax", id="no-syntax"),
        pytest.param(altered(syntax=output_pb2.OutputSyntax(version=9)), INVALID, "/prompt/syntax", id="syntax-version"),
        pytest.param(
            request(program(text("a"), prompt_compiler_pb2.PromptSegment())), INVALID, "/prompt/segments/1", id="no-segment"
        ),
        pytest.param(request(program(text(""), plain(""))), INVALID, "/prompt/segments", id="empty-prompt"),
        pytest.param(request(max_tokens=0), INVALID, "/max_tokens", id="max-tokens"),
        pytest.param(request(stop=["a", ""]), INVALID, "/stop/1", id="stop"),
        pytest.param(request(program(stop=[""])), INVALID, "/prompt/stop/0", id="template-stop"),
        pytest.param(
            request(sampling=sampling(logit_bias=[{"token": 5, "bias": 1}, {"token": 264, "bias": 1}])),
            INVALID,
            "/sampling/logit_bias/1/token",
            id="token",
        ),
        pytest.param(request(sampling=sampling(top_p=2)), INVALID, "/sampling/top_p", id="sampling"),
        pytest.param(request(program(gbnf="root ::= (")), INVALID, "/prompt/gbnf", id="grammar-syntax"),
        pytest.param(request(program(gbnf="")), INVALID, "/prompt/gbnf", id="grammar-empty"),
        pytest.param(request(program(gbnf=" \n# nothing\n")), INVALID, "/prompt/gbnf", id="grammar-of-nothing"),
        pytest.param(request(program(gbnf='root ::= <[999999]> "x"')), INVALID, "/prompt/gbnf", id="grammar-dead-end"),
        pytest.param(request(program(gbnf='other ::= "a"')), INVALID, "/prompt/gbnf", id="grammar-without-root"),
        pytest.param(request(program(gbnf="root ::= missing")), INVALID, "/prompt/gbnf", id="grammar-without-a-rule"),
        pytest.param(request(program(gbnf='root ::= root "a" | "a"')), INVALID, "/prompt/gbnf", id="grammar-left-recursive"),
        pytest.param(request(program(gbnf='%llguidance {}\nstart: "a"')), INVALID, "/prompt/gbnf", id="grammar-other"),
    ],
)
async def test_refusals(
    stub: InferenceServiceStub, asked: inference_pb2.GenerateRequest, kind: tuple[Code, str], path: str
) -> None:
    error = await refused(stub, asked)
    assert ((error.code, error.reason), error.path) == (kind, path)


NEWER = b"\xd0\x0f\x01"
"""A field of number 250, as a client of a later version would write it."""


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        pytest.param(NEWER, "/250", id="request"),
        pytest.param(
            inference_pb2.GenerateRequest(sampling=inference_pb2.Sampling.FromString(NEWER)), "/sampling/250", id="sampling"
        ),
        pytest.param(
            request(
                sampling=sampling(logit_bias=[inference_pb2.LogitBias(token=1), inference_pb2.LogitBias.FromString(NEWER)])
            ),
            "/sampling/logit_bias/1/250",
            id="bias",
        ),
    ],
)
async def test_fields_of_later_versions(stub: InferenceServiceStub, asked: Any, path: str) -> None:
    """They would otherwise be left out without a word."""
    if isinstance(asked, bytes):
        asked = inference_pb2.GenerateRequest.FromString(request().SerializeToString() + asked)
    error = await refused(stub, asked)
    assert ((error.code, error.reason), error.path) == (UNSERVED, path)
    assert "has no field number 250" in error.message


async def test_a_prompt_that_does_not_fit(stub: InferenceServiceStub) -> None:
    error = await refused(stub, request(program(text("x" * 600))))
    assert (error.code, error.reason) == (Code.OUT_OF_RANGE, "ERROR_REASON_CONTEXT_OVERFLOW")
    assert error.metadata == {"prompt_tokens": "600", "context_size": "512"}
    assert error.path == "/prompt/segments"


async def test_a_refusal_leaves_the_slots_free(stub: InferenceServiceStub) -> None:
    for _ in range(5):
        await refused(stub, request(program(gbnf="root ::= (")))
    assert (await answer(stub, request(program(gbnf='root ::= "x"')))).content == "x"


async def test_a_request_of_more_than_four_megabytes_arrives(stub: InferenceServiceStub) -> None:
    """The library's own limit. Refused for something else: the engine would take seconds to count its tokens."""
    assert (await refused(stub, request(program(text("x" * 5_000_000)), n=0))).path == "/n"
