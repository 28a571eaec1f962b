"""The OpenAPI document as a page for people."""

import json
from html import escape

from promptweave.common.json_object import JsonObject

_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "pre{background:#f4f4f4;padding:1rem;overflow:auto}"
)


def page_of_document(document: JsonObject) -> str:
    """Return the page as HTML: all operations, with the fields of their bodies and an example."""
    info, schemas = document["info"], document["components"]["schemas"]
    return (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])}</title><style>{_STYLE}</style>'
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info['description'])} "
        'The complete document is <a href="openapi.json">openapi.json</a>.</p>'
        + "".join(
            _section(method, path, operation, schemas)
            for path, item in document["paths"].items()
            for method, operation in item.items()
        )
        + "</html>"
    )


def _section(method: str, path: str, operation: JsonObject, schemas: JsonObject) -> str:
    section = f"<h2>{method.upper()} {escape(path)}</h2><p>{escape(operation['summary'])}</p>"
    if "requestBody" not in operation:
        return section
    (content,) = operation["requestBody"]["content"].values()
    body = schemas[content["schema"]["$ref"].rpartition("/")[2]]
    fields = ", ".join(f"<code>{escape(name)}</code>" for name in body["properties"])
    examples = "".join(f"<pre>{escape(json.dumps(example, indent=2))}</pre>" for example in body.get("examples", ()))
    return f"{section}<p>{fields}</p>{examples}"
