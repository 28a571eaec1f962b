"""A bridge from an MCP server to a model, which passes the server's names on as they are."""

import asyncio
import json
import os
import sys
from typing import Any

from anthropic import AsyncAnthropic
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import Tool
from openai import AsyncOpenAI

wire, model, key = sys.argv[1], os.environ["MODEL"], os.environ["KEY"]
openai = AsyncOpenAI(base_url=os.environ["BASE_URL"] + "/v1", api_key=key)
anthropic = AsyncAnthropic(base_url=os.environ["BASE_URL"], api_key=key)
PROMPT = "Fix sum.py"


async def chat(session: ClientSession, tools: list[Tool]) -> str:
    functions = [{"name": each.name, "description": each.description, "parameters": schema(each)} for each in tools]
    messages = [{"role": "user", "content": PROMPT}]
    while True:
        answer = await openai.chat.completions.create(
            model=model, messages=messages, tools=[{"type": "function", "function": each} for each in functions]
        )
        message = answer.choices[0].message
        messages.append(message.model_dump(exclude_none=True))
        if not message.tool_calls:
            return message.content
        for call in message.tool_calls:
            output = await run(session, call.function.name, json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": output})


async def responses(session: ClientSession, tools: list[Tool]) -> str:
    functions = [
        {"type": "function", "name": each.name, "description": each.description, "parameters": schema(each), "strict": False}
        for each in tools
    ]
    items = [{"role": "user", "content": PROMPT}]
    while True:
        answer = await openai.responses.create(model=model, input=items, tools=functions, store=False)
        items += [item.model_dump(exclude_none=True) for item in answer.output]
        calls = [item for item in answer.output if item.type == "function_call"]
        if not calls:
            return answer.output_text
        for call in calls:
            output = await run(session, call.name, json.loads(call.arguments))
            items.append({"type": "function_call_output", "call_id": call.call_id, "output": output})


async def messages(session: ClientSession, tools: list[Tool]) -> str:
    functions = [{"name": each.name, "description": each.description, "input_schema": schema(each)} for each in tools]
    turns = [{"role": "user", "content": PROMPT}]
    while True:
        answer = await anthropic.messages.create(model=model, max_tokens=4096, messages=turns, tools=functions)
        turns.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in answer.content]})
        calls = [block for block in answer.content if block.type == "tool_use"]
        if not calls:
            return answer.content[-1].text
        results = [(call.id, await run(session, call.name, call.input)) for call in calls]
        blocks = [{"type": "tool_result", "tool_use_id": id, "content": text} for id, text in results]
        turns.append({"role": "user", "content": blocks})


def schema(tool: Tool) -> dict[str, Any]:
    return getattr(tool, "input_schema", None) or tool.inputSchema


async def run(session: ClientSession, name: str, arguments: dict[str, Any]) -> str:
    return (await session.call_tool(name, arguments)).content[0].text


async def main() -> None:
    server = StdioServerParameters(command=sys.executable, args=[os.environ["MCP_SERVER"]], env=dict(os.environ))
    async with stdio_client(server) as (reader, writer), ClientSession(reader, writer) as session:
        await session.initialize()
        tools = (await session.list_tools()).tools
        print(await {"chat": chat, "responses": responses, "messages": messages}[wire](session, tools))


asyncio.run(main())
