"""Tools: a verb, a noun and parameters, drawn at random; and sets of tools that are told apart by what they say."""

from dataclasses import dataclass
from typing import Any

from kinds import KINDS, Parameter, object_schema, parameter
from words import Words, plural


@dataclass(frozen=True)
class Verb:
    names: list[str]
    about: list[str]
    asked: list[str]
    held_out: list[str]
    """Ways to ask that only the evaluation knows."""


VERBS = {
    "get": Verb(
        ["get", "fetch", "show", "lookup", "read", "check", "retrieve"],
        [
            "Get the {n}",
            "Get {a} {n}",
            "Fetch the {n}",
            "Returns the {n}",
            "Look up the {n}",
            "Shows the {n}",
            "Get information about the {n}",
        ],
        [
            "what is the {n}",
            "what's the {n}",
            "show me the {n}",
            "get the {n}",
            "tell me the {n}",
            "I need the {n}",
            "check the {n}",
            "look up the {n}",
            "give me the {n}",
            "what is the {n} going to be like",
            "what will the {n} be",
            "how is the {n}",
            "how's the {n}",
            "I want to know the {n}",
            "fetch the {n}",
            "what about the {n}",
            "what is the {n} like",
        ],
        ["could I see the {n}", "let me know the {n}", "please pull up the {n}"],
    ),
    "search": Verb(
        ["search", "find", "list", "query", "browse"],
        ["Search {ns}", "Find {ns}", "Search for {ns}", "List all {ns}", "Query the {n} index"],
        [
            "search {ns}",
            "find {ns}",
            "find me {ns}",
            "search for {ns}",
            "look for {ns}",
            "list {ns}",
            "list the {ns}",
            "which {ns} are there",
            "are there any {ns}",
            "show all {ns}",
            "find {a} {n}",
        ],
        ["I am looking for {ns}", "what {ns} can you find"],
    ),
    "create": Verb(
        ["create", "add", "make", "new", "register"],
        ["Create {a} {n}", "Create a new {n}", "Add {a} {n}", "Make a new {n}", "Registers {a} {n}"],
        [
            "create {a} {n}",
            "create a new {n}",
            "add {a} {n}",
            "make {a} {n}",
            "make a new {n}",
            "set up {a} {n}",
            "I want a new {n}",
            "register {a} {n}",
            "I'd like to create {a} {n}",
            "open a new {n}",
            "new {n}",
        ],
        ["please set up a new {n}", "we need a new {n}"],
    ),
    "delete": Verb(
        ["delete", "remove", "cancel", "drop"],
        ["Delete {a} {n}", "Remove the {n}", "Cancel {a} {n}", "Deletes the {n}"],
        [
            "delete the {n}",
            "remove the {n}",
            "cancel the {n}",
            "delete {a} {n}",
            "cancel my {n}",
            "get rid of the {n}",
            "remove my {n}",
            "I don't need the {n} any more, delete it",
        ],
        ["please take away the {n}", "the {n} should be deleted"],
    ),
    "update": Verb(
        ["update", "change", "edit", "set", "modify"],
        ["Update {a} {n}", "Change the {n}", "Edit the {n}", "Set the {n}", "Modifies {a} {n}"],
        [
            "update the {n}",
            "change the {n}",
            "edit the {n}",
            "set the {n}",
            "modify the {n}",
            "update my {n}",
            "please adjust the {n}",
            "change my {n}",
        ],
        ["I want to change the {n}", "the {n} needs an update"],
    ),
    "send": Verb(
        ["send", "share", "post", "forward", "submit"],
        ["Send {a} {n}", "Share the {n}", "Post {a} {n}", "Sends the {n}"],
        [
            "send {a} {n}",
            "send the {n}",
            "share the {n}",
            "forward the {n}",
            "post {a} {n}",
            "submit the {n}",
            "send my {n}",
            "send out {a} {n}",
        ],
        ["please get {a} {n} sent", "I want to send {a} {n}"],
    ),
    "book": Verb(
        ["book", "reserve", "order", "buy"],
        ["Book {a} {n}", "Reserve {a} {n}", "Order {a} {n}", "Books {a} {n}"],
        [
            "book {a} {n}",
            "reserve {a} {n}",
            "order {a} {n}",
            "buy {a} {n}",
            "book me {a} {n}",
            "I want to book {a} {n}",
            "get me {a} {n}",
            "I'd like {a} {n}",
        ],
        ["please reserve {a} {n}", "help me book {a} {n}"],
    ),
    "compute": Verb(
        ["calculate", "compute", "estimate", "count"],
        ["Calculate the {n}", "Compute the {n}", "Estimate the {n}", "Calculates {a} {n}"],
        [
            "calculate the {n}",
            "compute the {n}",
            "estimate the {n}",
            "how much is the {n}",
            "how high is the {n}",
            "work out the {n}",
            "count the {ns}",
        ],
        ["please calculate the {n}", "can we estimate the {n}"],
    ),
    "start": Verb(
        ["start", "run", "open", "launch", "play"],
        ["Start the {n}", "Run {a} {n}", "Open the {n}", "Launches {a} {n}", "Play {a} {n}"],
        [
            "start the {n}",
            "run the {n}",
            "open the {n}",
            "launch the {n}",
            "start {a} {n}",
            "play the {n}",
            "turn on the {n}",
            "run {a} {n}",
        ],
        ["please start the {n}", "can we run the {n}"],
    ),
    "stop": Verb(
        ["stop", "close", "disable", "pause"],
        ["Stop the {n}", "Close the {n}", "Disable {a} {n}", "Pauses the {n}"],
        ["stop the {n}", "close the {n}", "pause the {n}", "turn off the {n}", "disable the {n}", "shut down the {n}"],
        ["please stop the {n}", "can we close the {n}"],
    ),
}


