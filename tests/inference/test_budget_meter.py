"""How the tokens of reasoning are counted, also if it goes on in a later message."""

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.request import ChatRequest, Message, Role, Tool
from promptweave.inference.client.counts import Counts
from promptweave.inference.client.llama_client import Chunk
from promptweave.inference.generation.reasoning_budget import _BudgetMeter
from promptweave.inference.prompt.request import CompiledPrompt, ReasoningBudget
from tests.support.compiler.templates import template

SYNTAX = compile_prompt(ChatRequest((Message(Role.USER, "Hi"),), (Tool("look"),)), template("messages")).syntax
THOUGHT, NEXT = "<|channel|>analysis<|message|>", "<|end|><|start|>assistant"


def taken(budget: int, *texts: str) -> list[str]:
    """Return the texts, each a token, that are within the budget."""
    limit = ReasoningBudget(budget, NEXT, None)
    meter = _BudgetMeter(CompiledPrompt((), SYNTAX, budget=limit), limit)
    chunks = [Chunk(text, Counts(0, 0, number, 0, 0)) for number, text in enumerate(texts, 1)]
    return [chunk.text for chunk in chunks if meter.takes(chunk)]


def test_counts_the_reasoning_of_all_messages() -> None:
    texts = [THOUGHT, "a", "b", NEXT, "<|channel|>commentary<|message|>", "I", " look", NEXT, THOUGHT, "c", "d", "e", "f"]
    # The end of a message counts as well.
    assert taken(5, *texts) == texts[:-2]
    assert taken(3, *texts) == texts[:9]
    assert taken(2, *texts) == texts[:3]
    assert taken(50, *texts) == texts


def test_content_does_not_count() -> None:
    texts = [THOUGHT, "a", NEXT, "<|channel|>final<|message|>", *("word " * 9).split(" ")]
    assert taken(2, *texts) == texts
