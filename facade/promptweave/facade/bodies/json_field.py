"""JSON values of a request that the contract carries as text: schemas, and arguments of calls."""

import json
from typing import Any

from promptweave.facade.errors import RequestError


def json_text(value: Any, path: str) -> str:
    """Return a value of the request as JSON text. Raises RequestError, at `path`, for a value that has none."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, RecursionError) as error:
        raise RequestError(f"not valid JSON: {error}", path=path) from None
    return text