@dataclass
class Tool:
    name: str
    description: str
    parameters: list[Parameter]
    verb: str
    noun: str
    """As it is spoken: `n day weather forecast`."""

    def openai(self) -> dict[str, Any]:
        function: dict[str, Any] = {"name": self.name}
        if self.description:
            function["description"] = self.description
        return {"type": "function", "function": {**function, "parameters": object_schema(self.parameters)}}


def article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def filled(text: str, noun: str) -> str:
    return text.replace("{a}", article(noun)).replace("{ns}", plural(noun)).replace("{n}", noun)


def tool(words: Words, verb: str, noun: str, kinds: list[str] | None = None, style: str = "snake") -> Tool:
    """A tool of this verb and noun. Its parameters have different names and can be told apart in a request."""
    random, found = words.random, VERBS[verb]
    if kinds is None:
        count = random.choices([0, 1, 2, 3, 4, 5], [2, 32, 32, 20, 10, 4])[0]
        kinds = random.choices(list(KINDS), list(KINDS.values()), k=count)
    parameters: list[Parameter] = []
    for kind in kinds:
        made = parameter(words, noun.split(" ")[-1], kind)
        taken = {each.name for each in parameters}
        if made.name in taken or any(
            set(made.mentions) & set(each.mentions) and made.kind == each.kind for each in parameters if made.kind != "word"
        ):
            continue
        made.required = words.chance(0.7)
        parameters.append(made)
    if words.chance(0.5):
        parameters.sort(key=lambda each: not each.required)
    parts = [words.some(found.names), *noun.split(" ")]
    if verb == "search" and words.chance(0.5):
        parts[-1] = plural(parts[-1])
    if style == "camel":
        name = parts[0] + "".join(part.capitalize() for part in parts[1:])
    elif style == "noun":
        name = "_".join([*parts[1:], parts[0]])
    else:
        name = {"kebab": "-"}.get(style, "_").join(parts)
    about = filled(words.some(found.about), noun) if words.chance(0.9) else ""
    return Tool(name, about, parameters, verb, noun)


