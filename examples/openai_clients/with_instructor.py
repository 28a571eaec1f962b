"""instructor: an answer as a pydantic type. It retries if an answer does not validate, which does not happen here."""

import instructor
import openai
from trip import API_KEY, BASE_URL, MODEL, QUESTION, Trip

client = instructor.from_openai(openai.OpenAI(base_url=BASE_URL, api_key=API_KEY), mode=instructor.Mode.JSON_SCHEMA)
trip = client.chat.completions.create(
    model=MODEL,
    messages=[{"role": "user", "content": QUESTION}],
    response_model=Trip,
    max_retries=0,
    temperature=0,
)
print(trip)
