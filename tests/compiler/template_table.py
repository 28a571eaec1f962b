"""Writes docs/templates.md: what is known of each template of the corpus. Run it after a change of what is derived:

python tests/compiler/template_table.py
"""

from pathlib import Path

from promptweave.compiler.profile import Profile, profile
from promptweave.compiler.template import ChatTemplate

HERE = Path(__file__).parent
CORPUS = HERE.parents[2] / "shared" / "corpus" / "templates"
PAGE = HERE.parents[1] / "docs" / "templates.md"

HEAD = """# Chat templates that the tests know

Written by `tests/compiler/template_table.py`, which derives it from the templates; a test compares. *Native*: calls are
written as the template writes them; *derived* by rendering it, and *verified* by reading back calls that the derivation has
not seen. *Generic*: the JSON envelope, which works with any template. Either way the grammar enforces the whole schema of
every tool; where a schema cannot be kept to in a native syntax, the request gets the generic style, and a warning.

| template | style | how | verified | several calls | arguments | reasoning | why not native |
|---|---|---|---|---|---|---|---|
"""


def table() -> str:
    """The page."""
    found = {path.stem: profile(ChatTemplate(path.read_text(), "<s>", "</s>")) for path in sorted(CORPUS.glob("*.jinja"))}
    rows = [_row(name, known) for name, known in found.items()]
    native = sum(known.style == "native" for known in found.values())
    return (
        HEAD
        + "\n".join(rows)
        + f"\n\n{native} of {len(found)} native and derived, {len(found)} of {len(found)} guaranteed.\n"
    )


def _row(name: str, known: Profile) -> str:
    if known.style != "native" or known.calls is None:
        why = next((note for note in reversed(known.notes) if note.startswith("calls: ")), "")
        why = why.removeprefix("calls: ").removesuffix("; the generic style is used") or known.notes[0]
        return f"| {name} | generic | | | yes | JSON | {_reasoning(known)} | {why} |"
    arguments = "key by key" if known.calls.arguments else "JSON"
    several = "yes" if known.calls.between else "no"
    return f"| {name} | native | derived | yes | {several} | {arguments} | {_reasoning(known)} | |"


def _reasoning(known: Profile) -> str:
    return f"`{known.reasoning.opening.strip()}`".replace("|", "\\|") if known.reasoning else ""


if __name__ == "__main__":
    PAGE.write_text(table())
