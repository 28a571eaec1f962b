"""What the facade answers to clients is checked: see `tests/answers.py`."""

from ..answers import noted_answers, watched_answers

__all__ = ["noted_answers", "watched_answers"]
