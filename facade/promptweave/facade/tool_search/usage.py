"""Token counts and durations of an answer that was generated in several rounds."""

from collections.abc import Sequence

from promptweave.v1 import inference_pb2


def total_finish(rounds: Sequence[inference_pb2.Finish]) -> inference_pb2.Finish:
    """Return the end of the last round, with what all rounds cost.

    Prompt tokens are those of the last prompt, which contains the earlier ones and their searches: a client that adds the
    completion knows how full the context is. Prompt tokens that were not cached are those that any round evaluated, so
    cached ones are the rest. Completion and reasoning tokens are all that were generated, the calls of searches included.
    """
    total = inference_pb2.Finish()
    total.CopyFrom(rounds[-1])
    usages = [finish.usage for finish in rounds]
    evaluated = sum(usage.prompt_tokens - usage.cached_tokens for usage in usages)
    total.usage.cached_tokens = max(total.usage.prompt_tokens - evaluated, 0)
    total.usage.completion_tokens = sum(usage.completion_tokens for usage in usages)
    if any(usage.HasField("reasoning_tokens") for usage in usages):
        total.usage.reasoning_tokens = sum(usage.reasoning_tokens for usage in usages)
    total.timings.prompt_ms = sum(finish.timings.prompt_ms for finish in rounds)
    total.timings.predicted_ms = sum(finish.timings.predicted_ms for finish in rounds)
    return total
