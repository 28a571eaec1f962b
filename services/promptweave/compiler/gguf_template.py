"""The chat template inside a GGUF file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md)."""

from pathlib import Path

from promptweave.compiler.template import ChatTemplate

_TEMPLATE = "tokenizer.chat_template"
_TOKENS = "tokenizer.ggml.tokens"


class NoTemplateError(ValueError):
    """The file is no GGUF, or holds no chat template."""


def template_from_gguf(path: Path) -> ChatTemplate:
    """The file's template, its named ones and its special tokens. Raises NoTemplateError, OSError."""
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise NoTemplateError("this is no GGUF file")
    try:
        return _read(path)
    except NoTemplateError:
        raise
    except (ValueError, IndexError, KeyError, OverflowError) as error:
        # What the reader and numpy raise for files that are cut or damaged.
        raise NoTemplateError(f"the GGUF file is cut or damaged: {error}") from None


def _read(path: Path) -> ChatTemplate:
    # gguf brings numpy with it, and most commands need neither.
    from gguf import GGUFReader

    reader = GGUFReader(path)

    def text(key: str) -> str | None:
        field = reader.fields.get(key)
        return None if field is None else str(field.contents())

    def token(name: str) -> str:
        number, tokens = reader.fields.get(f"tokenizer.ggml.{name}_token_id"), reader.fields.get(_TOKENS)
        return "" if number is None or tokens is None else str(tokens.contents(int(number.contents())))

    source = text(_TEMPLATE)
    names = reader.fields.get("tokenizer.chat_templates")
    named = {str(name): text(f"{_TEMPLATE}.{name}") for name in (names.contents() if names else [])}
    if source is None:
        raise NoTemplateError("it holds no chat template; give its text with --template")
    return ChatTemplate(source, token("bos"), token("eos"), {name: text for name, text in named.items() if text is not None})
