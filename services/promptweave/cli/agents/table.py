"""The agents that `promptweave launch` knows. To add one: a row here, and a function in `setups.py`."""

from promptweave.cli.agents import setups
from promptweave.cli.agents.agent import Agent, Wire

_ALL_WIRES = (Wire.CHAT, Wire.RESPONSES, Wire.MESSAGES)

_ROWS = (
    Agent(
        name="codex",
        title="Codex CLI",
        program="codex",
        install="npm install -g @openai/codex",
        wires=(Wire.RESPONSES,),
        configure=setups.codex,
    ),
    Agent(
        name="claude",
        title="Claude Code",
        program="claude",
        install="npm install -g @anthropic-ai/claude-code",
        wires=(Wire.MESSAGES,),
        configure=setups.claude,
        has_print_option=True,
    ),
    Agent(
        name="opencode",
        title="opencode",
        program="opencode",
        install="npm install -g opencode-ai",
        wires=_ALL_WIRES,
        configure=setups.opencode,
    ),
    Agent(
        name="qwen",
        title="Qwen Code",
        program="qwen",
        install="npm install -g @qwen-code/qwen-code",
        wires=_ALL_WIRES,
        configure=setups.qwen,
    ),
    Agent(
        name="cline",
        title="Cline CLI",
        program="cline",
        install="npm install -g cline",
        wires=_ALL_WIRES,
        configure=setups.cline,
    ),
    Agent(
        name="continue",
        title="Continue CLI",
        program="cn",
        install="npm install -g @continuedev/cli",
        wires=(Wire.CHAT, Wire.MESSAGES),
        configure=setups.continue_,
        has_print_option=True,
    ),
    Agent(
        name="pi",
        title="pi",
        program="pi",
        install="npm install -g @earendil-works/pi-coding-agent",
        wires=_ALL_WIRES,
        configure=setups.pi,
        has_print_option=True,
    ),
    Agent(
        name="aider",
        title="aider",
        program="aider",
        install="pip install aider-chat",
        wires=(Wire.CHAT,),
        configure=setups.aider,
    ),
)

AGENTS = {agent.name: agent for agent in _ROWS}
"""The agents by name."""
