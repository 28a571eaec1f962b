"""Information about a loaded model, queried from the engine once, when it is ready."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from promptweave.common.json_object import JsonObject
from promptweave.gguf.tokenizer import TextFacts
from promptweave.inference.client.error_mapping import unexpected_response
from promptweave.inference.client.llama_client import EngineClient
from promptweave.inference.engine.llguidance import HEADER
from promptweave.inference.engine.model_file import read_model_file
from promptweave.inference.engine.vocabulary import Vocabulary, learn_vocabulary
from promptweave.inference.errors import EngineUnavailableError, InferenceError

_SPELLINGS = re.compile(r"<[^<>\s'\"]{1,60}>|\[/?[A-Z_]{2,40}\]")
"""Matches what looks like a special token in a chat template."""

_MAX_SPELLINGS = 200

_OLD_MEDIA_MARKER = "<__media__>"
"""The marker of servers that do not report theirs."""

_TRIAL = "zqj"
"""A text that no engine generates by chance."""

_PROBE = (
    "Zwölf Boxkämpfer jagen 12,345 quick brown foxes über den großen Sylter Deich. 日本語 naïve\n\n\tif (x != 0) return;"
)
"""A text that different vocabularies of the same size are likely to tokenize differently."""

SEPARATOR = "\n"
"""A text that no vocabulary merges with what follows: text after it is tokenized as in the middle of a text."""


@dataclass(frozen=True)
class ModelInfo:
    """A loaded model. Sizes in tokens."""

    model_id: str
    engine: str
    """The engine's name and version."""
    context_size: int
    """Of one slot."""
    slots: int
    bos: str
    eos: str
    adds_bos: bool
    """Whether the engine puts BOS before every prompt."""
    template: str | None
    named_templates: Mapping[str, str] = field(default_factory=dict)
    special_tokens: tuple[str, ...] = ()
    """Those that text may spell by accident; empty: unknown."""
    separator: tuple[int, ...] = ()
    """The tokens of `SEPARATOR` at the start of a text, if the vocabulary puts a space before every text; else empty."""
    hidden: tuple[str, ...] = ()
    """Special tokens that the engine omits from its output unless reported to preserve them, as far as they are known."""
    vocabulary: int | None = None
    """Number of tokens. None: not reported."""
    token_texts: Vocabulary | None = field(default=None, compare=False, repr=False)
    """The texts of its tokens. None: not reported."""
    media_marker: str | None = None
    """The placeholder for an image in a prompt. None: the model takes no images."""
    identity: Mapping[str, object] = field(default_factory=dict)
    """Reported traits that distinguish the model from others, keyed by what to call them. Empty for a managed engine."""
    llguidance: bool = False
    """Whether the engine keeps to an llguidance grammar with this vocabulary; see `takes_llguidance`."""


async def query_model_info(client: EngineClient, *, model: Path | None, model_id: str | None, engine: str) -> ModelInfo:
    """Query the engine. Raises InferenceError.

    `model`: the file of a managed engine, which shows all special tokens. None: an external server.
    `engine`: the engine's version, if it is known; "" queries it.
    """
    try:
        return await _query_model_info(client, model, model_id, engine)
    except (KeyError, TypeError, AttributeError):
        raise unexpected_response() from None


