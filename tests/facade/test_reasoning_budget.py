"""The fields by which clients bound reasoning."""

from typing import Any

import pytest

from promptweave.facade.errors import RequestError
from promptweave.facade.openai.chat.request.to_grpc import compile_request_from_openai

USER = [{"role": "user", "content": "Think."}]


@pytest.mark.parametrize(
    ("fields", "budget"),
    [
        ({"thinking_budget_tokens": 7}, 7),
        ({"thinking_budget_tokens": 0}, 0),
        ({"reasoning": {"max_tokens": 9}}, 9),
        ({"thinking_budget_tokens": 7, "reasoning": {"max_tokens": 9}}, 7),
        ({"thinking_budget_tokens": -1}, None),
        ({"reasoning": {}}, None),
    ],
)
def test_a_budget_reaches_the_compiler(fields: dict[str, Any], budget: int | None) -> None:
    request, _ = compile_request_from_openai({"messages": USER, **fields})
    reasoning = request.reasoning
    assert (reasoning.budget_tokens if reasoning.HasField("budget_tokens") else None) == budget


def test_a_budget_is_a_number_of_tokens() -> None:
    with pytest.raises(RequestError) as raised:
        compile_request_from_openai({"messages": USER, "thinking_budget_tokens": -2})
    assert raised.value.path == "/thinking_budget_tokens"
