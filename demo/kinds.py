"""What a parameter can be: its names, its schema, values for it, and the words in which a request mentions a value."""

from dataclasses import dataclass, field
from typing import Any

from words import NUMBERS, Words

ENUMS: list[tuple[list[str], list[str], list[str]]] = [
    # names, values, how a value is mentioned
    (["format", "unit", "units", "scale"], ["celsius", "fahrenheit", "kelvin"], ["in {v}", "in degrees {v}", "as {v}"]),
    (["unit", "units", "system"], ["metric", "imperial"], ["in {v} units", "with {v} units"]),
    (
        ["priority", "urgency", "importance", "severity"],
        ["low", "normal", "medium", "high", "critical"],
        ["with {v} {p}", "at {v} {p}", "as {v} {p}"],
    ),
    (
        ["status", "state", "filter"],
        ["open", "closed", "pending", "done", "active", "archived"],
        ["that are {v}", "with {p} {v}", "which are {v}"],
    ),
    (["size", "volume"], ["small", "medium", "large", "huge"], ["in {v}", "in {p} {v}", "of {p} {v}"]),
    (
        ["color", "colour", "theme"],
        ["red", "green", "blue", "black", "white", "yellow"],
        ["in {v}", "with {p} {v}", "{v} please"],
    ),
    (
        ["format", "output", "type", "file_type"],
        ["pdf", "csv", "json", "html", "xml", "txt"],
        ["as {v}", "in {v} format", "as a {v}"],
    ),
    (["language", "lang", "locale"], ["english", "german", "french", "spanish", "italian", "polish"], ["in {v}"]),
    (["currency", "money"], ["EUR", "USD", "GBP", "JPY", "CHF"], ["in {v}", "paid in {v}"]),
    (["mode", "method", "transport"], ["car", "train", "bike", "bus", "foot", "plane"], ["by {v}"]),
    (
        ["sort", "order", "sort_by", "order_by"],
        ["name", "date", "price", "rating", "newest", "oldest"],
        ["sorted by {v}", "by {v}", "ordered by {v}"],
    ),
    (
        ["level", "quality", "plan", "tier"],
        ["basic", "standard", "premium", "fast", "best", "draft"],
        ["with {p} {v}", "on {v}", "at {p} {v}"],
    ),
    (
        ["period", "interval", "frequency"],
        ["hourly", "daily", "weekly", "monthly", "yearly"],
        ["{v}", "on a {v} basis", "with {v} {p}"],
    ),
]

