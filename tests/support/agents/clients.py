"""The clients that tests/agents runs: packages with pinned versions, and what each is made to do. A client is a row.

Agents run as a user runs them, by `promptweave launch`; frameworks by a program in tests/agents/programs.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from promptweave.cli.agents.agent import Wire
from tests.support.agents.mcp_server import LONG
from tests.support.agents.script import DONE, Call, Script

PROMPT = "Create sum.py with a function add, run it, fix it until its assertion passes, and write the output to result.txt."
BROKEN = 'def add(a, b):\n    return a - b\n\n\nassert add(2, 2) == 4, add(2, 2)\nprint("fixed")\n'
WRONG, RIGHT = "return a - b", "return a + b"
FIXED = BROKEN.replace(WRONG, RIGHT)
WRITE_AND_RUN = f"cat > sum.py <<'END'\n{BROKEN}END\npython3 sum.py"
FIX = f"cat > sum.py <<'END'\n{FIXED}END"
RUN = "python3 sum.py > result.txt; cat result.txt"

MCP_SERVER = Path(__file__).with_name("mcp_server.py")
CHAT, RESPONSES, MESSAGES = Wire.CHAT, Wire.RESPONSES, Wire.MESSAGES
ALL_WIRES = (CHAT, RESPONSES, MESSAGES)


def task(shell: Callable[[str], Call], *fix: Call) -> Script:
    """Write a broken file and run it, fix it (with the shell, if no other calls are given), run it again."""
    return Script((shell(WRITE_AND_RUN), *(fix or (shell(FIX),)), shell(RUN)))


def shell_tool(name: str, argument: str = "command", namespace: str = "") -> Callable[[str], Call]:
    """The shell of a client, by the name of its tool and its argument."""
    return lambda command: Call(name, {argument: command}, namespace)


@dataclass(frozen=True)
class AgentRun:
    """A run of an agent."""

    id: str
    agent: str
    """Its name for `promptweave launch`."""
    wire: Wire
    packages: tuple[str, ...]
    arguments: tuple[str, ...]
    """Those that make it work without questions, and the prompt. `{work}` is its folder."""
    script: Script
    registry: str = "npm"
    model: str | None = None
    """A name of the model that the agent knows; None: the server's own."""
    quiet: Mapping[str, str] = field(default_factory=dict)
    """Variables that turn off telemetry and updates."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Files in its home and its folder, by the path below both."""


CODEX = ("@openai/codex@0.171.0",)
CODEX_ARGUMENTS = (
    *("-c", "analytics.enabled=false", "-c", "check_for_update_on_startup=false", "--disable", "plugins"),
    *("exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", PROMPT),
)
CODEX_MCP = (
    *("-c", f"mcp_servers.tools.command={json.dumps(sys.executable)}"),
    *("-c", f"mcp_servers.tools.args={json.dumps([str(MCP_SERVER)])}"),
)
PATCH = f"*** Begin Patch\n*** Update File: sum.py\n@@\n-    {WRONG}\n+    {RIGHT}\n*** End Patch\n"


def code_mode(command: str) -> Call:
    """Codex' JavaScript tool, which newer models get in place of all others."""
    return Call("exec", f"text(await tools.exec_command({{cmd: {json.dumps(command)}}}));", "functions")


CLAUDE = ("@anthropic-ai/claude-code@2.1.332",)
CLAUDE_QUIET = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}
CLAUDE_FIX = (
    Call("Read", {"file_path": "{work}/sum.py"}),
    Call("Edit", {"file_path": "{work}/sum.py", "old_string": WRONG, "new_string": RIGHT}),
)
CLAUDE_ARGUMENTS = ("-p", PROMPT, "--permission-mode", "acceptEdits", "--allowedTools", "Bash Edit Write Read")
CLAUDE_MCP = json.dumps({"mcpServers": {"tools": {"command": sys.executable, "args": [str(MCP_SERVER)]}}})
CLAUDE_MCP_TOOL = "mcp__tools__shell_run"

OPENCODE = ("opencode-ai@1.18.33",)
OPENCODE_QUIET = {
    f"OPENCODE_DISABLE_{name}": "1" for name in ("AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD", "DEFAULT_PLUGINS")
}
OPENCODE_SCRIPT = task(
    shell_tool("bash"),
    Call("read", {"filePath": "{work}/sum.py"}),
    Call("edit", {"filePath": "{work}/sum.py", "oldString": WRONG, "newString": RIGHT}),
)

QWEN_SETTINGS = {
    ".qwen/settings.json": json.dumps({"privacy": {"usageStatisticsEnabled": False}, "general": {"enableAutoUpdate": False}})
}
QWEN_SCRIPT = task(
    shell_tool("run_shell_command"),
    Call("read_file", {"file_path": "{work}/sum.py"}),
    Call("edit", {"file_path": "{work}/sum.py", "old_string": WRONG, "new_string": RIGHT}),
)

