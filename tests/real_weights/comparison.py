"""Compares the answer that is fast-forwarded with the one whose tokens are all sampled, and explains where they differ.

The engine's arithmetic depends on how many tokens it evaluates together: the log-probability of a token moves by some 0.1 to
0.4 with the models that are used here (quantized to 4 bits, on a CPU). So at temperature 0 either of two likely tokens may
win, and no two ways to write an answer always give the same words. A difference is a tie where the engine itself, given just
the same tokens, prefers either, by nothing but the number of tokens that it evaluates together.
"""

from dataclasses import dataclass
from typing import Any

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.service.convert import compiled_to_wire
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.inference.client.llama_client import Chunk, EngineClient
from promptweave.inference.engine.engine import ReadyEngine
from promptweave.inference.fast_forward.fast_forward import complete_in_rounds, fast_forward_state
from promptweave.inference.fast_forward.round_stops import MIN_CHARACTERS
from promptweave.inference.fast_forward.seams import Seams
from promptweave.inference.generation.message import engine_body
from promptweave.inference.prompt.prompt import engine_prompt
from promptweave.inference.prompt.request import CompiledPrompt, Request
from promptweave.inference.service.generate_request import program_from_wire
from promptweave.output.grammar.derivative import Derivative
from promptweave.v1 import prompt_compiler_pb2
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.real_weights.cases import Case
from tests.support.inference.requests import Answer, read_on, request, sampling

MAX_TOKENS = 96
SPLITS = (None, *range(1, 13))
LOOKED_BACK = 4
"""Tokens before the first character that differs: the models may have parted in tokens of the same text."""
TIE = 0.01


@dataclass(frozen=True)
class Difference:
    """Where two answers to one request differ. Log-probabilities are those of the sampled token, and of the other one."""

    case: str
    forwarded: str
    sampled: str
    tokens: tuple[str, str]
    """The sampled token and the other one."""
    gaps: tuple[float, ...]
    """How much likelier the sampled one is, for each way to evaluate the tokens before it."""

    @property
    def tie(self) -> bool:
        """Whether the engine's arithmetic decides."""
        return bool(self.gaps) and min(self.gaps) < TIE

    def __str__(self) -> str:
        gaps = f"{self.tokens}, gaps {min(self.gaps):.3f} to {max(self.gaps):.3f}" if self.gaps else "no token explains it"
        kind = "tie" if self.tie else "DIFFERENT"
        return f"{self.case}: {kind}, {gaps}\n   forwarded {self.forwarded}\n   sampled   {self.sampled}"


def compiled(case: Case, engine: ReadyEngine) -> prompt_compiler_pb2.CompiledPrompt:
    """The request, compiled for the engine's model."""
    facts = engine.model_info
    template = ChatTemplate(facts.template or "", facts.bos, facts.eos, special_tokens=facts.special_tokens)
    return compiled_to_wire(compile_prompt(case.request, template))


async def written(stub: InferenceServiceStub, prompt: prompt_compiler_pb2.CompiledPrompt, *, fast_forward: bool) -> Answer:
    """The answer at temperature 0."""
    how = {"sampling": sampling(temperature=0), "max_tokens": MAX_TOKENS, "fast_forward": fast_forward}
    return await read_on(stub.Generate(request(prompt, **how), timeout=120))


def shown(answer: Answer) -> str:
    """All that a client sees."""
    return repr((answer.content, answer.reasoning, answer.calls, answer.finish.reason))


async def difference(engine: ReadyEngine, case: Case) -> Difference | None:
    """How the texts differ that the model writes for it. None: they do not."""
    program, parts, body = await _prepared(engine, case)
    state = await fast_forward_state(program, body, engine.model_info)
    assert state

    async def raw(*, append: bool, **more: Any) -> list[Chunk]:
        rounds = complete_in_rounds(engine.client, engine.model_info, {**body, **more}, program, state, append=append)
        return [chunk async for batch in rounds for chunk in batch]

    fast, slow = await raw(append=True), await raw(append=False, n_probs=200)
    forwarded, sampled = ("".join(chunk.text for chunk in chunks) for chunks in (fast, slow))
    cut = fast[-1].stop_type == slow[-1].stop_type == "limit"
    # Where both are cut, as many tokens may be a little more text: the words are the same as far as both go.
    if forwarded == sampled or (cut and (forwarded.startswith(sampled) or sampled.startswith(forwarded))):
        return None
    chunks = [chunk for chunk in slow if chunk.scores]
    ids = await engine.client.tokenize(parts, parse_special=True, add_special=engine.model_info.adds_bos)
    tokens, gaps = await _parting(engine, ids, chunks, forwarded, state)
    return Difference(case.name, forwarded, sampled, tokens, gaps)


