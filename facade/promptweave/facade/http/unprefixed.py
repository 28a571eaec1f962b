"""The API without `/v1`, for clients whose base URL lacks it: `/chat/completions` is `/v1/chat/completions`."""

from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "/v1"


class UnprefixedPaths:
    """Adds the prefix to a path whose first step is one of a route that has it. Plain ASGI, so streams pass unchanged."""

    def __init__(self, app: ASGIApp, paths: Iterable[str]) -> None:
        """Wrap the application. `paths`: those of all of its routes."""
        known = {*paths}
        self._app = app
        self._steps = {
            step
            for path in known
            if path.startswith(f"{PREFIX}/") and f"/{(step := _first_step(path.removeprefix(PREFIX)))}" not in known
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "http" and _first_step(scope["path"]) in self._steps:
            scope = {**scope, "path": PREFIX + scope["path"], "raw_path": PREFIX.encode() + scope["raw_path"]}
        await self._app(scope, receive, send)


def _first_step(path: str) -> str:
    return path.removeprefix("/").partition("/")[0]