WEATHER = [
    "weather",
    "forecast",
    "weather forecast",
    "current weather",
    "n day weather forecast",
    "daily weather forecast",
    "weather report",
]


def weather_set(words: Words) -> list[Tool]:
    """Tools of one subject that only differ in how many days they tell of."""
    place = [words.chance(0.9), words.chance(0.5)]
    shared = [parameter(words, "weather", "place")]
    while shared[0].name in ("origin", "from_city", "start", "departure", "source", "goal", "target"):
        shared = [parameter(words, "weather", "place")]
    shared[0].mentions = ["in {v}", "for {v}", "at {v}"]
    if words.chance(0.7):
        values = words.random.sample(["celsius", "fahrenheit"], 2)
        if words.chance(0.6):
            values.sort()
        shared.append(
            Parameter(
                words.some(["format", "unit", "units"]),
                {
                    "type": "string",
                    "enum": values,
                    **(
                        {
                            "description": words.some(
                                [
                                    "The temperature unit to use. Infer this from the users location.",
                                    "The temperature unit",
                                    "The unit to use",
                                ]
                            )
                        }
                        if words.chance(0.8)
                        else {}
                    ),
                },
                ["in {v}", "in degrees {v}"],
                "enum",
                required=place[1] or words.chance(0.5),
            )
        )
    about = ["Get the current weather", "Get the weather", "Current weather for a place", "What the weather is now"]
    now = Tool(
        words.some(["get_current_weather", "get_weather", "current_weather", "weather_now", "check_weather"]),
        words.some(about),
        list(shared),
        "get",
        words.some(["weather", "current weather", "weather now"]),
    )
    days = Parameter(
        words.some(["num_days", "days", "n_days", "number_of_days"]),
        {
            "type": "integer",
            **(
                {"description": words.some(["The number of days to forecast", "The number of days", "How many days"])}
                if words.chance(0.8)
                else {}
            ),
        },
        ["over the next {v} days", "for {v} days", "for the next {v} days", "in the next {v} days", "the coming {v} days"],
        "integer",
    )
    later = Tool(
        words.some(
            [
                "get_n_day_weather_forecast",
                "get_forecast",
                "weather_forecast",
                "get_weather_forecast",
                "n_day_forecast",
                "forecast_weather",
            ]
        ),
        words.some(
            [
                "Get an N-day weather forecast",
                "Get the weather forecast",
                "Weather of the next days",
                "Forecast for some days",
            ]
        ),
        [*shared, days],
        "get",
        words.some(["weather", "forecast", "weather forecast", "weather", "weather"]),
    )
    return words.random.sample([now, later], 2) if words.chance(0.75) else [later if words.chance(0.5) else now]


def tool_set(words: Words, count: int) -> list[Tool]:
    """Tools of different names; the first is the one that will be asked for. Some share a verb or a noun with it."""
    random = words.random
    style = random.choices(["snake", "camel", "kebab", "noun"], [75, 12, 6, 7])[0]

    def noun() -> str:
        plain = words.noun()
        return f"{words.some(words.adjectives)} {plain}" if words.chance(0.18) else plain

    def make(verb: str, noun: str) -> Tool:
        return tool(words, verb, noun, style=style)

    first = make(words.some(list(VERBS)), noun())
    tools, taken = [first], {(first.verb, first.noun)}
    while len(tools) < count:
        how = random.random()
        verb = first.verb if how < 0.3 else words.some(list(VERBS))
        about = first.noun if 0.3 <= how < 0.6 else noun()
        # One noun that ends like another would not be told apart.
        if (verb, about) in taken or (about != first.noun and about.split(" ")[-1] == first.noun.split(" ")[-1]):
            continue
        other = make(verb, about)
        if other.name not in {each.name for each in tools}:
            tools.append(other)
            taken.add((verb, about))
    return tools
