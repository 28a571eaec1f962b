"""Python clients on their ordinary paths; each is skipped where it is not installed: `pip install -e '.[clients]'`."""

import json
from collections.abc import Iterator
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel, Field

from tests.support.serving import Serving

pytestmark = [
    pytest.mark.anyio,
    # The clients' own affair.
    pytest.mark.filterwarnings("ignore"),
]

KEY = "none"


class Trip(BaseModel):
    """A trip to book."""

    city: Literal["Oslo", "Rome"]
    days: int = Field(ge=1, le=9)


def book(city: Literal["Oslo", "Rome"], days: Literal[1, 2]) -> str:
    """Books a trip.

    Args:
        city: where to
        days: how long
    """
    return f"booked {city} for {days}"


@pytest.fixture(scope="module")
def client(served: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=served.url, api_key=KEY, max_retries=0, timeout=120) as client:
        yield client


def test_openais_own_helpers(client: openai.OpenAI) -> None:
    messages: list[Any] = [{"role": "user", "content": "Where to?"}]
    done = client.chat.completions.parse(model="gpt-4o", messages=messages, response_format=Trip)
    assert isinstance(done.choices[0].message.parsed, Trip)
    tool = openai.pydantic_function_tool(Trip)
    with client.chat.completions.stream(
        model="gpt-4o", messages=messages, tools=[tool], tool_choice="required", parallel_tool_calls=False
    ) as stream:
        called = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
    assert isinstance(called[0].parsed_arguments, Trip)
    with client.responses.stream(model="gpt-4o", input="Where to?", text_format=Trip) as responses:
        text = "".join(event.delta for event in responses if event.type == "response.output_text.delta")
        assert responses.get_final_response().output_parsed == Trip.model_validate_json(text)


@pytest.mark.parametrize("api", ["responses", "chat"])
async def test_openai_agents(served: Serving, api: str) -> None:
    agents = pytest.importorskip("agents")
    agents.set_tracing_disabled(True)
    kind = agents.OpenAIResponsesModel if api == "responses" else agents.OpenAIChatCompletionsModel
    async with openai.AsyncOpenAI(base_url=served.url, api_key=KEY, max_retries=0) as asking:
        model = kind(model="gpt-4o", openai_client=asking)
        agent = agents.Agent(
            name="booker",
            instructions="Book it.",
            model=model,
            tools=[agents.function_tool(book)],
            model_settings=agents.ModelSettings(tool_choice="required", parallel_tool_calls=False, max_tokens=400),
            output_type=Trip,
        )
        done = await agents.Runner.run(agent, "Book a trip.", max_turns=20)
        assert isinstance(done.final_output, Trip)
        outputs = [item.output for item in done.new_items if item.type == "tool_call_output_item"]
        assert outputs
        assert outputs[0].startswith("booked ")
        streamed = agents.Runner.run_streamed(agent, "Book a trip.", max_turns=20)
        kinds = {event.type async for event in streamed.stream_events()}
        assert {"raw_response_event", "run_item_stream_event"} <= kinds
        assert isinstance(streamed.final_output, Trip)


def test_langchain(served: Serving) -> None:
    langchain = pytest.importorskip("langchain_openai")
    model = langchain.ChatOpenAI(base_url=served.url, api_key=KEY, model="gpt-4o", max_retries=0, max_tokens=400)
    for method in ("json_schema", "function_calling"):
        assert isinstance(model.with_structured_output(Trip, method=method).invoke("Where to?"), Trip)
    bound = model.bind_tools([book], tool_choice="book")
    called = bound.invoke("Book it.")
    assert called.tool_calls[0]["name"] == "book"
    whole: Any = None
    for chunk in bound.stream("Book it."):
        whole = chunk if whole is None else whole + chunk
    assert whole.tool_calls[0]["args"]["city"] in ("Oslo", "Rome")
    result = {"role": "tool", "tool_call_id": called.tool_calls[0]["id"], "content": "booked"}
    assert model.bind(max_tokens=5).invoke([("user", "Book it."), called, result]).id


