"""Chat templates: small ones in `tests/compiler/templates`, and the corpus of real ones, which may be missing."""

from pathlib import Path

from promptweave.compiler.template.chat_template import ChatTemplate

TEMPLATES = Path(__file__).parents[2] / "compiler" / "templates"
CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "templates"
NAMES = ("bare", "inside", "listed", "nine", "single", "tagged", "textual")
"""Small templates of different message shapes."""


def template(name: str) -> ChatTemplate:
    """Return one of the small templates."""
    return ChatTemplate((TEMPLATES / f"{name}.jinja").read_text(), "<s>", "</s>")
