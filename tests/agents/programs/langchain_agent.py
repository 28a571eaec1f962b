"""LangChain's create_agent. Mode: stream."""

import os
import subprocess
import sys

from langchain.agents import create_agent
from langchain.tools import tool
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI

wire, modes = sys.argv[1], sys.argv[2:]
base_url, key, model = os.environ["BASE_URL"], os.environ["KEY"], os.environ["MODEL"]


@tool
def shell(command: str) -> str:
    """Run a shell command and return its output."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


if wire == "messages":
    chat = ChatAnthropic(model=model, api_key=key, base_url=base_url)
else:
    chat = ChatOpenAI(model=model, api_key=key, base_url=f"{base_url}/v1", use_responses_api=wire == "responses")
agent = create_agent(chat, [shell], system_prompt="Use the shell.")
messages = {"messages": [("user", "Fix sum.py")]}
if "stream" in modes:
    pieces = [piece.text for piece, _ in agent.stream(messages, stream_mode="messages") if piece.type == "AIMessageChunk"]
    print("".join(pieces))
else:
    print(agent.invoke(messages)["messages"][-1].text)
