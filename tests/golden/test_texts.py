"""The texts that users read, in files, so that a review of a change shows them as prose.

    pytest tests/golden                          compares the files with the current texts
    PROMPTWEAVE_GOLDEN=1 pytest tests/golden     writes the files again

| file         | what it holds                                                                                 |
|--------------|-----------------------------------------------------------------------------------------------|
| help.txt     | `--help` of every command                                                                     |
| messages.txt | texts in the source, such as errors, warnings and log lines: by module, in the source's order |

In messages.txt the word before a text is the function or class that gets it. `{…}` is what the code inserts.
"""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

from click.testing import CliRunner

from promptweave.cli.main import COMMANDS, main

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCES = ("services/promptweave", "facade/promptweave")
REGENERATE = bool(os.environ.get("PROMPTWEAVE_GOLDEN"))

NOT_PROSE = {"compile", "execute", "executemany", "executescript", "finditer", "fullmatch", "match", "search", "sub", "test"}
"""Functions whose arguments are patterns, SQL or templates."""
NOT_MESSAGES = {"help", "metavar"}
"""Keyword arguments whose texts are in help.txt."""
WORDS = re.compile(r"[A-Za-z{][\w'’}-]*[,:;.]? \(?[A-Za-z{]")
"""Two words: a text has at least these."""
CODE = re.compile(r"-src '|CREATE TABLE|DELETE FROM|DIGIT:|font:|^\w[\w.]*\[.*\]")
"""Text in other languages: headers, SQL, grammars, style sheets, types."""


def check(name: str, current: str) -> None:
    """Fails if the file does not hold the text; writes it if PROMPTWEAVE_GOLDEN is set."""
    path = HERE / name
    if REGENERATE:
        path.write_text(current, encoding="utf-8")
    assert current == path.read_text(encoding="utf-8"), "regenerate the files with PROMPTWEAVE_GOLDEN=1 pytest tests/golden"


def test_help() -> None:
    runner = CliRunner()  # Its terminal is 80 columns wide.
    texts = [runner.invoke(main, [*command, "--help"]).stdout for command in ((), *((name,) for name in COMMANDS))]
    check("help.txt", "\n\n".join(texts))


def test_messages() -> None:
    paths = [path for source in SOURCES for path in sorted((ROOT / source).rglob("*.py"))]
    check("messages.txt", "\n\n".join(filter(None, map(messages, paths))) + "\n")


def messages(path: Path) -> str:
    """Return the texts of a module below its path, or nothing if it has none."""
    texts = [*_texts(ast.parse(path.read_text(encoding="utf-8")), "")]
    return "\n".join([str(path.relative_to(ROOT)), *(f"    {text}" for text in texts)]) if texts else ""


def _texts(node: ast.AST, receiver: str) -> Iterator[str]:
    """Yield the texts in a part of the source; `receiver` is the name of what gets them."""
    if isinstance(node, ast.Constant | ast.JoinedStr):
        if (text := _template(node)) and WORDS.search(text) and not CODE.search(text):
            yield f"{receiver}: {text}" if receiver else text
    elif isinstance(node, ast.Call):
        name = _name(node.func)
        yield from _texts(node.func, receiver)
        if name not in NOT_PROSE:
            for argument in node.args:
                yield from _texts(argument, name)
            for keyword in node.keywords:
                if keyword.arg not in NOT_MESSAGES:
                    yield from _texts(keyword.value, name)
    else:
        for child in ast.iter_child_nodes(node):
            # Texts that are statements are docstrings.
            if not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
                yield from _texts(child, receiver if isinstance(node, ast.expr | ast.keyword) else "")


def _template(node: ast.Constant | ast.JoinedStr) -> str:
    """Return a literal's text, with `{…}` for what is inserted."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{…}" for part in parts)
    return text.replace("\n", "\\n") if not isinstance(node, ast.Constant) or isinstance(node.value, str) else ""


def _name(function: ast.expr) -> str:
    """Return the last part of a function's name."""
    if isinstance(function, ast.Attribute):
        if isinstance(function.value, ast.Call):  # `super().__init__`
            return _name(function.value.func)
        return function.attr if function.attr != "append" else f"{_name(function.value)}.append"
    return function.id if isinstance(function, ast.Name) else ""
