"""Probe of an engine, when it is ready: whether it can generate an answer in several rounds."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from promptweave.inference.client.llama_client import EngineClient
from promptweave.inference.engine.model_info import ModelInfo
from promptweave.inference.errors import EngineUnavailableError, InferenceError

logger = logging.getLogger(__name__)

_TRIAL = "The quick brown fox"
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Rounds:
    """Whether the engine can append forced text, and whether it can sample it by token ids.

    See `fast_forward/fast_forward.py`.
    """

    append: bool = False
    """Forced text is appended, unless a request rules it out."""
    sample: bool = False
    """If forced text is not appended, its tokens are sampled under a grammar of token ids."""


async def try_rounds(client: EngineClient, model_info: ModelInfo, *, fast_forward: bool) -> Rounds:
    """Return what this engine and model support and the options allow. Raises EngineUnavailableError."""
    why = None
    by_tokens = False
    if model_info.separator:
        # The middle of a text is then tokenized differently.
        why = "the model's tokenizer adds a space before every text"
    elif model_info.token_texts is None:
        why = "the server does not report the texts of its tokens"
    else:
        tokens = await client.tokenize(_TRIAL, parse_special=False, add_special=False)
        by_tokens = await _keeps_to_tokens(client, tokens)
        why = await _against(client, tokens)
        if why and by_tokens:
            logger.info("%s: text forced by the grammar is sampled token by token: %s", model_info.model_id, why)
            return Rounds(sample=True)
    if why:
        logger.info("%s: text forced by the grammar is sampled, not appended: %s", model_info.model_id, why)
        return Rounds()
    if not by_tokens:
        logger.info(
            "%s: the engine does not support grammars of token ids; with logprobs the output may differ from that without",
            model_info.model_id,
        )
    return Rounds(append=fast_forward, sample=by_tokens)


async def _keeps_to_tokens(client: EngineClient, tokens: list[int]) -> bool:
    """Return whether the engine supports a grammar of token ids. Servers before the end of 2025 do not."""
    written: list[int | None] = []
    body = {"prompt": tokens, "grammar": token_grammar(tokens[:2]), "n_predict": 2, "temperature": 0}
    try:
        async with client.complete(body) as batches:
            async for batch in batches:
                written += [chunk.token for chunk in batch if chunk.stop_type is None]
    except EngineUnavailableError:
        raise
    except InferenceError:
        return False
    return written == tokens[:2]


async def _against(client: EngineClient, tokens: list[int]) -> str | None:
    """Return why the engine cannot continue from a prompt with the tokens that it generated. None: it can."""
    cached, reported = 0, True
    # Another client's request may interfere if the server is shared.
    for _ in range(_TRIES):
        for prompt in (tokens, tokens * 2):
            try:
                async with client.complete({"prompt": prompt, "n_predict": 1, "cache_prompt": True}) as batches:
                    async for batch in batches:
                        cached = max([cached, *(chunk.counts.cached_tokens for chunk in batch)])
                        reported &= all(chunk.token is not None for chunk in batch if chunk.stop_type is None)
            except EngineUnavailableError:
                raise
            except InferenceError as error:
                return f"the engine refused to continue from token ids ({error.message})"
        if cached >= len(tokens) - 1:
            break
    if not reported:
        return "the engine does not report the tokens that it generates"
    return None if cached >= len(tokens) - 1 else "the engine reevaluates the complete prompt in each round"


def token_grammar(tokens: Sequence[int]) -> str:
    """Return the grammar of these tokens (llama.cpp's grammars/README.md, "Tokens")."""
    return f"root ::= {' '.join(f'<[{token}]>' for token in tokens)}\n"
