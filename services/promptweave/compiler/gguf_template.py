"""The chat template inside a GGUF file."""

from pathlib import Path

from promptweave.compiler.template import ChatTemplate
from promptweave.gguf_header import GgufError, read_header

_TEMPLATE = "tokenizer.chat_template"
_TOKENS = "tokenizer.ggml.tokens"
_BOS, _EOS = "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id"


class NoTemplateError(ValueError):
    """The file is no GGUF, or holds no chat template."""


def template_from_gguf(path: Path) -> ChatTemplate:
    """The file's template, its named ones and its special tokens. Raises NoTemplateError, OSError."""
    try:
        pairs = read_header(path, lambda key: key in (_TOKENS, _BOS, _EOS) or key.startswith(_TEMPLATE))
    except GgufError as error:
        raise NoTemplateError(str(error)) from None
    tokens = pairs.get(_TOKENS)

    def token(key: str) -> str:
        number = pairs.get(key)
        if isinstance(tokens, list) and isinstance(number, int) and 0 <= number < len(tokens):
            return str(tokens[number])
        return ""

    # `tokenizer.chat_templates` lists the names; the keys have them, too.
    texts = {key.removeprefix(_TEMPLATE): text for key, text in pairs.items() if isinstance(text, str) and text}
    source = texts.get("")
    if source is None:
        raise NoTemplateError("it holds no chat template; give its text with --template")
    return ChatTemplate(
        source, token(_BOS), token(_EOS), {name[1:]: text for name, text in texts.items() if name[:1] == "."}
    )
