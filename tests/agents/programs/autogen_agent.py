"""An AutoGen AssistantAgent. Mode: stream."""

import asyncio
import os
import subprocess
import sys

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import TaskResult
from autogen_ext.models.openai import OpenAIChatCompletionClient

modes = sys.argv[2:]


def shell(command: str) -> str:
    """Run a shell command and return its output."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


async def main() -> None:
    client = OpenAIChatCompletionClient(
        model=os.environ["MODEL"],
        base_url=os.environ["BASE_URL"] + "/v1",
        api_key=os.environ["KEY"],
        model_info={
            "vision": False,
            "function_calling": True,
            "json_output": True,
            "family": "unknown",
            "structured_output": True,
        },
    )
    agent = AssistantAgent(
        "coder",
        client,
        tools=[shell],
        system_message="Use the shell.",
        model_client_stream="stream" in modes,
        max_tool_iterations=10,
    )
    async for event in agent.run_stream(task="Fix sum.py"):
        if isinstance(event, TaskResult):
            print(event.messages[-1].to_text())


asyncio.run(main())