PLACES = [
    (
        ["location", "city", "place", "town", "area", "region", "where"],
        ["in {v}", "for {v}", "at {v}", "near {v}", "around {v}"],
    ),
    (["origin", "from_city", "start", "departure", "source"], ["from {v}", "starting in {v}", "leaving {v}"]),
    (["destination", "to_city", "target", "arrival", "goal"], ["to {v}", "going to {v}"]),
]
PEOPLE = [
    (
        ["name", "person", "customer", "user", "contact", "full_name", "client"],
        ["for {v}", "named {v}", "called {v}", "of {v}", "whose {p} is {v}"],
    ),
    (["recipient", "to", "assignee", "receiver"], ["to {v}", "addressed to {v}"]),
    (["attendee", "guest", "partner", "companion", "with_user"], ["with {v}", "together with {v}"]),
    (["author", "owner", "creator", "sender"], ["by {v}", "from {v}", "with {p} {v}"]),
]
INTEGERS = [
    (
        ["num_days", "days", "n_days", "day_count", "forecast_days", "number_of_days"],
        ["over the next {v} days", "for {v} days", "for the next {v} days", "{v} days ahead", "the next {v} days"],
    ),
    (
        ["nights", "weeks", "hours", "months", "num_nights", "duration_minutes", "minutes"],
        ["for {v} {u}", "lasting {v} {u}", "for the next {v} {u}"],
    ),
    (
        ["count", "limit", "max_results", "top", "number"],
        ["limited to {v}", "at most {v}", "up to {v}", "only {v} of them", "the first {v}"],
    ),
    (["guests", "people", "adults", "seats", "persons"], ["for {v} {p}", "with {v} {p}"]),
    (["quantity", "amount", "copies", "pieces"], ["{v} of them", "{v} pieces", "times {v}", "{p} {v}"]),
    (["page", "year", "floor", "version", "level", "port", "room"], ["{p} {v}", "on {p} {v}", "with {p} {v}"]),
]
NUMBER_NAMES = (
    ["price", "amount", "budget", "max_price", "total", "rate", "weight", "value"],
    ["of {v}", "for {v} dollars", "with {p} {v}", "at {v}", "under {v}", "{p} {v}"],
)
TEXTS = [
    (
        ["message", "text", "body", "content", "note", "comment", "reason"],
        ["saying {q}", "that says {q}", "with the {p} {q}", "with {p} {q}", "{p}: {v}"],
    ),
    (["title", "subject", "label", "headline", "caption"], ["titled {q}", "with the {p} {q}", "called {q}", "{p}: {v}"]),
    (
        ["query", "topic", "keyword", "search_term", "keywords"],
        ["about {v}", "for {q}", "matching {q}", "on {v}", "{p}: {v}"],
    ),
]
CODES = (
    ["id", "order_id", "reference", "code", "number", "ticket", "key", "{n}_id", "{n}_number"],
    ["{v}", "number {v}", "with {p} {v}", "with the {p} {v}", "id {v}"],
)
DATES = (
    ["date", "day", "when", "start_date", "due_date", "deadline"],
    ["on {v}", "for {v}", "{v}", "due {v}", "starting {v}"],
)
TIMES = (["time", "at", "hour", "start_time"], ["at {v}"])
EMAILS = (
    ["email", "address", "email_address", "recipient_email", "mail"],
    ["to {v}", "at {v}", "with {p} {v}", "using {v}", "my {p} is {v}"],
)
FLAGS = (
    [
        "notify",
        "urgent",
        "gift_wrap",
        "silent",
        "express",
        "public",
        "recurring",
        "insured",
        "refundable",
        "verbose",
        "dry_run",
        "pinned",
        "archived",
        "detailed",
    ],
    ["{p}"],
)
LISTS = [
    (["tags", "labels", "keywords", "categories"], "word", ["tagged {v}", "with the {p} {v}", "with {p} {v}"]),
    (["attendees", "guests", "people", "participants", "members"], "person", ["with {v}", "inviting {v}", "with {p} {v}"]),
    (["items", "products", "ingredients", "articles"], "noun", ["with {v}", "containing {v}", "with {p} {v}"]),
    (["ids", "numbers", "codes"], "code", ["{v}", "with {p} {v}"]),
]


@dataclass
class Parameter:
    name: str
    schema: dict[str, Any]
    mentions: list[str]
    kind: str
    required: bool = True
    unit: str = ""
    fields: list["Parameter"] = field(default_factory=list)

    @property
    def spoken(self) -> str:
        return self.name.replace("_", " ").replace("-", " ")


def preposition(mention: str) -> str:
    return mention.split(" ")[0]


KINDS = {
    "place": 24,
    "person": 13,
    "integer": 16,
    "number": 7,
    "text": 14,
    "code": 9,
    "date": 10,
    "time": 5,
    "email": 5,
    "enum": 15,
    "flag": 5,
    "list": 6,
    "object": 4,
    "any": 12,
}


