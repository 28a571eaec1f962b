"""Tools to try the agent with. The weather is made up: there are no network requests."""

from typing import Annotated, Literal

from pydantic import Field

Location = Annotated[str, Field(description="The city and state, e.g. San Francisco, CA")]
Format = Annotated[Literal["celsius", "fahrenheit"], Field(description="The temperature unit to use.")]
Days = Annotated[int, Field(description="The number of days to forecast", ge=1, le=14)]
Weather = dict[str, int | str]

KNOWN: dict[str, tuple[int, str]] = {
    "glasgow": (9, "rain"),
    "oslo": (-2, "snow"),
    "paris": (14, "cloudy"),
    "rome": (21, "sunny"),
    "san francisco": (17, "foggy"),
}


def get_current_weather(location: Location, format: Format) -> Weather:
    """Get the current weather"""
    celsius, sky = _look_up(location)
    return {"temperature": _in(celsius, format), "sky": sky}


def get_n_day_weather_forecast(location: Location, format: Format, num_days: Days) -> Weather:
    """Get an N-day weather forecast"""
    celsius, sky = _look_up(location)
    return {"temperature": _in(celsius + num_days, format), "sky": sky}


def _look_up(location: str) -> tuple[int, str]:
    city = location.partition(",")[0].strip().lower()
    if city not in KNOWN:
        raise LookupError(f"no weather is known for {location}, but for {', '.join(KNOWN)}")
    return KNOWN[city]


def _in(celsius: int, unit: str) -> int:
    return celsius if unit == "celsius" else round(celsius * 9 / 5 + 32)
