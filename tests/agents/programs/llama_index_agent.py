"""A LlamaIndex FunctionAgent. Mode: stream."""

import asyncio
import os
import subprocess
import sys

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.llms.openai_like import OpenAILike

modes = sys.argv[2:]


def shell(command: str) -> str:
    """Run a shell command and return its output."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


llm = OpenAILike(
    model=os.environ["MODEL"],
    api_base=os.environ["BASE_URL"] + "/v1",
    api_key=os.environ["KEY"],
    is_chat_model=True,
    is_function_calling_model=True,
)
agent = FunctionAgent(tools=[shell], llm=llm, system_prompt="Use the shell.", streaming="stream" in modes)


async def main() -> None:
    print(await agent.run("Fix sum.py"))


asyncio.run(main())
