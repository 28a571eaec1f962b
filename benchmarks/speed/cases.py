"""The requests: the same for both sides."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

LIMIT = 160
"""Maximum tokens of an answer: a model that rambles is cut, on both sides."""


@dataclass(frozen=True)
class Case:
    """A chat request except for its last user message, which changes from round to round."""

    group: str
    name: str
    body: Json
    for_peer: Json = field(default_factory=dict)
    """Fields that the engine's own endpoint gets instead."""

    def request(self, round_number: int, *, peer: bool) -> Json:
        """Return the body of a request."""
        body = {**self.body, **(self.for_peer if peer else {})}
        *before, last = body["messages"]
        # The end of the prompt is new in each round, and the same for both.
        text = f"{last['content']} ({round_number})"
        return {**body, "messages": [*before, {**last, "content": text}], "temperature": 0, "seed": 1, "max_tokens": LIMIT}


def text(most: int = 16) -> Json:
    """Return the schema of a short string: random weights would never end it."""
    return {"type": "string", "maxLength": most}


def integer(low: int = 0, high: int = 1000) -> Json:
    """Return the schema of an integer."""
    return {"type": "integer", "minimum": low, "maximum": high}


def choice(*values: str) -> Json:
    """Return the schema of a choice of strings."""
    return {"type": "string", "enum": list(values)}


