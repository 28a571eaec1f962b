"""How the engine handles the shapes that slow it down: as most converters write them, and as promptweave does. Prints a
table.

python benchmarks/shapes.py

Measured with llama.cpp's own grammar code, through `../shared/tools/gbnf_engine.py`: the time to load a grammar, the maximum
number of parallel stacks while a text is read (a token's cost grows with it), and the time per character.
"""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.json_schema.compile import compile_schema
from promptweave.compiler.json_text import dumps
from promptweave.compiler.request import ChatRequest, Message, Role, Tool, ToolChoice
from promptweave.compiler.template.chat_template import ChatTemplate

ENGINE = Path(__file__).parents[2] / "shared" / "tools" / "gbnf_engine.py"

STRING = r'string ::= "\"" char* "\""' + "\n" + r'char ::= [^"\\\x00-\x1F] | "\\" ["\\bfnrt]' + "\n"
VALUES = STRING + r'integer ::= "-"? ("0" | [1-9] [0-9]{0,15})' + "\n"

Shape = tuple[str, str, str, str]
"""A name, the grammar as it is usually written, promptweave's, a text."""


def literal(text: str) -> str:
    """Return a text as a GBNF literal."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def optional_properties(number: int) -> tuple[str, str]:
    """Return grammars for optional properties in order: llama.cpp's own converter's, and promptweave's."""
    names = [f"property_{n}" for n in range(number)]
    first = " | ".join(f"p{n}" if n == number - 1 else f"p{n} r{n}" for n in range(number))
    pairs = "\n".join(f"p{n} ::= {literal(dumps(name) + ': ')} string" for n, name in enumerate(names))
    rests = "\n".join(f'r{n} ::= (", " p{n + 1})?' + (f" r{n + 1}" if n < number - 2 else "") for n in range(number - 1))
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in names}, "additionalProperties": False}
    return f'root ::= "{{" ({first})? "}}"\n{pairs}\n{rests}\n{STRING}', compile_schema(schema).grammar


def kinds(number: int) -> tuple[str, str]:
    """Return grammars for objects that are distinguished by a property."""
    heads = [literal(f'{{"kind": "k{n}", "x": ') for n in range(number)]
    options = [f'{head} integer "}}"' for head in heads]
    schema = {
        "oneOf": [
            {
                "type": "object",
                "properties": {"kind": {"const": f"k{n}"}, "x": {"type": "integer"}},
                "required": ["kind", "x"],
                "additionalProperties": False,
            }
            for n in range(number)
        ]
    }
    return f"root ::= {' | '.join(options)}\n{VALUES}", compile_schema(schema).grammar


def enum(number: int) -> tuple[str, str]:
    """Return grammars for a choice of strings."""
    members = [f"value number {n}" for n in range(number)]
    return f"root ::= {' | '.join(literal(dumps(member)) for member in members)}\n", compile_schema(
        {"enum": members}
    ).grammar


def tools() -> tuple[str, str]:
    """Return grammars for the calls of 263 tools, with a call required."""
    names = [
        f"{verb}_{noun}_{n}" for verb in ("get", "list", "create", "update", "delete") for noun in NOUNS for n in range(4)
    ]
    names = names[:263]
    schema = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
    heads = [literal(f'{name}", "arguments": {{"id": ') for name in names]
    options = [f'{head} integer "}}"' for head in heads]
    request = ChatRequest(
        (Message(Role.USER, "?"),),
        tuple(Tool(name, "", schema) for name in names),
        tool_choice=ToolChoice(required=True),
        style="hermes",
        parallel_tool_calls=False,
    )
    compiled = compile_prompt(request, ChatTemplate("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"))
    assert compiled.grammar
    # Text that is certain to come first is in the prompt.
    return f'root ::= ({" | ".join(options)}) {literal("}")} "\\n</tool_call>"\n{VALUES}', compiled.grammar


NOUNS = ("issue", "pull_request", "repository", "commit", "branch", "user", "team", "label", "milestone", "release")
NOUNS += ("workflow", "run", "artifact", "comment")


def shapes() -> Iterator[Shape]:
    """Yield all shapes."""
    for number, place in ((20, 17), (200, 150), (1000, 900)):
        yield f"{number:,} optional properties", *optional_properties(number), f'{{"property_{place}": "x"}}'
    naive = 'root ::= "\\"" [a-z]{0,50} [a-z]{0,50} [a-z]{0,50} "\\""\n'
    schema: Any = {"type": "string", "pattern": "^[a-z]{0,50}[a-z]{0,50}[a-z]{0,50}$"}
    yield "`[a-z]{0,50}` three times", naive, compile_schema(schema).grammar, f'"{"x" * 120}"'
    schema = {"type": "string", "pattern": "^(x?){0,500}$"}
    yield "`(x?){0,500}`", 'root ::= "\\"" ("x"?){0,500} "\\""\n', compile_schema(schema).grammar, '"xxx"'
    schema = {"type": "string", "maxLength": 2000}
    naive = 'root ::= "\\"" char{0,2000} "\\""\n' + STRING
    yield "`maxLength` 2,000", naive, compile_schema(schema).grammar, f'"{"x" * 500}"'
    schema = {"type": "string", "maxLength": 5000}
    yield "`maxLength` 5,000", naive.replace("2000", "5000"), compile_schema(schema).grammar, f'"{"x" * 4500}"'
    yield "enum of 5,000", *enum(5000), '"value number 4123"'
    yield "oneOf of 200 kinds", *kinds(200), '{"kind": "k150", "x": 1}'
    yield "263 tools", *tools(), 'list_user_3", "arguments": {"id": 12}}\n</tool_call>'


def main() -> None:
    """Print the table."""
    if not ENGINE.exists():
        sys.exit(f"{ENGINE} is needed")
    spec = importlib.util.spec_from_file_location("gbnf_engine", ENGINE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    print("| naive → ours | bytes | rules | load ms | stacks | µs a character |\n|---|---|---|---|---|---|")
    with module.GbnfEngine(python=sys.executable) as engine:
        for name, naive, ours, text in shapes():
            columns = zip(measured(engine, naive, text), measured(engine, ours, text), strict=True)
            print(f"| {name} |", " | ".join(f"{left} → {right}" for left, right in columns), "|", flush=True)


def measured(engine: Any, grammar: str, text: str) -> tuple[str, ...]:
    """Return bytes, rules, milliseconds to load, the maximum of stacks, microseconds per character: the best of five."""
    answer = engine.check(grammar, [text] * 5)
    assert answer["ok"], answer
    best = min(answer["results"], key=lambda result: result["us"])
    assert best["accept"], best
    times = f"{answer['parse_ms']:.1f}", f"{best['us'] / len(text):,.1f}"
    return f"{len(grammar):,}", f"{answer['n_rules']:,}", times[0], f"{best['stacks']:,}", times[1]


if __name__ == "__main__":
    main()