def test_instructor(client: openai.OpenAI) -> None:
    instructor = pytest.importorskip("instructor")
    for mode in (instructor.Mode.TOOLS, instructor.Mode.TOOLS_STRICT, instructor.Mode.JSON_SCHEMA):
        asking = instructor.from_openai(client, mode=mode)
        asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Where to?"}], "response_model": Trip}
        assert isinstance(asking.chat.completions.create(**asked, max_retries=0), Trip)
    *_, last = asking.chat.completions.create_partial(**asked, max_retries=0)
    Trip.model_validate(last.model_dump())


@pytest.mark.parametrize("api", ["OpenAIChatModel", "OpenAIResponsesModel"])
async def test_pydantic_ai(served: Serving, api: str) -> None:
    pydantic_ai = pytest.importorskip("pydantic_ai")
    models = pytest.importorskip("pydantic_ai.models.openai")
    providers = pytest.importorskip("pydantic_ai.providers.openai")
    async with openai.AsyncOpenAI(base_url=served.url, api_key=KEY, max_retries=0) as asking:
        model = getattr(models, api)("gpt-4o", provider=providers.OpenAIProvider(openai_client=asking))
        agent = pydantic_ai.Agent(model, output_type=Trip)
        assert isinstance((await agent.run("Where to?")).output, Trip)
        native = pydantic_ai.Agent(model, output_type=pydantic_ai.NativeOutput(Trip))
        async with native.run_stream("Where to?") as streamed:
            assert isinstance(await streamed.get_output(), Trip)


async def test_litellm(served: Serving) -> None:
    litellm = pytest.importorskip("litellm")
    asked: dict[str, Any] = {"model": "openai/gpt-4o", "api_base": served.url, "api_key": KEY, "max_retries": 0}
    asked["messages"] = [{"role": "user", "content": "Where to?"}]
    done = await litellm.acompletion(**asked, response_format=Trip)
    Trip.model_validate_json(done.choices[0].message.content)
    tool = openai.pydantic_function_tool(Trip)
    pieces = await litellm.acompletion(**asked, tools=[tool], tool_choice="required", parallel_tool_calls=False, stream=True)
    whole = litellm.stream_chunk_builder([piece async for piece in pieces])
    Trip.model_validate(json.loads(whole.choices[0].message.tool_calls[0].function.arguments))


def test_llama_index(served: Serving) -> None:
    like = pytest.importorskip("llama_index.llms.openai_like")
    model = like.OpenAILike(
        model="gpt-4o",
        api_base=served.url,
        api_key=KEY,
        is_chat_model=True,
        is_function_calling_model=True,
        max_retries=0,
        max_tokens=400,
    )
    assert model.complete("Hi", max_tokens=5).text is not None
    *_, last = model.stream_complete("Hi", max_tokens=5)
    assert isinstance(last.text, str)


def test_llama_index_with_tools(served: Serving) -> None:
    # Versions that take the same `openai` as the other clients need one more package for it.
    pytest.importorskip("llama_index.core", minversion="0.11")
    like = pytest.importorskip("llama_index.llms.openai_like")
    tools = pytest.importorskip("llama_index.core.tools")
    model = like.OpenAILike(
        model="gpt-4o", api_base=served.url, api_key=KEY, is_chat_model=True, is_function_calling_model=True, max_retries=0
    )
    tool = tools.FunctionTool.from_defaults(fn=book)
    answer = model.chat_with_tools([tool], user_msg="Book it.", tool_required=True)
    for called in model.get_tool_calls_from_response(answer):
        assert called.tool_name == "book"
        assert tool.call(**called.tool_kwargs).raw_output.startswith("booked")
    *_, last = model.stream_chat_with_tools([tool], user_msg="Book it.", tool_required=True)
    assert model.get_tool_calls_from_response(last)[0].tool_kwargs["city"] in ("Oslo", "Rome")
    prompts = pytest.importorskip("llama_index.core.prompts")
    assert isinstance(model.structured_predict(Trip, prompts.PromptTemplate("Where to?")), Trip)
