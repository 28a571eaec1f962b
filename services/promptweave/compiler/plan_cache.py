"""What requests share that differ only in their messages: the plan, its outputs, and the texts that the template drops."""

from functools import lru_cache

from promptweave.compiler.messages.fallback import StandIns
from promptweave.compiler.plan.output import AnswerOutput, answer_output
from promptweave.compiler.plan.plan import PlanSpec, plan
from promptweave.compiler.profile.reasoning_state import Thinking

MAX_PLANS = 8
"""Number of cached plans, which are shared by requests with the same tools, choice and format, whatever their messages."""


class CachedPlan:
    """A plan, and what is computed from it on first use."""

    def __init__(self, spec: PlanSpec) -> None:
        self.plan = plan(spec)
        self.stand_ins = StandIns()
        self._outputs: dict[Thinking, AnswerOutput] = {}

    def output(self, state: Thinking) -> AnswerOutput:
        """Return the output for a reasoning state: always the same object, whose wire form is cached by identity."""
        if state not in self._outputs:
            self._outputs[state] = answer_output(self.plan, state)
        return self._outputs[state]


cached_plan = lru_cache(maxsize=MAX_PLANS)(CachedPlan)
"""Returns the plan of a `PlanSpec`. Raises CompilerError, which is not cached."""