def record(**properties: Json) -> Json:
    """Return the schema of an object with all of these properties."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def items(item: Json, low: int, high: int) -> Json:
    """Return the schema of an array."""
    return {"type": "array", "items": item, "minItems": low, "maxItems": high}


def tool(name: str, parameters: Json, description: str = "") -> Json:
    """Return a tool."""
    return {
        "type": "function",
        "function": {"name": name, "description": description or name.replace("_", " "), "parameters": parameters},
    }


_UNIT = {
    **choice("celsius", "fahrenheit"),
    "description": "The temperature unit to use. Infer this from the users location.",
}
_PLACE = {**text(24), "description": "The city and state, e.g. San Francisco, CA"}
_DAYS = {**integer(1, 14), "description": "The number of days to forecast"}
README_TOOLS = [
    tool("get_current_weather", record(location=_PLACE, format=_UNIT), "Get the current weather"),
    tool(
        "get_n_day_weather_forecast",
        record(location=_PLACE, format=_UNIT, num_days=_DAYS),
        "Get an N-day weather forecast",
    ),
]
README_MESSAGES = [
    {
        "role": "system",
        "content": "Do not make assumptions about what values to plug into functions. "
        "Ask for clarification if a user request is ambiguous.",
    },
    {
        "role": "user",
        "content": "what is the weather going to be like in San Francisco and Glasgow over the next 4 days",
    },
]

VARIED_TOOLS = [
    tool("create_calendar_event", record(title=text(), start_hour=integer(0, 23), duration_minutes=integer(5, 240))),
    tool("send_email", record(recipient=text(), subject=text(), priority=choice("low", "normal", "high"))),
    tool("convert_currency", record(amount=integer(), source_currency=choice("EUR", "USD"), target_currency=text(3))),
    tool("set_thermostat", record(room=choice("kitchen", "bedroom", "office"), target_temperature_celsius=integer(5, 30))),
    tool("book_table", record(restaurant_name=text(), number_of_guests=integer(1, 12), outside={"type": "boolean"})),
    tool("translate_text", record(text=text(), target_language=choice("french", "german", "spanish", "japanese"))),
    tool("search_flights", record(origin=text(3), destination=text(3), cabin=choice("economy", "business"))),
    tool("update_order", record(order_id=integer(), delivery=record(street=text(), postal_code=text(6), city=text()))),
]
VARIED_ASKED = [
    "Put a meeting with Anna at 10 for 30 minutes into my calendar",
    "Write Bob an email about the invoice",
    "How much is 50 EUR in USD?",
    "Make the bedroom 21 degrees warm",
    "Book a table for 4 at Luigi's",
    "Translate hello to German",
    "Find a flight from OSL to LIS",
    "Send order 17 to 5 Main Street in Leeds",
]

_POINT = record(latitude=integer(-90, 90), longitude=integer(-180, 180))
_PERSON = record(first_name=text(), family_name=text(), age_in_years=integer(0, 120))
_COLOURS = choice("red", "orange", "yellow", "green", "blue", "violet")
SCHEMAS: dict[str, Json] = {
    "flat person": _PERSON,
    "flat product": record(
        product_name=text(), price_in_cents=integer(), currency=choice("EUR", "USD"), in_stock={"type": "boolean"}
    ),
    "flat sentiment": record(sentiment=choice("positive", "neutral", "negative"), confidence_percent=integer(0, 100)),
    "flat booleans": record(**{f"is_{name}": {"type": "boolean"} for name in ("urgent", "spam", "question", "complaint")}),
    "flat numbers": record(**{name: integer() for name in ("width", "height", "depth", "weight")}),
    "nested address": record(name=text(), address=record(street=text(), city=text(), country_code=text(2))),
    "nested three deep": record(order=record(customer=record(contact=record(email_address=text())), total=integer())),
    "nested route": record(departure=_POINT, arrival=_POINT, distance_in_kilometres=integer()),
    "nested settings": record(
        display=record(brightness=integer(0, 100), dark_mode={"type": "boolean"}), volume=integer(0, 100)
    ),
    "long keys": record(
        number_of_people_who_attended_the_event=integer(),
        average_temperature_during_the_event_in_celsius=integer(-30, 50),
        name_of_the_venue_where_the_event_took_place=text(),
    ),
    "very long keys": record(**{f"the_answer_to_question_number_{n}_of_the_questionnaire": integer(1, 5) for n in range(5)}),
    "enum": record(colour=_COLOURS),
    "enums": record(primary_colour=_COLOURS, secondary_colour=_COLOURS, finish=choice("matte", "glossy", "satin")),
    "long enum": record(department=choice(*(f"department of {x} affairs" for x in ("home", "foreign", "legal", "social")))),
    "const": record(kind={"const": "invoice"}, version={"const": "2026-11"}, number=integer()),
    "array of integers": record(measurements=items(integer(0, 99), 3, 5)),
    "array of enums": record(tags=items(choice("work", "home", "travel"), 2, 3)),
    "array of objects": record(people=items(record(name=text(8), age=integer(0, 120)), 2, 2)),
    "array of points": record(polygon=items(_POINT, 3, 3)),
    "mixed": record(
        title=text(), status=choice("open", "closed"), reporter=_PERSON, labels=items(_COLOURS, 1, 2), votes=integer()
    ),
}


def cases() -> list[Case]:
    """Return the cases: tool calls and structured output."""
    readme = {"messages": README_MESSAGES, "tools": README_TOOLS}
    name = {"type": "function", "function": {"name": "get_n_day_weather_forecast"}}
    found = [
        Case("tool call", "README, required", {**readme, "tool_choice": "required", "parallel_tool_calls": False}),
        Case(
            "tool call",
            "README, named",
            {**readme, "tool_choice": name},
            # It does not accept a name: offering this tool alone, and requiring a call, is equivalent.
            {"tools": README_TOOLS[1:], "tool_choice": "required", "parallel_tool_calls": False},
        ),
    ]
    for one, asked in zip(VARIED_TOOLS, VARIED_ASKED, strict=True):
        body = {"messages": [{"role": "user", "content": asked}], "tools": VARIED_TOOLS}
        body |= {"tool_choice": "required", "parallel_tool_calls": False}
        found.append(Case("tool call", one["function"]["name"], body))
    for name_, schema in SCHEMAS.items():
        body = {"messages": [{"role": "user", "content": f"An example of: {name_}"}]}
        wanted = {"name": "answer", "strict": True, "schema": schema}
        found.append(
            Case("structured output", name_, {**body, "response_format": {"type": "json_schema", "json_schema": wanted}})
        )
    return found


def many_tools(number: int) -> list[Json]:
    """Return `number` tools, as of a large API."""
    verbs, nouns = (
        ("get", "list", "create", "update", "delete"),
        ("issue", "branch", "user", "team", "label", "release", "run"),
    )
    names = [f"{verb}_{noun}_{n}" for n in range(8) for noun in nouns for verb in verbs]
    return [tool(name, record(id=integer(), note=text())) for name in names[:number]]
