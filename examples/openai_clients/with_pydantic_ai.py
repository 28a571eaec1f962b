"""pydantic-ai: an agent whose output is a pydantic type."""

from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from trip import API_KEY, BASE_URL, MODEL, QUESTION, Trip

model = OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=BASE_URL, api_key=API_KEY))
agent = Agent(model, output_type=NativeOutput(Trip), model_settings={"temperature": 0})
print(repr(agent.run_sync(QUESTION).output))
