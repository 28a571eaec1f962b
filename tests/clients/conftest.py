"""What the facade answers to clients is checked: see `tests/support/facade/response_validation.py`."""

from tests.support.facade.response_validation import noted_answers, watched_answers

__all__ = ["noted_answers", "watched_answers"]
