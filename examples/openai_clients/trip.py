"""Shared by the examples in this folder: a question, and the format of its answer."""

import os
from typing import Literal

from pydantic import BaseModel, Field

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://localhost:8080/v1")
API_KEY = os.environ.get("OPENAI_API_KEY", "none")
MODEL = "gpt-4o"
"""OpenAI's names select the loaded model."""
QUESTION = "as JSON: the city is Oslo, the days are 3"


class Trip(BaseModel):
    """A trip to book."""

    city: Literal["Bergen", "Oslo", "Rome"]
    days: int = Field(ge=1, le=9)


def book(city: Literal["Bergen", "Oslo", "Rome"], days: Literal[1, 2, 3]) -> str:
    """Books a trip.

    Args:
        city: where to
        days: how long
    """
    return f'{{"booked": "{city}", "days": {days}}}'
