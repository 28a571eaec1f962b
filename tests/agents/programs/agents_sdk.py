"""The OpenAI Agents SDK. Modes: stream; default (its own default model); hosted (with a hosted tool)."""

import asyncio
import os
import subprocess
import sys

from agents import Agent, Runner, WebSearchTool, function_tool, set_default_openai_api

os.environ["OPENAI_BASE_URL"], os.environ["OPENAI_API_KEY"] = os.environ["BASE_URL"] + "/v1", os.environ["KEY"]
wire, modes = sys.argv[1], sys.argv[2:]
if wire == "chat":
    set_default_openai_api("chat_completions")


@function_tool
def shell(command: str) -> str:
    """Run a shell command and return its output."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


async def main() -> None:
    model = {} if "default" in modes else {"model": os.environ["MODEL"]}
    hosted = [WebSearchTool()] if "hosted" in modes else []
    agent = Agent(name="Assistant", instructions="Use the shell.", tools=[shell, *hosted], **model)
    if "stream" in modes:
        result = Runner.run_streamed(agent, "Fix sum.py")
        async for _ in result.stream_events():
            pass
    else:
        result = await Runner.run(agent, "Fix sum.py")
    print(result.final_output)


asyncio.run(main())
