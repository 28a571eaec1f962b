"""`promptweave parse`: parses a model's output into a message."""

from pathlib import Path
from typing import Any

import click
from google.protobuf.json_format import ParseDict, ParseError

from promptweave.cli.jsonl import answer_lines, give_up, print_json, read_text
from promptweave.cli.options.aliases import AliasedOption
from promptweave.compiler.errors import RequestError
from promptweave.compiler.json_text import dumps, loads
from promptweave.output.message import ParsedCall, ParsedMessage
from promptweave.output.parse.parser import OutputParser
from promptweave.output.tree import Syntax
from promptweave.output.wire import SyntaxUnreadableError, syntax_from_wire
from promptweave.v1 import output_pb2


@click.command("parse")
@click.option("--compiled", type=click.Path(dir_okay=False, path_type=Path), help="Output of `promptweave compile`.")
@click.option(
    "--truncated",
    cls=AliasedOption,
    aliases=("--cut",),
    is_flag=True,
    help="The output was truncated by a limit; the finish reason is `length`.",
)
@click.option(
    "--jsonl",
    is_flag=True,
    help='Read one {"compiled", "text", "finished"} per line; print {"result"} or {"error"} for each.',
)
def command(compiled: Path | None, truncated: bool, jsonl: bool) -> None:
    """Parse the model's output on stdin and print the message as JSON.

    \b
    Example:
      promptweave compile --model model.gguf < request.json > compiled.json
      promptweave parse --compiled compiled.json < output.txt
    """
    if jsonl:
        answer_lines(_answer)
        return
    if compiled is None:
        give_up("invalid: --compiled is required; pass the output of `promptweave compile`")
    try:
        syntax = _syntax(loads(compiled.read_text(encoding="utf-8")))
    except OSError as error:
        give_up(f"invalid: {compiled}: {error.strerror or error}")
    except ValueError as error:
        give_up(f"invalid: {compiled}: not JSON: {error}")
    except RequestError as error:
        give_up(f"invalid: {compiled}: {error.message}")
    print_json(_read(syntax, read_text("output"), finished=not truncated))


def _answer(line: Any) -> dict[str, Any]:
    if not isinstance(line, dict) or not isinstance(line.get("text"), str):
        raise RequestError('a line must be an object with the keys "compiled" and "text"', path="")
    finished = line.get("finished", True)
    if not isinstance(finished, bool):
        raise RequestError("must be true or false", path="/finished")
    return _read(_syntax(line.get("compiled")), line["text"], finished=finished)


def _syntax(compiled: Any) -> Syntax:
    if not isinstance(compiled, dict) or not isinstance(compiled.get("syntax"), dict):
        raise RequestError("not the output of `promptweave compile`: the key 'syntax' is missing", path="/compiled")
    try:
        # Protobuf's parser fails badly on a lone surrogate, which is not valid text.
        dumps(compiled["syntax"]).encode()
        return syntax_from_wire(ParseDict(compiled["syntax"], output_pb2.OutputSyntax()))
    except (ParseError, SyntaxUnreadableError, UnicodeEncodeError) as error:
        raise RequestError(str(error), path="/compiled/syntax") from None


def _read(syntax: Syntax, text: str, *, finished: bool) -> dict[str, Any]:
    parser = OutputParser(syntax)
    message = ParsedMessage()
    message.extend([*parser.start(), *parser.feed(text), *parser.finish()])
    calls = [{**_call(call), "complete": call.complete} for call in message.tool_calls]
    return {
        "message": {
            "role": "assistant",
            "content": message.content,
            "reasoning_content": message.reasoning_content,
            "tool_calls": calls,
        },
        "finish_reason": message.finish_reason(ended=finished).value,
        "complete": finished and parser.complete,
        "violations": [
            {"name": violation.name, "text": violation.text, "path": violation.path, "message": violation.message}
            for violation in message.violations
        ],
        "warnings": [{"offset": warning.offset, "message": warning.message} for warning in message.warnings],
    }


def _call(call: ParsedCall) -> dict[str, Any]:
    if call.custom:
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
