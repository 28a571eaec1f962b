"""Every answer in the tests of the facade is checked: see `tests/support/facade/response_validation.py`."""

from tests.support.facade.response_validation import noted_answers, watched_answers

__all__ = ["noted_answers", "watched_answers"]
