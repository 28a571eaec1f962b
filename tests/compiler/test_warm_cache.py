"""Caches do not change results: a request compiles to the same bytes with warm and with cold caches."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptweave.compiler.errors import CompilerError
from promptweave.compiler.messages import special_token_marks
from promptweave.compiler.plan_cache import cached_plan
from promptweave.compiler.service import convert
from promptweave.compiler.service.worker import compile_message
from promptweave.demo.model import demo_template
from promptweave.facade.openai.chat.request.to_grpc import compile_request_from_openai
from promptweave.v1 import prompt_compiler_pb2

# It drops tools without a description, and the beginning of conversations of three messages.
FORGETFUL = """{%- for tool in tools or [] if tool.function.description %}[{{ tool.function | tojson }}]{% endfor -%}
{%- for message in messages -%}
{%- if messages | length != 3 or not loop.first %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endif -%}
{%- endfor -%}
{%- if add_generation_prompt %}<|assistant|>{% endif -%}"""

# Texts that are special tokens, that the marks are made of, that stand everywhere, and that differ in their end only.
TEXTS = st.sampled_from(
    ["hi", "hi ", "a", "<|im_end|>", "<tool_call>", "\ue000", "\\ue000", "\ue000\ue001", "é", "", "what <|end|> is"]
)


def tool(name: str, about: str, kind: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"x": {"type": kind, "description": about}}, "required": ["x"]}
    return {"type": "function", "function": {"name": name, "description": about, "parameters": schema}}


TOOLS = st.lists(
    st.builds(tool, st.sampled_from(["look", "hi", "a"]), TEXTS, st.sampled_from(["string", "integer"])),
    max_size=2,
    unique_by=lambda each: each["function"]["name"],
)
MESSAGES = st.lists(
    st.builds(
        lambda role, content: {"role": role, "content": content}, st.sampled_from(["system", "user", "assistant"]), TEXTS
    ),
    min_size=1,
    max_size=4,
)


def cold(request: prompt_compiler_pb2.CompileRequest) -> Any:
    for cache in (
        convert._known_tool,
        convert._syntax,
        special_token_marks._known_tool,
        special_token_marks._marker,
        cached_plan,
    ):
        cache.cache_clear()
    return outcome(request)


def outcome(request: prompt_compiler_pb2.CompileRequest) -> Any:
    try:
        return compile_message(request)
    except CompilerError as error:
        return type(error), str(error), error.path


def request_of(template: str, messages: list[dict[str, str]], tools: list[Any]) -> prompt_compiler_pb2.CompileRequest:
    wire, _ = compile_request_from_openai({"messages": messages, **({"tools": tools} if tools else {})})
    wire.template.inline.source = template
    wire.now.FromSeconds(0)
    return wire


@pytest.mark.parametrize("template", [demo_template(), FORGETFUL], ids=["demo", "forgetful"])
@settings(max_examples=20, deadline=None)
@given(bodies=st.lists(st.tuples(MESSAGES, TOOLS), min_size=2, max_size=4))
def test_warm_and_cold_are_the_same(template: str, bodies: list[tuple[Any, Any]]) -> None:
    check([request_of(template, *body) for body in bodies])


def test_what_is_lost_of_one_form_is_not_taken_for_another() -> None:
    # "a" is found in "assistant", lost or not: only words of their own kind tell.
    turns = [{"role": role, "content": "a"} for role in ("user", "assistant", "user", "assistant", "user")]
    check([request_of(FORGETFUL, turns[:number], []) for number in (1, 3, 5)])


def check(requests: list[prompt_compiler_pb2.CompileRequest]) -> None:
    wanted = [cold(request) for request in requests]
    cached_plan.cache_clear()
    for _ in range(2):
        assert [outcome(request) for request in requests] == wanted
