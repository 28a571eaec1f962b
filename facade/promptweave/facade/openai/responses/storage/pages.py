"""Pages of a list of items."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query
from pydantic import WithJsonSchema

from promptweave.facade.errors import RequestError
from promptweave.facade.openai.responses.response.objects import ItemList

MAX_LISTED = 100
"""Items of a page, at most."""

_NUMBER = re.compile("0*[0-9]{1,3}", re.ASCII)

Limit = Annotated[
    str,
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_LISTED}),
    Query(description="The number of items to list"),
]
Order = Annotated[
    str, WithJsonSchema({"enum": ["asc", "desc"]}), Query(description="`asc`: oldest first; `desc`: newest first")
]
After = Annotated[str | None, Query(description="The id of an item: list those that follow it")]


def page_of(items: Sequence[dict[str, Any]], *, limit: str, order: str, after: str | None) -> ItemList:
    """Return a page of `items`, which are sorted by age, oldest first. Raises RequestError.

    `limit`: the number of items, in decimal digits. `order`: `asc`, oldest first, or `desc`. `after`: the id of the item
    before the page.
    """
    if not (_NUMBER.fullmatch(limit) and 1 <= int(limit) <= MAX_LISTED):
        raise RequestError(f"limit: must be an integer from 1 to {MAX_LISTED}", path="/limit")
    if order not in ("asc", "desc"):
        raise RequestError("order: must be asc or desc", path="/order")
    listed = list(items) if order == "asc" else list(reversed(items))
    if after is not None:
        ids = [item["id"] for item in listed]
        if after not in ids:
            raise RequestError(f"after: item {after!r} is not in this list", path="/after")
        listed = listed[ids.index(after) + 1 :]
    page = listed[: int(limit)]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(page) < len(listed),
    }