def parameter(words: Words, noun: str, kind: str) -> Parameter:
    """A parameter of one kind, with a name and, mostly, a description."""
    random, some = words.random, words.some
    fields: list[Parameter] = []
    unit = ""
    if kind == "place":
        names, mentions = some(PLACES if words.chance(0.5) else PLACES[:1])
        name, schema, about = (
            some(names),
            {"type": "string"},
            some(
                [
                    "The {p}",
                    "The city",
                    "Where it is",
                    "The city and state, e.g. {e}",
                    "A {p}, e.g. {e}",
                    "The {p} of the {n}",
                    "The {p} to look at",
                    "City name",
                ]
            ),
        )
    elif kind == "person":
        names, mentions = some(PEOPLE)
        name, schema, about = (
            some(names),
            {"type": "string"},
            some(["The {p}", "The {p} of the {n}", "Who it is, e.g. {e}", "A person", "Name of the {p}"]),
        )
    elif kind == "integer":
        names, mentions = some(INTEGERS)
        name, schema, about = (
            some(names),
            {"type": "integer"},
            some(
                [
                    "The {p}",
                    "How many",
                    "The number of {p}",
                    "The {p} of the {n}",
                    "The {p} to return",
                    "Number of {p} to {n}",
                ]
            ),
        )
        unit = name.removeprefix("num_").removeprefix("duration_")
        if words.chance(0.1):
            schema = {**schema, "minimum": random.randint(0, 1)}
    elif kind == "number":
        names, mentions = NUMBER_NAMES
        name, schema, about = some(names), {"type": "number"}, some(["The {p}", "The {p} in dollars", "The {p} of the {n}"])
    elif kind == "text":
        names, mentions = some(TEXTS)
        name, schema, about = (
            some(names),
            {"type": "string"},
            some(["The {p}", "The {p} of the {n}", "What to say", "The {p} to use", "What it is about"]),
        )
    elif kind == "code":
        names, mentions = CODES
        name, schema, about = (
            some(names).replace("{n}", noun),
            {"type": "string"},
            some(["The {p}", "Which {n} it is", "The {p}, e.g. {e}"]),
        )
    elif kind == "date":
        names, mentions = DATES
        name, schema, about = (
            some(names),
            {"type": "string"},
            some(["The {p}", "The date", "When it is, e.g. {e}", "The day of the {n}"]),
        )
    elif kind == "time":
        names, mentions = TIMES
        name, schema, about = some(names), {"type": "string"}, some(["The {p}", "At what time", "Time of the {n}, e.g. {e}"])
    elif kind == "email":
        names, mentions = EMAILS
        name, schema, about = some(names), {"type": "string"}, some(["The {p}", "An email address", "Where to send it"])
    elif kind == "enum":
        if words.chance(0.75):
            names, values, mentions = some(ENUMS)
            name = some(names)
        else:
            values, name = (
                list(dict.fromkeys(words.noun() if words.chance(0.5) else some(words.adjectives) for _ in range(5))),
                words.noun(),
            )
            mentions = ["with {p} {v}", "with the {p} {v}", "{p} {v}", "as {v}", "of {p} {v}"]
        values = random.sample(values, min(len(values), random.randint(2, 4)))
        name, schema, about = (
            name,
            {"type": "string", "enum": values},
            some(
                [
                    "The {p}",
                    "The {p} to use",
                    "Which {p}",
                    "The {p} of the {n}",
                    "The {p} to use. Infer this from the request.",
                ]
            ),
        )
    elif kind == "flag":
        names, mentions = FLAGS
        name, schema, about = (
            some(names),
            {"type": "boolean"},
            some(["Whether it is {p}", "Set for {p}", "If it should be {p}"]),
        )
    elif kind == "list":
        names, item, mentions = some(LISTS)
        name, schema, about = (
            some(names),
            {"type": "array", "items": {"type": "string"}},
            some(["The {p}", "A list of {p}", "All {p} of the {n}"]),
        )
        unit = item
    elif kind == "object":
        name, mentions, about = (
            some(["contact", "customer", "address", "sender", "owner", "billing", "details"]),
            ["for {v}", "with {p} {v}", "{p}: {v}"],
            some(["The {p}", "The {p} of the {n}"]),
        )
        chosen = random.sample(["person", "email", "place", "integer"], 2)
        fields = [parameter(words, noun, kind) for kind in chosen]
        if fields[0].name == fields[1].name:
            fields = fields[:1]
        schema = object_schema(fields)
    else:
        # Any word can be a parameter; the request then says which one it means.
        name, kind = words.noun(), some(["word", "word", "integer", "number", "code", "person", "place"])
        if words.chance(0.35):
            name = f"{some(words.adjectives)}_{name}"
        mentions = [
            "with {p} {v}",
            "with a {p} of {v}",
            "with the {p} {v}",
            "{p} {v}",
            "where the {p} is {v}",
            "and set the {p} to {v}",
            "using {v} as the {p}",
            "{p}: {v}",
        ]
        schema, about = (
            {"type": {"integer": "integer", "number": "number"}.get(kind, "string")},
            some(["The {p}", "The {p} of the {n}", "Which {p} to use", "{p} to use"]),
        )
    made = Parameter(name, schema, list(mentions), kind, unit=unit, fields=fields)
    if words.chance(0.75):
        example = str(value_of(words, made)) if "{e}" in about else ""
        schema["description"] = about.replace("{p}", made.spoken).replace("{n}", noun).replace("{e}", example)
    return made


