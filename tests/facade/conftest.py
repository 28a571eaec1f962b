"""Every response in the tests of the facade is validated: see `tests/support/facade/response_validation.py`."""

from tests.support.facade.response_validation import recorded_responses, validated_responses

__all__ = ["recorded_responses", "validated_responses"]
