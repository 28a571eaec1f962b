"""A smolagents ToolCallingAgent. Mode: stream."""

import os
import subprocess
import sys

from smolagents import OpenAIModel, ToolCallingAgent, tool

modes = sys.argv[2:]


@tool
def shell(command: str) -> str:
    """Run a shell command and return its output.

    Args:
        command: What to run.
    """
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


model = OpenAIModel(os.environ["MODEL"], api_base=os.environ["BASE_URL"] + "/v1", api_key=os.environ["KEY"])
agent = ToolCallingAgent([shell], model, stream_outputs="stream" in modes)
print(agent.run("Fix sum.py"))
