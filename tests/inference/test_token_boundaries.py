"""Forced text ends at a boundary of the model's tokens, whatever comes next: checked with real vocabularies."""

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from promptweave.compiler.json_schema.compile import compile_schema
from promptweave.demo import shipped_model
from promptweave.demo.model import write_demo_model
from promptweave.inference.engine.engine import ReadyEngine
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.engine.vocabulary import Vocabulary
from promptweave.inference.fast_forward.seams import Seams
from promptweave.inference.grammar.grammar_cache import derivative_of
from promptweave.inference.prompt.prompt import inner_tokens
from promptweave.output.grammar.derivative import Derivative, DerivativeCache
from promptweave.output.grammar.expr import Chars, Expr, Lit, Rep, Seq
from tests.support.inference.in_process import options, watched
from tests.support.output.grammar_matcher import sample

pytestmark = pytest.mark.anyio

VOCABULARIES = Path(__file__).parents[3] / "shared" / "corpus" / "vocab"
NAMES = ("qwen2", "llama-bpe", "gpt-2", "deepseek-llm", "llama-spm", "phi-3")
STARTS = [
    "/",
    ".",
    "#",
    "@",
    "-",
    "--",
    "$",
    "<",
    "[",
    "(",
    "{",
    "_",
    "%",
    "&",
    "!",
    "?",
    "=",
    "//",
    "a",
    "7",
    "é",
    "日",
    " ",
    '\\"',
]


def record(*keys: str, value: Any) -> dict[str, Any]:
    return {"type": "object", "properties": dict.fromkeys(keys, value), "required": [*keys], "additionalProperties": False}


SCHEMAS = {
    "text": record("path", "target", value={"type": "string"}),
    "number": record("n", "the_total", value={"type": "number"}),
    "integer": record("count", value={"type": "integer", "minimum": -99}),
    "enum": record("unit", value={"enum": ["celsius", "#none", "-", ""]}),
    "list": record("tags", value={"type": "array", "items": {"type": "string"}}),
    "nested": record("outer", value=record("inner_key", "x", value={"type": "boolean"})),
    "pattern": record("color", value={"type": "string", "pattern": "^(#|/|é)[a-z]{0,3}$"}),
    "choice": {"anyOf": [record("one", value={"type": "string"}), record("only", value={"type": "null"})]},
}


@pytest.fixture(scope="module", params=["shipped", *NAMES])
async def engine(
    anyio_backend: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ReadyEngine]:
    """An engine with some vocabulary."""
    model = shipped_model()
    if request.param != "shipped":
        if not VOCABULARIES.is_dir():
            pytest.skip("shared/corpus is not here")
        model = tmp_path_factory.mktemp("model") / "m.gguf"
        write_demo_model(model, vocab=VOCABULARIES / f"ggml-vocab-{request.param}.gguf")
    supervisor = Supervisor(options(model))
    async with watched(supervisor):
        ready = supervisor.ready()
        if not ready.rounds.append:
            assert ready.model_info.separator, "the only reason here"
            pytest.skip("the vocabulary puts a space before every text: nothing is appended there")
        yield ready


async def check(engine: ReadyEngine, text: str, following: Derivative, goes_on: list[str]) -> int:
    """Whatever comes next, the tokens of the whole text begin with those that are appended. Returns how many those are."""
    assert engine.model_info.token_texts
    found = await Seams(engine.client, engine.model_info, engine.model_info.token_texts).tokens(text, following, ())
    appended = "".join(piece for piece, _ in found)
    assert text.startswith(appended)
    for more in goes_on:
        whole = await inner_tokens(engine.client, engine.model_info, text + more)
        assert whole[: len(found)] == [token for _, token in found], (text, more)
    return len(found)


@pytest.mark.parametrize("name", SCHEMAS)
async def test_no_token_crosses_a_seam(engine: ReadyEngine, name: str) -> None:
    """At every place of some answers where text is forced."""
    start = await derivative_of(compile_schema(SCHEMAS[name]).grammar)
    assert start
    rng = random.Random(name)
    appended = 0
    for _ in range(3):
        text, seen = sample(start.grammar(), rng, budget=40), set()
        for place in range(len(text)):
            state = start.after(text[:place])
            assert state
            following = state.after(state.forced_text())
            assert following
            if not state.forced_text() or (state, following) in seen:
                continue
            seen.add((state, following))
            more = [sample(following.grammar(), rng, budget=20) for _ in range(4)]
            more += [begin + "x" for begin in STARTS if following.after(begin)]
            appended += await check(engine, state.forced_text(), following, more)
    assert appended


@pytest.mark.parametrize("text", ['{"a": "', '["', '", "b": "', '": "', '{"a": ', "}\n</call>", " ", "x ", "key: "])
async def test_behind_any_text_anything_may_come(engine: ReadyEngine, text: str) -> None:
    anything = DerivativeCache({"root": Rep(Chars(((1, 0x10FFFF),)), 0, None)}).start()
    await check(engine, text, anything, [*STARTS, *(start + "abc" for start in STARTS), "", "\n", "\n\n", '"', '",', "  "])


async def test_these_tests_see_a_seam_inside_a_token(engine: ReadyEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Vocabulary, "crossings", lambda self, text, following: iter(()))
    anything = DerivativeCache({"root": Rep(Chars(((1, 0x10FFFF),)), 0, None)}).start()
    seen = 0
    for text in ('", "b": "', "x ", '["', "ab", "the", "{"):
        try:
            await check(engine, text, anything, [*STARTS, "abc", "ing", '"', "\n"])
        except AssertionError:
            seen += 1
    assert seen


def start_of(expr: Expr) -> Derivative:
    return DerivativeCache({"root": expr}).start()


TOKENS = Vocabulary(['"', ' "', '"/', '"#', '"\ufffd', "a", "ab", "abc", ":", "\n"])


@pytest.mark.parametrize(
    ("text", "following", "crossings"),
    [
        pytest.param('x"', Lit("/"), [1], id="a-token-goes-on"),
        pytest.param('x"', Lit("-"), [], id="the-grammar-is-against-it"),
        pytest.param('x"', Chars(((0x30, 0x39),)), [], id="digits"),
        pytest.param('x"', Lit("é"), [1], id="part-of-a-character"),
        pytest.param("a", Seq((Lit("b"), Lit("c"))), [0], id="two-characters"),
        pytest.param("xa", Seq((Lit("b"), Lit("d"))), [1], id="the-shorter-one"),
        pytest.param('"', Rep(Chars(((1, 0x10FFFF),)), 0, None), [0], id="anything"),
    ],
)
def test_where_tokens_cross(text: str, following: Expr, crossings: list[int]) -> None:
    assert [*TOKENS.crossings(text, start_of(following))] == crossings


def test_texts_of_tokens() -> None:
    assert TOKENS.text(1) == ' "'
    assert TOKENS.text(4) is None
    assert TOKENS.text(10) is None
    assert TOKENS.text(-1) is None