async def _query_model_info(client: EngineClient, model: Path | None, model_id: str | None, engine: str) -> ModelInfo:
    props = await client.props()
    listed = ((await client.models()).get("data") or [{}])[0]
    bare = await client.tokenize("a", parse_special=True, add_special=False)
    with_special = await client.tokenize("a", parse_special=True, add_special=True)
    if model is not None:
        # Takes about ten milliseconds for a large vocabulary.
        file = await asyncio.to_thread(read_model_file, model)
        hidden: tuple[str, ...] = ()
    else:
        keys = {"": "chat_template", "tool_use": "chat_template_tool_use"}
        templates = {name: props[key] for name, key in keys.items() if props.get(key)}
        # The engine reports a BOS even for a model that names none; HTTP provides no other information.
        file = TextFacts(templates, props.get("bos_token", ""), props.get("eos_token", ""))
        hidden = await _special_spellings(client, "\n".join(templates.values()))
    size = (listed.get("meta") or {}).get("n_vocab")
    return ModelInfo(
        model_id=model_id or (model.stem if model else _own_name(listed, props)),
        engine=engine or f"llama.cpp {props.get('build_info', 'unknown')}",
        context_size=props["default_generation_settings"]["n_ctx"],
        slots=props["total_slots"],
        bos=file.bos,
        eos=file.eos,
        # An engine may add EOS as well, so only the beginning of the tokens counts.
        adds_bos=with_special[: len(bare)] != bare,
        template=file.templates.get(""),
        named_templates={name: text for name, text in file.templates.items() if name},
        special_tokens=file.special_tokens,
        separator=await _separator(client, bare),
        hidden=hidden,
        vocabulary=size,
        token_texts=await learn_vocabulary(client, size, file.eos),
        media_marker=_media_marker(props),
        identity={} if model else await _identity(client, listed.get("meta") or {}, props),
    )


async def _identity(client: EngineClient, meta: JsonObject, props: JsonObject) -> Mapping[str, object]:
    """Return the model's traits, without file names, which differ between machines, and without the server's capacity."""
    reported = {
        "vocabularies": [meta.get("vocab_type"), meta.get("n_vocab")],
        "sizes": [meta.get("n_params"), meta.get("size"), meta.get("n_embd"), meta.get("n_ctx_train")],
        "chat templates": [props.get(name) for name in ("chat_template", "chat_template_tool_use")],
        "special tokens": [props.get(name) for name in ("bos_token", "eos_token")],
        "projectors": bool((props.get("modalities") or {}).get("vision")),
    }
    return {**reported, "tokens of a text": await client.tokenize(_PROBE, parse_special=False, add_special=True)}


def _media_marker(props: JsonObject) -> str | None:
    if not (props.get("modalities") or {}).get("vision"):
        return None
    marker: str = props.get("media_marker") or _OLD_MEDIA_MARKER
    return marker


async def takes_llguidance(client: EngineClient) -> bool:
    """Try whether the engine keeps to an llguidance grammar. Builds without it abort, which is an EngineUnavailableError.

    If the vocabulary puts a space before every text, a token with a space counts as one without (b11549, tried with two such
    vocabularies), which violates the grammar.
    """
    text = ""
    try:
        async with client.complete({"prompt": "a", "grammar": f'{HEADER}start: "{_TRIAL}"', "n_predict": 8}) as batches:
            async for batch in batches:
                text += "".join(chunk.text for chunk in batch)
    except EngineUnavailableError:
        raise
    except InferenceError:
        return False
    return text.startswith(_TRIAL)


async def _separator(client: EngineClient, alone: list[int]) -> tuple[int, ...]:
    """Return `ModelInfo.separator`; `alone` are the tokens of "a" alone."""
    separator = await client.tokenize(SEPARATOR, parse_special=True, add_special=False)
    both = await client.tokenize(f"{SEPARATOR}a", parse_special=True, add_special=False)
    return tuple(separator) if both != [*separator, *alone] and both[: len(separator)] == separator else ()


def _own_name(listed: JsonObject, props: JsonObject) -> str:
    name: str = listed.get("id") or Path(props.get("model_path", "")).stem or "model"
    return name


async def _special_spellings(client: EngineClient, template: str) -> tuple[str, ...]:
    """Return the special tokens that a template spells, which the model is likely to generate.

    A vocabulary cannot be listed over HTTP, so a server without `--special` may hide others.
    """
    spellings = sorted(set(_SPELLINGS.findall(template)))[:_MAX_SPELLINGS]
    found = []
    for spelling in spellings:
        special = await client.tokenize(spelling, parse_special=True, add_special=False)
        plain = await client.tokenize(spelling, parse_special=False, add_special=False)
        if len(special) == 1 and special != plain:
            found.append(spelling)
    return tuple(found)
