"""A Haystack agent. Mode: stream."""

import os
import subprocess
import sys
from typing import Annotated

from haystack.components.agents import Agent
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.components.generators.utils import print_streaming_chunk
from haystack.dataclasses import ChatMessage
from haystack.tools import tool
from haystack.utils import Secret

modes = sys.argv[2:]


@tool
def shell(command: Annotated[str, "What to run"]) -> str:
    """Run a shell command and return its output."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


generator = OpenAIChatGenerator(
    api_key=Secret.from_token(os.environ["KEY"]),
    model=os.environ["MODEL"],
    api_base_url=os.environ["BASE_URL"] + "/v1",
    streaming_callback=print_streaming_chunk if "stream" in modes else None,
)
agent = Agent(chat_generator=generator, tools=[shell], system_prompt="Use the shell.")
print(agent.run(messages=[ChatMessage.from_user("Fix sum.py")])["messages"][-1].text)
