"""The Prompt Explorer, the page at `/`: static files, which use only the public routes."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi.responses import Response

from promptweave.facade.http.router import ApiRouter

_FOLDER = Path(__file__).parent
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

EXPLORER_FILES = {
    "/" if file.name == "index.html" else f"/explorer/{file.name}": file
    for file in sorted(_FOLDER.iterdir())
    if file.suffix in _TYPES
}
"""Path → file."""

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""Nothing from other origins, and nothing inline."""


def explorer_router() -> ApiRouter:
    """Return the routes. They are parts of a page, and not of the API: the OpenAPI document does not have them."""
    router = ApiRouter()
    for path, file in EXPLORER_FILES.items():
        router.add_api_route(path, _sending(file), methods=["GET", "HEAD"], include_in_schema=False)
    return router


def _sending(file: Path) -> Callable[[], Awaitable[Response]]:
    body, headers = file.read_bytes(), {"content-security-policy": _CSP}

    async def send() -> Response:
        return Response(body, media_type=_TYPES[file.suffix], headers=headers)

    return send
