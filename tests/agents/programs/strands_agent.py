"""A Strands agent. It always streams."""

import os
import subprocess
import sys

from strands import Agent, tool
from strands.models.anthropic import AnthropicModel
from strands.models.openai import OpenAIModel

wire = sys.argv[1]
base_url, key, model = os.environ["BASE_URL"], os.environ["KEY"], os.environ["MODEL"]


@tool
def shell(command: str) -> str:
    """Run a shell command and return its output."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


if wire == "messages":
    chat = AnthropicModel(client_args={"api_key": key, "base_url": base_url}, model_id=model, max_tokens=4096)
else:
    chat = OpenAIModel(client_args={"api_key": key, "base_url": f"{base_url}/v1"}, model_id=model)
print(Agent(chat, tools=[shell], system_prompt="Use the shell.", callback_handler=None)("Fix sum.py"))