async def _parting(
    engine: ReadyEngine, ids: list[int], chunks: list[Chunk], other: str, state: Derivative
) -> tuple[tuple[str, str], tuple[float, ...]]:
    """The sampled token in which they part and the other one, and how much likelier the former is."""
    ids, place, forced, found = [*ids], 0, 0, ("", "")
    gaps: tuple[float, ...] = ()
    text = "".join(chunk.text for chunk in chunks)
    same = next((n for n, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), min(len(text), len(other)))
    for number, chunk in enumerate(chunks):
        assert chunk.scores
        assert chunk.token is not None
        ahead = "".join(each.text for each in chunks[number : number + LOOKED_BACK])
        # A token that is forced was not chosen.
        forced = max(forced, place + await _forced(engine, state))
        if place <= same <= place + len(ahead) and place >= forced:
            for one in chunk.scores.top:
                piece = one.text.decode(errors="replace")
                # It ends the turn where the other answer is over.
                fits = other.startswith(piece, place) if place < len(other) else piece in engine.model_info.special_tokens
                if one.token != chunk.token and fits:
                    moved = await _gaps(engine.client, ids, chunk.token, one.token)
                    if moved and (not gaps or min(moved) < min(gaps)):
                        gaps, found = moved, (chunk.text, piece)
        place += len(chunk.text)
        ids.append(chunk.token)
        state = state.after(chunk.text) or state
    return found, gaps


async def _forced(engine: ReadyEngine, state: Derivative) -> int:
    """How many characters are written here without being chosen."""
    text = state.forced_text()
    following = state.after(text)
    if len(text) < MIN_CHARACTERS or not following or not engine.model_info.token_texts:
        return 0
    seams = Seams(engine.client, engine.model_info, engine.model_info.token_texts)
    return sum(len(piece) for piece, _ in await seams.tokens(text, following, engine.model_info.special_tokens))


async def _gaps(client: EngineClient, ids: list[int], chosen: int, other: int) -> tuple[float, ...]:
    """How much likelier one token is than the other, by how many of the tokens before are evaluated together."""
    gaps = []
    for split in SPLITS:
        if split:
            await _likeliest(client, [*ids[:-split], ids[0]], cache=False)
        found = await _likeliest(client, ids, cache=split is not None)
        if chosen in found and other in found:
            gaps.append(found[chosen] - found[other])
    return tuple(gaps)


async def _likeliest(client: EngineClient, ids: list[int], *, cache: bool) -> dict[int, float]:
    body = {"prompt": ids, "temperature": 0, "n_predict": 1, "n_probs": 200, "cache_prompt": cache}
    async with client.complete(body) as batches:
        found = [chunk.scores.top async for batch in batches for chunk in batch if chunk.scores]
    return {one.token: one.logprob for top in found for one in top}


async def freely(engine: ReadyEngine, case: Case) -> str:
    """What the model writes where it samples every token as it likes under the grammar: no rounds, and no seams."""
    _, _, body = await _prepared(engine, case)
    async with engine.client.complete(body) as batches:
        return "".join([chunk.text async for batch in batches for chunk in batch])


async def forwarded(engine: ReadyEngine, case: Case) -> str:
    """What it writes as by default."""
    program, _, body = await _prepared(engine, case)
    state = await fast_forward_state(program, body, engine.model_info)
    assert state
    rounds = complete_in_rounds(engine.client, engine.model_info, body, program, state, append=True)
    return "".join([chunk.text async for batch in rounds for chunk in batch])


async def _prepared(engine: ReadyEngine, case: Case) -> tuple[CompiledPrompt, str, dict[str, Any]]:
    """The compiled prompt, its text, and the body for the engine."""
    program = program_from_wire(compiled(case, engine))
    parts = await engine_prompt(engine.client, engine.model_info, program.segments)
    assert isinstance(parts, str)
    return (
        program,
        parts,
        {**engine_body(Request(program), engine.model_info, parts), "temperature": 0, "n_predict": MAX_TOKENS},
    )
