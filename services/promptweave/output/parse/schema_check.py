"""Validates a complete JSON value whose grammar is looser than its schema."""

import json
from functools import lru_cache
from typing import Any

from promptweave.common.cpu_limit import TimeIsUp, bounded
from promptweave.common.json_pointer import pointer_token

CHECK_S = 1.0
"""CPU seconds per validation: a pattern or a recursion may not terminate, and the process also parses other outputs."""

_MAX_LENGTH = 300
"""The maximum length of a violation's message, in characters: the library quotes the value."""


def find_violation(text: str, schema: str) -> tuple[str, str] | None:
    """Return the first violation of a schema (JSON text) by a JSON text: the JSON pointer into the value, and the reason.

    Returns None if there is none. A value that cannot be checked counts as a violation: only validated values pass.
    """
    # Imported here because most processes that parse outputs never validate one.
    from jsonschema.exceptions import best_match

    try:
        with bounded(CHECK_S):
            error = best_match(_validator(schema).iter_errors(json.loads(text)))
    except TimeIsUp:
        return "", f"the value cannot be validated within {CHECK_S:g} s"
    except Exception as problem:
        return "", f"the value cannot be validated: {problem}"[:_MAX_LENGTH]
    if error is None:
        return None
    return "".join(map(pointer_token, error.absolute_path)), error.message[:_MAX_LENGTH]


@lru_cache(maxsize=256)
def _validator(schema: str) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for
    from jsonschema_specifications import REGISTRY

    value = json.loads(schema)
    # A registry with only the metaschemas: remote references are never fetched.
    return validator_for(value, default=Draft202012Validator)(value, registry=REGISTRY)
