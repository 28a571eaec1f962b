"""The command `promptweave`."""

from promptweave.cli.lazy_group import LazyGroup

COMMANDS = {
    "serve": ("promptweave.cli.commands.serve:command", "Run everything on one machine: http://localhost:8080."),
    "launch": (
        "promptweave.cli.commands.launch:command",
        "Run a coding agent, such as Codex, with a local model.",
    ),
    "compiler": ("promptweave.cli.commands.services:compiler", "Run only the prompt compiler (gRPC)."),
    "inference": ("promptweave.cli.commands.services:inference", "Run only the inference service (gRPC) with its engine."),
    "facade": ("promptweave.cli.commands.services:facade", "Run only the OpenAI API (HTTP)."),
    "compile": ("promptweave.cli.commands.compile:command", "Compile a chat request into a prompt and a grammar."),
    "parse": ("promptweave.cli.commands.parse:command", "Parse a model's output into a message."),
    "schema": ("promptweave.cli.commands.schema:command", "Convert a JSON Schema to a grammar."),
    "inspect": ("promptweave.cli.commands.inspect:command", "Describe a chat template: roles, tools, tool call syntax."),
    "precache": ("promptweave.cli.commands.precache:command", "Evaluate long prompts ahead of time, for running services."),
    "demo-model": (
        "promptweave.cli.commands.demo_model:command",
        "Write a tiny model with random weights, for testing.",
    ),
}
"""Name → location of the command, and its line in the help."""

main = LazyGroup(
    "promptweave",
    COMMANDS,
    help="""Schema-compliant tool calls and structured output for any model that llama.cpp runs.

    \b
    Getting started (Ctrl-C stops the server):
      promptweave serve
      curl http://localhost:8080/v1/chat/completions -H "Content-Type: application/json" \\
        -d '{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}'

    Every option has an environment variable, the same for all commands: PROMPTWEAVE_CTX_SIZE sets `--ctx-size`.
    `promptweave COMMAND --help` describes a command, with an example.
    """,
)

if __name__ == "__main__":
    main()