CLINE_SETTINGS = "settings/global-settings.json"
CLINE_EDITS = {
    CHAT: Call("editor", {"path": "{work}/sum.py", "old_text": WRONG, "new_text": RIGHT}),
    RESPONSES: Call("apply_patch", {"input": PATCH}),
    MESSAGES: Call("editor", {"path": "{work}/sum.py", "old_text": WRONG, "new_text": RIGHT}),
}


def cline_shell(command: str) -> Call:
    """Cline's shell, which takes several commands."""
    return Call("run_commands", {"commands": [command]})


CONTINUE_SCRIPT = task(
    shell_tool("Bash"),
    Call("Read", {"filepath": "{work}/sum.py"}),
    Call("Edit", {"file_path": "{work}/sum.py", "old_string": WRONG, "new_string": RIGHT}),
)

PI_SCRIPT = task(
    shell_tool("bash"),
    Call("edit", {"path": "{work}/sum.py", "edits": [{"oldText": WRONG, "newText": RIGHT}]}),
)

AIDER_SCRIPT = Script((), tuple(f"sum.py\n```\n{text}```\n" for text in (BROKEN, FIXED)), is_verbatim=True)

AGENT_RUNS = (
    AgentRun("codex", "codex", RESPONSES, CODEX, CODEX_ARGUMENTS, task(shell_tool("exec_command", "cmd"))),
    AgentRun(
        "codex-gpt-5.5",
        "codex",
        RESPONSES,
        CODEX,
        CODEX_ARGUMENTS,
        task(shell_tool("exec_command", "cmd"), Call("apply_patch", PATCH)),
        model="gpt-5.5",
    ),
    AgentRun("codex-gpt-5.6", "codex", RESPONSES, CODEX, CODEX_ARGUMENTS, task(code_mode), model="gpt-5.6-sol"),
    AgentRun("codex-gpt-6", "codex", RESPONSES, CODEX, CODEX_ARGUMENTS, task(code_mode), model="gpt-6.2-sol"),
    AgentRun(
        "codex-mcp",
        "codex",
        RESPONSES,
        CODEX,
        (*CODEX_MCP, *CODEX_ARGUMENTS),
        task(shell_tool("shell_run", namespace="mcp__tools")),
    ),
    AgentRun(
        "claude", "claude", MESSAGES, CLAUDE, CLAUDE_ARGUMENTS, task(shell_tool("Bash"), *CLAUDE_FIX), quiet=CLAUDE_QUIET
    ),
    AgentRun(
        "claude-mcp",
        "claude",
        MESSAGES,
        CLAUDE,
        (*CLAUDE_ARGUMENTS, CLAUDE_MCP_TOOL, "--mcp-config", "{work}/mcp.json", "--strict-mcp-config"),
        Script(
            (
                Call("ToolSearch", {"query": f"select:{CLAUDE_MCP_TOOL}", "max_results": 1}),
                *task(shell_tool(CLAUDE_MCP_TOOL)).calls,
            )
        ),
        quiet=CLAUDE_QUIET,
        files={"mcp.json": CLAUDE_MCP},
    ),
    *(
        AgentRun(
            f"opencode-{wire}", "opencode", wire, OPENCODE, ("run", "--auto", PROMPT), OPENCODE_SCRIPT, quiet=OPENCODE_QUIET
        )
        for wire in ALL_WIRES
    ),
    AgentRun(
        "opencode-gpt-5.1",
        "opencode",
        RESPONSES,
        OPENCODE,
        ("run", "--auto", PROMPT),
        task(shell_tool("bash")),
        model="gpt-5.1",
        quiet=OPENCODE_QUIET,
    ),
    *(
        AgentRun(
            f"qwen-{wire}",
            "qwen",
            wire,
            ("@qwen-code/qwen-code@0.24.4",),
            ("-p", PROMPT, "--yolo"),
            QWEN_SCRIPT,
            files=QWEN_SETTINGS,
        )
        for wire in ALL_WIRES
    ),
    *(
        AgentRun(
            f"cline-{wire}",
            "cline",
            wire,
            ("cline@3.0.65",),
            (PROMPT,),
            task(cline_shell, CLINE_EDITS[wire]),
            quiet={"CLINE_GLOBAL_SETTINGS_PATH": f"{{work}}/{CLINE_SETTINGS}"},
            files={CLINE_SETTINGS: json.dumps({"telemetryOptOut": True, "autoUpdateEnabled": False})},
        )
        for wire in ALL_WIRES
    ),
    *(
        AgentRun(
            f"continue-{wire}",
            "continue",
            wire,
            ("@continuedev/cli@1.5.47",),
            ("-p", PROMPT, "--auto"),
            CONTINUE_SCRIPT,
        )
        for wire in (CHAT, MESSAGES)
    ),
    *(
        AgentRun(
            f"pi-{wire}",
            "pi",
            wire,
            ("@earendil-works/pi-coding-agent@1.6.0",),
            ("-p", PROMPT),
            PI_SCRIPT,
            quiet={"PI_OFFLINE": "1"},
        )
        for wire in ALL_WIRES
    ),
    AgentRun(
        "aider",
        "aider",
        CHAT,
        ("aider-chat==0.86.2",),
        (
            *("--yes-always", "--no-git", "--no-auto-lint", "--no-check-update", "--analytics-disable"),
            *("--auto-test", "--test-cmd", "python3 sum.py && python3 sum.py > result.txt", "--message", PROMPT),
        ),
        AIDER_SCRIPT,
        registry="pypi",
        quiet={"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    ),
)


SHELL_SCRIPT = task(shell_tool("shell"))


@dataclass(frozen=True)
class Framework:
    """A framework, which a program in tests/agents/programs uses. The program gets the wire and its modes as arguments."""

    name: str
    packages: tuple[str, ...]
    program: str
    runs: tuple[tuple[str, ...], ...]
    """The arguments of each run."""
    script: Script = SHELL_SCRIPT
    registry: str = "pypi"
    quiet: Mapping[str, str] = field(default_factory=dict)


BOTH_WAYS = tuple((wire.value, *mode) for wire in ALL_WIRES for mode in ((), ("stream",)))
CHAT_WAYS = BOTH_WAYS[:2]
FRAMEWORKS = (
    Framework(
        "agentssdk",
        ("openai-agents==0.24.0", "openai==3.57.0"),
        "agents_sdk.py",
        (*BOTH_WAYS[:4], ("responses", "default"), ("responses", "default", "stream"), ("responses", "hosted")),
        quiet={"OPENAI_AGENTS_DISABLE_TRACING": "1"},
    ),
    Framework(
        "langchain",
        ("langchain==1.5.2", "langchain-openai==1.7.4", "langchain-anthropic==1.7.10"),
        "langchain_agent.py",
        BOTH_WAYS,
    ),
    Framework("pydanticai", ("pydantic-ai-slim[openai,anthropic]==2.68.0",), "pydantic_ai_agent.py", BOTH_WAYS),
    Framework(
        "litellm", ("litellm==1.110.2",), "litellm_loop.py", BOTH_WAYS, quiet={"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    ),
    Framework(
        "aisdk",
        (
            *("ai@7.0.173", "@ai-sdk/openai@4.0.118", "@ai-sdk/openai-compatible@3.0.92"),
            *("@ai-sdk/anthropic@4.0.105", "zod@4.6.7"),
        ),
        "ai_sdk_agent.mjs",
        (*BOTH_WAYS, ("chat", "openai"), ("chat", "openai", "stream")),
        registry="npm",
    ),
    Framework(
        "mcpbridge",
        ("mcp==2.3.0", "openai==3.57.0", "anthropic==2.14.0"),
        "mcp_bridge.py",
        tuple((wire.value,) for wire in ALL_WIRES),
        Script(
            (
                Call("shell.run", {"command": WRITE_AND_RUN}),
                Call(LONG, {"path": "{work}/sum.py", "text": FIXED}),
                Call("shell/run_again", {"command": RUN}),
            )
        ),
    ),
    Framework(
        "smolagents",
        ("smolagents[openai]==1.26.0",),
        "smolagents_agent.py",
        CHAT_WAYS,
        Script((*SHELL_SCRIPT.calls, Call("final_answer", {"answer": DONE}, ends_the_task=True))),
    ),
    Framework(
        "llamaindex",
        ("llama-index-core==0.14.25", "llama-index-llms-openai-like==0.8.1"),
        "llama_index_agent.py",
        CHAT_WAYS,
    ),
    Framework("autogen", ("autogen-agentchat==0.7.5", "autogen-ext[openai]==0.7.5"), "autogen_agent.py", CHAT_WAYS),
    Framework("strands", ("strands-agents[openai,anthropic]==1.62.0",), "strands_agent.py", (("chat",), ("messages",))),
    Framework("agno", ("agno==3.1.10", "openai==3.57.0", "anthropic==2.14.0"), "agno_agent.py", BOTH_WAYS),
    Framework(
        "haystack", ("haystack-ai==3.4.1",), "haystack_agent.py", CHAT_WAYS, quiet={"HAYSTACK_TELEMETRY_ENABLED": "False"}
    ),
)
