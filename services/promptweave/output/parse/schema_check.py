"""Validates a finished JSON value where its grammar is looser than its schema."""

import json
from functools import lru_cache
from typing import Any

from promptweave.common.cpu_limit import TimeIsUp, bounded

CHECK_S = 1.0
"""CPU seconds of one validation: a pattern or a recursion may take for ever, and whoever reads outputs reads others, too."""

_MAX_LENGTH = 300
"""Of what is said about a violation, in characters: the library quotes the value."""


def find_violation(text: str, schema: str) -> tuple[str, str] | None:
    """Where a JSON text violates a schema (also JSON text): the JSON pointer into the value, and why. None: it does not.

    What cannot be judged counts as a violation: nothing is passed off as valid that was not found to be.
    """
    # Most processes that read outputs never validate one.
    from jsonschema.exceptions import best_match

    try:
        with bounded(CHECK_S):
            error = best_match(_validator(schema).iter_errors(json.loads(text)))
    except TimeIsUp:
        return "", f"the value cannot be checked: that takes more than {CHECK_S:g} s"
    except Exception as problem:
        return "", f"the value cannot be checked: {problem}"[:_MAX_LENGTH]
    if error is None:
        return None
    pointer = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in error.absolute_path)
    return pointer, error.message[:_MAX_LENGTH]


@lru_cache(maxsize=256)
def _validator(schema: str) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for
    from jsonschema_specifications import REGISTRY

    value = json.loads(schema)
    # A registry of the metaschemas alone: references to elsewhere are never fetched.
    return validator_for(value, default=Draft202012Validator)(value, registry=REGISTRY)
