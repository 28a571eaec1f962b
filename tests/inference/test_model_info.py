"""What is learnt of a loaded model."""

from pathlib import Path

import pytest

from promptweave.demo.model import demo_template, write_demo_model
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.engine.model_info import query_model_info
from tests.support.inference.in_process import options, watched

pytestmark = pytest.mark.anyio


async def test_of_an_engine_of_our_own(engine: Supervisor) -> None:
    facts = engine.ready().model_info
    assert facts.model_id == "demo"
    assert facts.engine.startswith("xllamacpp 20")
    assert (facts.context_size, facts.slots) == (512, 2)
    assert (facts.eos, facts.adds_bos) == ("<|im_end|>", False)
    assert (facts.template, facts.named_templates) == (demo_template(), {})
    assert facts.hidden == ()


async def test_of_the_same_engine_as_a_stranger(engine: Supervisor) -> None:
    """Without the file: the template over HTTP, and the special tokens that it spells."""
    facts = await query_model_info(engine.ready().client, model=None, model_id=None, engine="")
    # Over HTTP the last newline is gone, as it is from what the template renders.
    assert facts.template == demo_template().rstrip("\n")
    assert set(facts.hidden) >= {"<|im_start|>", "<|im_end|>"}
    assert "<tools>" not in facts.hidden
    assert facts.engine.startswith("llama.cpp ")
    assert facts.model_id


@pytest.mark.parametrize(
    ("given", "context_size", "slots"),
    [
        pytest.param({"parallel": 1, "ctx_size": 256}, 256, 1, id="one"),
        pytest.param({"parallel": 3, "ctx_size": 512}, 512, 3, id="the-context-is-one-slot's"),
        pytest.param({"parallel": 1, "ctx_size": None}, 32_768, 1, id="the-model's"),
    ],
)
async def test_sizes(demo_model: Path, given: dict[str, int], context_size: int, slots: int) -> None:
    engine = Supervisor(options(demo_model, **given))
    async with watched(engine):
        facts = engine.ready().model_info
    assert (facts.context_size, facts.slots) == (context_size, slots)


async def test_a_name_of_the_operator_and_no_template(tmp_path: Path) -> None:
    model = tmp_path / "untold.gguf"
    write_demo_model(model, template="")
    engine = Supervisor(options(model, model_id="mine"))
    async with watched(engine):
        facts = engine.ready().model_info
    # Over HTTP the engine would tell a template that it made up.
    assert (facts.model_id, facts.template) == ("mine", None)
