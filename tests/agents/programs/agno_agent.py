"""An Agno agent. Mode: stream."""

import os
import subprocess
import sys

from agno.agent import Agent
from agno.models.anthropic import Claude
from agno.models.openai import OpenAIResponses
from agno.models.openai.like import OpenAILike

wire, modes = sys.argv[1], sys.argv[2:]
base_url, key, model = os.environ["BASE_URL"], os.environ["KEY"], os.environ["MODEL"]


def shell(command: str) -> str:
    """Run a shell command and return its output."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


if wire == "messages":
    chat = Claude(id=model, api_key=key, client_params={"base_url": base_url})
elif wire == "responses":
    chat = OpenAIResponses(id=model, api_key=key, base_url=f"{base_url}/v1")
else:
    chat = OpenAILike(id=model, api_key=key, base_url=f"{base_url}/v1")
agent = Agent(model=chat, tools=[shell], instructions="Use the shell.", telemetry=False)
if "stream" in modes:
    print("".join(str(event.content) for event in agent.run("Fix sum.py", stream=True) if event.content))
else:
    print(agent.run("Fix sum.py").content)
