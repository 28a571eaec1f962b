"""Every response to a client is validated: see `tests/support/facade/response_validation.py`."""

from tests.support.facade.response_validation import recorded_responses, validated_responses

__all__ = ["recorded_responses", "validated_responses"]
