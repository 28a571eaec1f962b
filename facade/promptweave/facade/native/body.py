"""The bodies of llama.cpp's own routes and of the prompt compiler's."""

from typing import Any

from promptweave.facade.bodies.body import Body, example
from promptweave.facade.bodies.text_or_tokens import Token
from promptweave.facade.openai.chat.request.body import CHAT_EXAMPLE, ChatBody


class TokenizeBody(Body):
    """A text, with llama.cpp's fields and defaults. `model` is required if there are several."""

    model_config = example({"content": "a cat"})

    content: str
    """The text to tokenize."""
    model: str | None = None
    """The model whose tokenizer is used; by default the one that is loaded."""
    add_special: bool = False
    """Whether to add the tokens with which a prompt begins and ends."""
    parse_special: bool = True
    """Whether texts of special tokens become those tokens."""
    with_pieces: bool = False
    """Whether to return the text of each token."""


class DetokenizeBody(Body):
    """Token ids."""

    model_config = example({"tokens": [97, 98]})

    tokens: list[Token]
    """Token ids."""
    model: str | None = None
    """The model whose tokenizer is used; by default the one that is loaded."""


class ApplyTemplateBody(ChatBody):
    """A chat request; it may contain its own template, as for `promptweave compile`."""

    model_config = example({**CHAT_EXAMPLE, "explain": True})

    template: str | None = None
    """The Jinja source of a chat template; by default the model's own is used."""
    bos_token: str | None = None
    """The text of the token that begins a prompt, for `template`."""
    eos_token: str | None = None
    """The text of the token that ends an answer, for `template`."""


class TemplateBody(Body):
    """A chat template, with the field names of `promptweave compile`; without `template` it is the model's own."""

    model_config = example(
        {"template": "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"}
    )

    model: str | None = None
    """The model whose template is described; by default the one that is loaded."""
    template: str | None = None
    """The Jinja source of a chat template; by default the model's own is described."""
    bos_token: str = ""
    """The text of the token that begins a prompt, for `template`."""
    eos_token: str = ""
    """The text of the token that ends an answer, for `template`."""


class ParseBody(Body):
    """A model's output, and the `syntax` of the prompt that it answers."""

    model_config = example(
        {
            "syntax": {"version": 1, "root": {"text": {"kind": "REGION_KIND_CONTENT", "mayEnd": True}}},
            "text": "Three days it is.",
        }
    )

    syntax: dict[str, Any]
    """How to parse the output: the `syntax` of the compiled prompt."""
    text: str
    """The output."""
    finished: bool = True
    """Whether the output is complete, and was not truncated."""
