"""Finds every command in the documentation: code blocks, inline code, headers of deploy's files, `--help`."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from promptweave.cli.main import main

ROOT = Path(__file__).parents[3]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "demo/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "examples").glob("**/README.md")),
]
HEADS = [
    path
    for folder in ("deploy", "examples")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.is_file() and "node_modules" not in path.parts
]
"""Files whose comments may show commands."""
PROGRAM = re.compile(
    r"apt|apt-get|bash|brew|buf|cargo|cmake|curl|docker|echo|export|git|go|grpcurl|helm|kubectl|make|mkdocs|mypy|node|npm|npx|"
    r"openssl|perl|pip|pipx|podman|promptweave|pytest|python3?|ruff|sed|sh|source|sudo|systemctl|uv"
)
"""What a line of code that is a command begins with, after variables and `cd`."""
LEFT = re.compile(r"(?:cd \S+ && |[A-Z_]+=\S+ )+")


@dataclass(frozen=True)
class Command:
    """A command, and what the page says that it prints (`...` is anything; "": the page does not say)."""

    page: str
    text: str
    printed: str = ""

    @property
    def serves(self) -> bool:
        """Whether it is a service, which runs until it is stopped."""
        return bool(re.match(r"promptweave (serve|compiler|inference|facade)\b", self.text))


def commands() -> list[Command]:
    """Each once a page, in the order of the pages."""
    found = [each for page in PAGES for each in _of_page(_name(page), page.read_text(encoding="utf-8"))]
    for path in HEADS:
        found += [Command(_name(path), text) for text in _of_comments(path)]
    context = click.Context(main)
    for page, command in [
        ("", main),
        *((f"{name} ", main.get_command(context, name)) for name in main.list_commands(context)),
    ]:
        assert command is not None
        shown = "\n".join(f"  {line}" for line in (command.help or "").splitlines())
        found += [Command(f"promptweave {page}--help", text) for text in _of_lines(shown)]
    return list(dict.fromkeys(found))


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _of_page(page: str, text: str) -> Iterator[Command]:
    fences = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
    for fence in fences.finditer(text):
        if fence[2] == "console":
            for part in re.split(r"^\$ ", fence[3], flags=re.MULTILINE)[1:]:
                command, rest = _first_command(part)
                yield Command(page, command, rest)
        if fence[2] in ("sh", "bash"):
            rest = fence[3]
            while rest.strip():
                command, rest = _first_command(rest)
                yield Command(page, command)
    text = fences.sub("", text)
    for line in _of_lines(text):
        yield Command(page, line)
    for code in re.findall(r"(?<!`)`([^`\n]+)`", re.sub(r"^ {4}.*$", "", text, flags=re.MULTILINE)):
        # In the text `promptweave NAME --option` is that option's name, and one word is a program's.
        if _is_command(code) and " " in code and not code.startswith("promptweave "):
            yield Command(page, code)


def _of_lines(text: str) -> Iterator[str]:
    """Of indented lines: the commands, without what is said beside them."""
    for line in re.findall(r"^ {4,}(.*)$", re.sub(r" *\\\n *", " ", text), flags=re.MULTILINE):
        command = re.split(r" {2,}(?=[^ -])|\s+#\s", line)[0]
        if _is_command(command):
            yield re.sub(r" +", " ", command).strip()


def _of_comments(path: Path) -> Iterator[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    yield from _of_lines(
        re.sub(r"^ *# ?(?! *$)", "", "\n".join(re.findall(r"^ *#.*$", text, re.MULTILINE)), flags=re.MULTILINE)
    )


def _is_command(text: str) -> bool:
    words = LEFT.sub("", text).split()
    return bool(words) and (PROGRAM.fullmatch(words[0]) or ("/" in words[0] and (ROOT / words[0]).is_file()))


def _first_command(text: str) -> tuple[str, str]:
    """The command that a text begins with, with the lines of its quotes and its here-document; and what follows."""
    lines = text.splitlines()
    size = next(n for n in range(1, len(lines) + 1) if _is_complete("\n".join(lines[:n])))
    return "\n".join(lines[:size]), "\n".join(lines[size:])


def _is_complete(command: str) -> bool:
    """Whether a shell needs no more lines for it. It warns of a here-document that has no end."""
    read = subprocess.run(["bash", "-n"], input=command, capture_output=True, text=True, check=False)
    return read.returncode == 0 and not read.stderr and not command.endswith("\\")
