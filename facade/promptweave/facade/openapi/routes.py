"""`/openapi.json`, and `/docs`, its readable form: a page without scripts, which needs nothing from other origins."""

import json
from html import escape
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse

from promptweave.facade.openapi.document import OPERATIONS, Operation, openapi_document

_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "pre{background:#f4f4f4;padding:1rem;overflow:auto}"
)

_CSP = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}
"""This page alone may have its own style, and nothing else."""


def add_docs(app: FastAPI) -> None:
    """Add the routes."""
    document = openapi_document(version("promptweave"))
    page = _page(document)

    @app.get("/openapi.json")
    async def openapi() -> JSONResponse:
        """Return the OpenAPI document."""
        return JSONResponse(document)

    @app.get("/docs")
    async def docs() -> HTMLResponse:
        """Return the same as a page."""
        return HTMLResponse(page, headers=_CSP)


def _page(document: dict[str, Any]) -> str:
    info = document["info"]
    return (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])}</title><style>{_STYLE}</style>'
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info['description'])} "
        'The complete document is <a href="openapi.json">openapi.json</a>.</p>'
        + "".join(map(_section, OPERATIONS))
        + "</html>"
    )


def _section(operation: Operation) -> str:
    shown = f"<h2>{operation.method.upper()} {escape(operation.path)}</h2><p>{escape(operation.summary)}</p>"
    if operation.body is None:
        return shown
    fields = ", ".join(f"<code>{escape(field.alias or name)}</code>" for name, field in operation.body.model_fields.items())
    return f"{shown}<p>{fields}</p><pre>{escape(json.dumps(operation.example, indent=2))}</pre>"
