"""A pydantic-ai agent. Mode: stream."""

import asyncio
import os
import subprocess
import sys

from pydantic_ai import Agent

wire, modes = sys.argv[1], sys.argv[2:]
os.environ |= {
    "OPENAI_BASE_URL": os.environ["BASE_URL"] + "/v1",
    "OPENAI_API_KEY": os.environ["KEY"],
    "ANTHROPIC_BASE_URL": os.environ["BASE_URL"],
    "ANTHROPIC_API_KEY": os.environ["KEY"],
}
kind = {"chat": "openai-chat", "responses": "openai-responses", "messages": "anthropic"}[wire]
agent = Agent(f"{kind}:{os.environ['MODEL']}", instructions="Use the shell.")


@agent.tool_plain
def shell(command: str) -> str:
    """Run a shell command and return its output."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


async def stream() -> None:
    async with agent.iter("Fix sum.py") as run:
        async for node in run:
            if Agent.is_model_request_node(node):
                async with node.stream(run.ctx) as events:
                    async for _ in events:
                        pass
    print(run.result.output)


if "stream" in modes:
    asyncio.run(stream())
else:
    print(agent.run_sync("Fix sum.py").output)
