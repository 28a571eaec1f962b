"""Responses that are generated in the background: the client polls for them, and may cancel them."""

import asyncio
import logging
from contextlib import aclosing

from fastapi import Request

from promptweave.errors import PromptweaveError
from promptweave.facade.http.event_stream import Pieces
from promptweave.facade.openai.responses.run import ResponseRun
from promptweave.facade.openai.responses.storage.stored import Responses

logger = logging.getLogger(__name__)


class BackgroundResponses:
    """The responses that this process generates in the background. Their state is in memory until they end."""

    def __init__(self, responses: Responses) -> None:
        self._responses = responses
        self._running: dict[tuple[str, str], tuple[asyncio.Task[None], ResponseRun]] = {}

    def start(self, run: ResponseRun) -> Pieces:
        """Start to generate a response. Returns its events; it continues when nobody reads them."""
        self._responses.begin_stream(run.owner, run.stored, run.log)
        self._running[run.owner, run.id] = asyncio.create_task(self._generate(run)), run
        return run.log.read()

    async def cancel(self, owner: str, id: str) -> None:
        """Cancel a response, if it is being generated. One that has just ended is stored when this returns."""
        if (found := self._running.get((owner, id))) is None:
            return
        task, run = found
        if run.stored.response["status"] in ("queued", "in_progress"):
            task.cancel()
        await asyncio.wait({task})
        if self._running.pop((owner, id), None):
            await run.cancel()
            self._responses.end_stream(owner, id)

    async def close(self) -> None:
        """Cancel all responses."""
        for owner, id in [*self._running]:
            await self.cancel(owner, id)

    async def _generate(self, run: ResponseRun) -> None:
        try:
            async with aclosing(run.pieces()) as pieces:
                async for _ in pieces:
                    pass
        except PromptweaveError as error:
            await run.failed(error)
        except Exception:
            logger.exception("a response failed in the background")
            await run.end("server_error", "internal error")
        del self._running[run.owner, run.id]
        self._responses.end_stream(run.owner, run.id)


def background_of(request: Request) -> BackgroundResponses:
    """Return the responses that the application generates in the background."""
    background: BackgroundResponses = request.app.state.background
    return background
