"""Chat templates and special tokens of a GGUF file."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from promptweave.gguf.header import read_header

_TEMPLATE = "tokenizer.chat_template"
_TOKENS, _TYPES = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"
_BOS, _EOS = "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id"
_CONTROL, _USER_DEFINED = 3, 4


@dataclass(frozen=True)
class TextFacts:
    """Chat templates by name (the default one's name is ""), and spellings of tokens ("" if the model has none)."""

    templates: dict[str, str] = field(default_factory=dict)
    bos: str = ""
    eos: str = ""
    special_tokens: tuple[str, ...] = ()
    """Tokens with a special meaning to the model: control tokens, and user-defined tokens that occur in its templates.

    Empty if the file does not list them.
    """


def read_text_facts(path: Path) -> TextFacts:
    """Read a file's header: a tenth of a second for a large vocabulary. Raises GgufError, OSError."""
    keys = (_TEMPLATE, _TOKENS, _TYPES, _BOS, _EOS)
    pairs = read_header(path, lambda key: key in keys or key.startswith(f"{_TEMPLATE}."))
    # `tokenizer.chat_templates` lists the names, but the keys contain them, too.
    texts = {key: text for key, text in pairs.items() if isinstance(text, str) and text}
    templates = {key.removeprefix(_TEMPLATE).removeprefix("."): text for key, text in texts.items()}
    return TextFacts(
        templates, _token(pairs, _BOS), _token(pairs, _EOS), _special_tokens(pairs, "".join(templates.values()))
    )


def _token(pairs: dict[str, Any], key: str) -> str:
    number, tokens = pairs.get(key), pairs.get(_TOKENS)
    if isinstance(tokens, list) and isinstance(number, int) and 0 <= number < len(tokens):
        return str(tokens[number])
    return ""


def _special_tokens(pairs: dict[str, Any], template: str) -> tuple[str, ...]:
    tokens, types = pairs.get(_TOKENS), pairs.get(_TYPES)
    if not isinstance(tokens, list) or not isinstance(types, list):
        return ()
    # In some vocabularies, runs of spaces and HTML tags are user-defined, too; ordinary text may contain those.
    return tuple(
        str(token)
        for token, kind in zip(tokens, types, strict=False)
        if kind == _CONTROL or (kind == _USER_DEFINED and str(token).strip() and str(token) in template)
    )
