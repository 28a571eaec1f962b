"""Every answer in the tests of the facade is checked: see `tests/answers.py`."""

from ..answers import noted_answers, watched_answers

__all__ = ["noted_answers", "watched_answers"]
