"""What a GGUF file says about text: its chat templates and its special tokens."""

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
    """Chat templates by name, the default one's name is "". Spellings of tokens; "" where the model names none."""

    templates: dict[str, str] = field(default_factory=dict)
    bos: str = ""
    eos: str = ""
    special_tokens: tuple[str, ...] = ()
    """What has a meaning of its own to the model: control tokens, and the user-defined ones that its templates write.

    Empty: the file does not tell.
    """


def read_text_facts(path: Path) -> TextFacts:
    """Reads a file's header; a tenth of a second where the vocabulary is large. Raises GgufError, OSError."""
    keys = (_TEMPLATE, _TOKENS, _TYPES, _BOS, _EOS)
    pairs = read_header(path, lambda key: key in keys or key.startswith(f"{_TEMPLATE}."))
    # `tokenizer.chat_templates` lists the names; the keys have them, too.
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
    # User-defined are also runs of spaces and tags of HTML in some vocabularies, which text may well hold.
    return tuple(
        str(token)
        for token, kind in zip(tokens, types, strict=False)
        if kind == _CONTROL or (kind == _USER_DEFINED and str(token).strip() and str(token) in template)
    )
