"""A completion whose reasoning is cut after a number of tokens.

The engine's own budget (`reasoning_budget_tokens`, tried on b11549) does not detect reasoning that the prompt has begun, or
markers that are made of other tokens than it expects. So the completion is stopped here and continues after the closing
marker, which is inserted: another completion, of the same prompt with the reasoning so far, under the grammar of what
follows.
"""

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from promptweave.inference.client.counts import NOTHING
from promptweave.inference.client.llama_client import Batches, Chunk, EngineClient
from promptweave.inference.engine.model_info import ModelInfo
from promptweave.inference.prompt.prompt import engine_prompt
from promptweave.inference.prompt.request import CompiledPrompt, PlainText, ReasoningBudget, TemplateText
from promptweave.output.parse.parser import OutputParser


async def complete_within_budget(
    client: EngineClient, model_info: ModelInfo, body: Mapping[str, Any], program: CompiledPrompt, budget: ReasoningBudget
) -> Batches:
    """Yield the chunks of a completion whose reasoning is cut, as if of one `/completion`. Raises InferenceError."""
    meter = _BudgetMeter(program, budget)
    counts = NOTHING
    if not meter.spent:
        async with client.complete(body) as batches, aclosing(batches):
            async for batch in batches:
                chunks = [chunk for chunk in batch if meter.takes(chunk)]
                if chunks:
                    yield chunks
                    counts = chunks[-1].counts
                if meter.spent:
                    break
            else:
                return
    thought = [PlainText(meter.text)] if meter.text else []
    segments = [*program.segments, *thought, TemplateText(budget.closing)]
    next_body = {**body, "prompt": await engine_prompt(client, model_info, segments)}
    next_body.pop("grammar", None)
    if (grammar := program.engine_grammar_after_reasoning) is not None:
        next_body["grammar"] = grammar
    if next_body["n_predict"] >= 0:
        next_body["n_predict"] -= counts.completion_tokens
        if next_body["n_predict"] <= 0:
            yield [Chunk("", counts, "limit")]
            return
    yield [Chunk(budget.closing, counts)]
    async with client.complete(next_body) as batches, aclosing(batches):
        async for batch in batches:
            yield [replace(chunk, counts=counts + chunk.counts) for chunk in batch]


class _BudgetMeter:
    """Counts the tokens of the reasoning, and keeps the text generated so far."""

    def __init__(self, program: CompiledPrompt, budget: ReasoningBudget) -> None:
        self._parser = OutputParser(program.syntax)
        self._parser.start()
        self._budget = budget.tokens
        self._before = 0 if self._parser.reasoning else None
        self._earlier = 0
        self._counted = 0
        self._over = False
        self.spent = self._parser.reasoning and not budget.tokens
        """The budget is used up, and the reasoning has not ended."""
        self.text = ""

    def takes(self, chunk: Chunk) -> bool:
        """Return whether the chunk is within the budget. The tokens of one character arrive together and may exceed it."""
        if self._over:
            return True
        if self.spent:
            return False
        begun = bool(self._parser.feed(chunk.text)) or self._parser.pending
        if self._before is None and self._parser.reasoning:
            # The token that ends the marker is not part of the reasoning.
            self._before = self._counted if begun else chunk.counts.completion_tokens
        elif self._before is not None and not self._parser.reasoning:
            # It may go on in a later message of the answer.
            self._earlier += self._counted - self._before
            self._before = None
        self._counted = chunk.counts.completion_tokens
        if chunk.stop_type is not None:
            self._over = True
        if self._over or self._before is None:
            self.text += chunk.text
            return True
        used = self._earlier + self._counted - self._before
        self.spent = used >= self._budget
        self.text += chunk.text if used <= self._budget else ""
        return used <= self._budget
