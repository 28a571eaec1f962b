"""Clients make their own errors of a prompt that exceeds the context: agents then shorten the conversation and go on."""

import openai
import pytest

from tests.support.serving import Serving

pytestmark = [
    pytest.mark.anyio,
    # The clients' own affair.
    pytest.mark.filterwarnings("ignore"),
]

KEY = "none"
LONG = "word " * 3000


def test_openai(served: Serving) -> None:
    with (
        openai.OpenAI(base_url=served.url, api_key=KEY, max_retries=0) as client,
        pytest.raises(openai.BadRequestError) as refused,
    ):
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": LONG}])
    assert refused.value.code == "context_length_exceeded"


async def test_litellm(served: Serving) -> None:
    litellm = pytest.importorskip("litellm")
    messages = [{"role": "user", "content": LONG}]
    with pytest.raises(litellm.ContextWindowExceededError):
        await litellm.acompletion(model="openai/gpt-4o", api_base=served.url, api_key=KEY, max_retries=0, messages=messages)


def test_langchain(served: Serving) -> None:
    langchain = pytest.importorskip("langchain_openai")
    exceptions = pytest.importorskip("langchain_core.exceptions")
    for is_response in (False, True):
        model = langchain.ChatOpenAI(
            base_url=served.url, api_key=KEY, model="gpt-4o", max_retries=0, use_responses_api=is_response
        )
        with pytest.raises(exceptions.ContextOverflowError):
            model.invoke(LONG)


@pytest.mark.parametrize("api", ["OpenAIChatModel", "OpenAIResponsesModel"])
async def test_pydantic_ai(served: Serving, api: str) -> None:
    pydantic_ai = pytest.importorskip("pydantic_ai")
    exceptions = pytest.importorskip("pydantic_ai.exceptions")
    models = pytest.importorskip("pydantic_ai.models.openai")
    providers = pytest.importorskip("pydantic_ai.providers.openai")
    expected = getattr(exceptions, "ModelContextWindowExceededError", exceptions.ModelHTTPError)
    async with openai.AsyncOpenAI(base_url=served.url, api_key=KEY, max_retries=0) as asking:
        model = getattr(models, api)("gpt-4o", provider=providers.OpenAIProvider(openai_client=asking))
        with pytest.raises(expected):
            await pydantic_ai.Agent(model).run(LONG)
