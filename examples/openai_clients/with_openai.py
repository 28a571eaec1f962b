"""OpenAI's own client: an answer as a pydantic type, and a function call, streamed."""

import openai
from trip import API_KEY, BASE_URL, MODEL, QUESTION, Trip

client = openai.OpenAI(base_url=BASE_URL, api_key=API_KEY)

answer = client.chat.completions.parse(
    model=MODEL, messages=[{"role": "user", "content": QUESTION}], response_format=Trip, temperature=0
)
print(answer.choices[0].message.parsed)

with client.chat.completions.stream(
    model=MODEL,
    messages=[{"role": "user", "content": "Book a trip to Oslo for 3 days"}],
    tools=[openai.pydantic_function_tool(Trip, name="book")],
    tool_choice="required",
    parallel_tool_calls=False,
    temperature=0,
) as stream:
    for event in stream:
        if event.type == "tool_calls.function.arguments.done":
            print(event.name, event.parsed_arguments)
