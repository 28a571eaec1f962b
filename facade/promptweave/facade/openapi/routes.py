"""`/openapi.json`, and `/docs`, its readable form: a page without scripts, which needs nothing from other origins."""

import asyncio
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse

from promptweave.facade.http.router import ApiRouter
from promptweave.facade.openapi.page import page_of_document

_CSP = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}
"""This page alone may have its own style, and nothing else."""

router = ApiRouter()


@router.get("/openapi.json", response_model=dict[str, Any], summary="This document")
async def get_openapi_document(request: Request) -> JSONResponse:
    """Return the OpenAPI document, made from the routes at the first request."""
    return JSONResponse(await _document(request))


@router.get("/docs", response_class=HTMLResponse, summary="This document as a web page")
async def get_documentation(request: Request) -> HTMLResponse:
    """Return the OpenAPI document as a page."""
    return HTMLResponse(page_of_document(await _document(request)), headers=_CSP)


async def _document(request: Request) -> dict[str, Any]:
    # The first call takes a third of a second, which must not hold up streams.
    document: dict[str, Any] = await asyncio.to_thread(request.app.openapi)
    return document
