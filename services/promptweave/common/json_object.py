"""The type of JSON objects."""

from typing import Any

JsonObject = dict[str, Any]
"""A JSON object as Python's json module returns it. For objects whose keys are fixed, a TypedDict says more."""