def object_schema(parameters: list[Parameter]) -> dict[str, Any]:
    """The schema of an object of these parameters."""
    schema: dict[str, Any] = {"type": "object", "properties": {each.name: each.schema for each in parameters}}
    required = [each.name for each in parameters if each.required]
    return {**schema, "required": required} if required else schema


def value_of(words: Words, parameter: Parameter) -> Any:
    """A value."""
    random, kind = words.random, parameter.kind
    if "enum" in parameter.schema:
        return words.some(parameter.schema["enum"])
    if kind == "place":
        return words.city()
    if kind == "person":
        return words.person()
    if kind == "integer":
        if parameter.name == "year":
            return random.randint(1950, 2035)
        return words.some(
            [
                random.randint(1, 12),
                random.randint(1, 12),
                random.randint(1, 12),
                random.randint(2, 99),
                random.randint(100, 5000),
            ]
        )
    if kind == "number":
        return words.some(
            [
                random.randint(1, 999),
                random.randint(1, 99) + 0.5,
                round(random.uniform(1, 500), 2),
                round(random.uniform(0, 10), 1),
            ]
        )
    if kind == "text":
        return words.topic()
    if kind == "code":
        return words.code()
    if kind == "date":
        return words.date()
    if kind == "time":
        return words.time()
    if kind == "email":
        return words.email()
    if kind == "flag":
        return words.chance(0.75)
    if kind == "list":
        make = {
            "word": lambda: words.some(words.adjectives),
            "person": words.person,
            "noun": words.noun,
            "code": words.code,
        }[parameter.unit]
        return list(dict.fromkeys(make() for _ in range(random.randint(1, 4))))
    if kind == "object":
        return {each.name: value_of(words, each) for each in parameter.fields}
    return words.invented() if words.chance(0.5) else words.some([words.noun(), words.some(words.adjectives), words.name()])


def said(words: Words, parameter: Parameter, value: Any, *, quoted: bool = False) -> str:
    """A value as people write it in a sentence."""
    if isinstance(value, list):
        return listed(words, [str(each) for each in value])
    if isinstance(value, dict):
        return " and ".join(mention(words, each, value[each.name], words.some(each.mentions)) for each in parameter.fields)
    if isinstance(value, int) and not isinstance(value, bool) and value < len(NUMBERS) and words.chance(0.15):
        return NUMBERS[value]
    return words.some(['"{}"', "'{}'", '"{}"', "{}"]).format(value) if quoted else str(value)


def listed(words: Words, values: list[str]) -> str:
    *first, last = values
    return f"{', '.join(first)}{words.some([' and ', ' and ', ', '])}{last}" if first else last


def mention(words: Words, parameter: Parameter, value: Any, template: str) -> str:
    """The words by which a request gives a parameter its value."""
    if isinstance(value, bool) and parameter.kind == "flag":
        return words.some(["with {p}", "{p}", "make it {p}"] if value else ["not {p}", "without {p}"]).replace(
            "{p}", parameter.spoken
        )
    text = template.replace("{p}", parameter.spoken).replace("{u}", parameter.unit.replace("_", " "))
    return text.replace("{q}", said(words, parameter, value, quoted=True)).replace("{v}", said(words, parameter, value))
