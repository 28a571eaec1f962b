"""Answers for clients that receive nothing of searches."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from promptweave.facade.tool_search.history import SearchRound
from promptweave.facade.tool_search.rounds import Answers
from promptweave.v1 import inference_pb2, output_pb2


async def without_searches(answers: Answers) -> AsyncGenerator[inference_pb2.GenerateResponse, None]:
    """Yield an answer without its searches. Text before a search and text after it are separated by a blank line."""
    has_content = False
    is_apart = False
    async with aclosing(answers):
        async for answer in answers:
            if isinstance(answer, SearchRound):
                is_apart = has_content
                continue
            for event in answer.events:
                if event.delta.content and is_apart:
                    yield _content("\n\n")
                    is_apart = False
                has_content = has_content or bool(event.delta.content)
            yield answer


def _content(text: str) -> inference_pb2.GenerateResponse:
    return inference_pb2.GenerateResponse(events=[inference_pb2.GenerateEvent(delta=output_pb2.OutputDelta(content=text))])
