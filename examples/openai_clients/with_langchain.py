"""LangChain: an answer as a pydantic type, and a tool that the model calls."""

from langchain_openai import ChatOpenAI
from pydantic import SecretStr
from trip import API_KEY, BASE_URL, MODEL, QUESTION, Trip, book

model = ChatOpenAI(base_url=BASE_URL, api_key=SecretStr(API_KEY), model=MODEL, temperature=0)
print(repr(model.with_structured_output(Trip, method="json_schema").invoke(QUESTION)))

called = model.bind_tools([book], tool_choice="book").invoke("Book a trip to Oslo for 3 days")
for call in called.tool_calls:
    print(call["name"], book(**call["args"]))
