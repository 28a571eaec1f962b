"""The command `promptweave`."""

from promptweave.cli.lazy_group import LazyGroup

COMMANDS = {
    "serve": ("promptweave.cli.commands.serve:command", "Everything on one machine: http://localhost:8080."),
    "compiler": ("promptweave.cli.commands.services:compiler", "The compiler alone, over gRPC."),
    "inference": ("promptweave.cli.commands.services:inference", "The inference service alone, over gRPC, with its engine."),
    "facade": ("promptweave.cli.commands.services:facade", "The OpenAI facade alone, over HTTP."),
    "compile": ("promptweave.cli.commands.compile:command", "A chat request in, the compiled prompt out."),
    "parse": ("promptweave.cli.commands.parse:command", "A model's output in, the message out."),
    "schema": ("promptweave.cli.commands.schema:command", "A JSON Schema in, its grammar out."),
    "inspect": ("promptweave.cli.commands.inspect:command", "What a chat template does: roles, tools, how it writes calls."),
    "precache": ("promptweave.cli.commands.precache:command", "Evaluate long prompts once, for running services."),
    "demo-model": (
        "promptweave.cli.commands.demo_model:command",
        "Write a tiny model with random weights, to try things with.",
    ),
}
"""Name → where the command is, and what it does."""

main = LazyGroup(
    "promptweave",
    COMMANDS,
    help="""Tool calls and structured output that comply with the schema, for any model that llama.cpp runs.

    \b
    Start here (Ctrl-C stops it):
      promptweave serve
      curl http://localhost:8080/v1/chat/completions -H "Content-Type: application/json" \\
        -d '{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}'

    Every option has an environment variable, the same for all commands: PROMPTWEAVE_CTX_SIZE is `--ctx-size`.
    `promptweave COMMAND --help` explains each command, with an example.
    """,
)

if __name__ == "__main__":
    main()
