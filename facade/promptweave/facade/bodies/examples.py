"""Values of the examples in the OpenAPI document: a request to book a trip, in the form of each API."""

from typing import Any

TRIP: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "days": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
QUESTION = "Three days in Oslo, please."
MESSAGES = [{"role": "user", "content": QUESTION}]
TOOL = "book_trip"
TOOL_DESCRIPTION = "Books a trip"
