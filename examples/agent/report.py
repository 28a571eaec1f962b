"""An answer type to try the agent with: `--answer report.py:Report`."""

from typing import Literal

from pydantic import BaseModel, Field


class Report(BaseModel):
    """What the weather is like somewhere."""

    city: str
    temperature: int = Field(ge=-90, le=140)
    sky: Literal["sunny", "cloudy", "foggy", "rain", "snow"]
