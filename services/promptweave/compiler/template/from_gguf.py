"""The chat template inside a GGUF file."""

from pathlib import Path

from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.gguf.header import GgufError
from promptweave.gguf.tokenizer import read_text_facts


class NoTemplateError(ValueError):
    """The file is not a GGUF file, or holds no chat template."""


def template_from_gguf(path: Path) -> ChatTemplate:
    """Return the file's template with its named templates and special tokens. Raises NoTemplateError, OSError."""
    try:
        facts = read_text_facts(path)
    except GgufError as error:
        raise NoTemplateError(str(error)) from None
    named = dict(facts.templates)
    source = named.pop("", None)
    if source is None:
        raise NoTemplateError("the file contains no chat template; provide one with --template")
    return ChatTemplate(source, facts.bos, facts.eos, named, facts.special_tokens)
