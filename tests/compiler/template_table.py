"""Writes docs/templates.md: what is known of each template of the corpus. Run it after a change of what is derived:

python tests/compiler/template_table.py
"""

from pathlib import Path

from promptweave.compiler.profile.image_syntax import PictureSyntax
from promptweave.compiler.profile.probe_capabilities import template_capabilities
from promptweave.compiler.profile.profile import Profile, profile
from promptweave.compiler.template.chat_template import ChatTemplate

HERE = Path(__file__).parent
CORPUS = HERE.parents[2] / "shared" / "corpus" / "templates"
PAGE = HERE.parents[1] / "docs" / "templates.md"

HEAD = """# Chat templates that the tests know

Written by `tests/compiler/template_table.py`, which derives it from the templates; a test compares. *Native*: calls are
written as the template writes them; *derived* by rendering it, or *told* by what it says beside the tools, where it writes
no calls itself (those of history are given to it as content); *verified* by reading back calls that the derivation has not
seen. *Tools*: shown by the template, or by us in the system turn. *Generic*: the JSON envelope, which works with any
template. Either way the grammar enforces the whole schema of every tool; where a schema cannot be kept to in a native
syntax, the request gets the generic style, and a warning. *Pictures*: what the template writes for one, whose place the
picture takes; where there is nothing, it knows none, and pictures stand in their places in the text.

| template | style | how | verified | several calls | tools | arguments | reasoning | pictures | why not native |
|---|---|---|---|---|---|---|---|---|---|
"""


def table() -> str:
    """The page."""
    templates = {path.stem: ChatTemplate(path.read_text(), "<s>", "</s>") for path in sorted(CORPUS.glob("*.jinja"))}
    found = {name: profile(template) for name, template in templates.items()}
    rows = [_row(name, known, template_capabilities(templates[name]).picture) for name, known in found.items()]
    native = sum(known.style == "native" for known in found.values())
    told = sum(known.calls_as_content for known in found.values())
    number = len(found)
    count = f"{native} of {number} native ({native - told} derived, {told} told), {number} of {number} guaranteed."
    return HEAD + "\n".join(rows) + f"\n\n{count}\n"


def _row(name: str, known: Profile, picture: PictureSyntax | None) -> str:
    shown = f"{_reasoning(known)} | {_code(picture.written) if picture else ''}"
    tools = "shown" if known.tools_published else "by us"
    if known.style != "native" or known.calls is None:
        why = next((note for note in reversed(known.notes) if note.startswith("calls: ")), "")
        why = why.removeprefix("calls: ").removesuffix("; the generic style is used")
        return f"| {name} | generic | | | yes | {tools} | JSON | {shown} | {why} |"
    arguments = "key by key" if known.calls.arguments else "JSON"
    how = "told" if known.calls_as_content else "derived"
    several = "yes" if known.calls.between else "no"
    return f"| {name} | native | {how} | yes | {several} | {tools} | {arguments} | {shown} | |"


def _reasoning(known: Profile) -> str:
    return _code(known.reasoning.opening.strip()) if known.reasoning else ""


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(table())
