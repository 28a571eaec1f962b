"""A tool loop with LiteLLM's completion(). Mode: stream."""

import json
import os
import subprocess
import sys

import litellm

wire, modes = sys.argv[1], sys.argv[2:]
base_url, model = os.environ["BASE_URL"], os.environ["MODEL"]
SHELL = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
tools = [{"type": "function", "function": {"name": "shell", "description": "Run a shell command.", "parameters": SHELL}}]
where = {
    "chat": {"model": f"openai/{model}", "api_base": f"{base_url}/v1"},
    "responses": {"model": f"openai/responses/{model}", "api_base": f"{base_url}/v1"},
    "messages": {"model": f"anthropic/{model}", "api_base": base_url},
}[wire]
messages = [{"role": "user", "content": "Fix sum.py"}]
while True:
    answer = litellm.completion(messages=messages, tools=tools, api_key=os.environ["KEY"], stream="stream" in modes, **where)
    if "stream" in modes:
        answer = litellm.stream_chunk_builder(list(answer), messages=messages)
    message = answer.choices[0].message
    messages.append(message.model_dump())
    if not message.tool_calls:
        print(message.content)
        break
    for call in message.tool_calls:
        command = json.loads(call.function.arguments)["command"]
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
        messages.append({"role": "tool", "tool_call_id": call.id, "content": done.stdout + done.stderr})
