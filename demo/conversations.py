"""Conversations of each category, as OpenAI chat requests: `messages` and `tools`. The last message is the answer to learn."""

import json
from collections.abc import Callable
from typing import Any

from kinds import Parameter, listed, mention, parameter, preposition, value_of
from tools import VERBS, Tool, filled, tool_set, weather_set
from words import Words

Conversation = dict[str, Any]

SYSTEM = [
    "Do not make assumptions about what values to plug into functions. Ask for clarification if a user request is ambiguous.",
    "You are a helpful assistant.",
    "Use the tools when they help.",
    "You can call functions. Ask if something is missing.",
    "Answer briefly.",
    "You are an assistant with tools.",
    "Do not guess values.",
]
OPENERS = [
    "",
    "",
    "",
    "",
    "",
    "",
    "please ",
    "can you ",
    "could you please ",
    "hi, ",
    "hello, ",
    "I want you to ",
    "now ",
    "ok, ",
    "hey, ",
]
CLOSERS = ["", "", "", "", "", " please", "?", ".", ", thanks", "!", " now"]
HELD_OUT_OPENERS = ["", "", "would you kindly ", "good morning, ", "quick one: "]
HELD_OUT_CLOSERS = ["", "", ", if you can", ", cheers"]
NO_TOOL = "None of my tools can do that."
GREETINGS = [
    (["hi", "hello", "hey", "good morning", "hello there", "hi there", "good evening"], "Hello! What should I do?"),
    (
        [
            "who are you?",
            "what are you",
            "what can you do?",
            "tell me about yourself",
            "what model are you",
            "who made you",
            "are you an assistant?",
            "help",
        ],
        "I am promptweave's demo model: tiny, and trained on made-up requests. I can call tools, and know little else.",
    ),
    (["thanks", "thank you", "thanks a lot", "great, thank you", "cool, thanks"], "You are welcome."),
    (["bye", "goodbye", "see you", "that is all"], "Goodbye!"),
]
QUESTIONS = [
    "what is the meaning of life",
    "tell me a joke",
    "who was the first king of France",
    "why is the sky blue",
    "write a song about the sea",
    "how old is the universe",
    "is it better to be kind or right",
    "explain gravity",
    "what should I eat",
    "translate hello to Latin",
    "who will win the cup",
    "do you like music",
]


def call(name: str, arguments: dict[str, Any], place: int = 0) -> dict[str, Any]:
    return {
        "id": f"call_{place}",
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)},
    }


class Request:
    """A request for a tool: which of its parameters are mentioned, and how."""

    def __init__(self, words: Words, tool: Tool, *, missing: Parameter | None = None) -> None:
        self.words, self.tool = words, tool
        self.values: dict[str, Any] = {}
        self.templates: dict[str, str] = {}
        used: set[str] = set()
        for each in tool.parameters:
            if each is missing:
                continue
            choosable = "enum" in each.schema or each.kind == "flag"
            if not each.required and words.chance(0.5):
                continue
            if choosable and each.required and words.chance(0.4):
                # Left unsaid: the first value, or no.
                self.values[each.name] = each.schema["enum"][0] if "enum" in each.schema else False
                continue
            template = self._template(each, used)
            used.add(preposition(template))
            value = value_of(words, each)
            if each.kind == "flag" and not each.required:
                value = True
            self.values[each.name], self.templates[each.name] = value, template

    def _template(self, parameter: Parameter, used: set[str]) -> str:
        words = self.words
        free = [each for each in parameter.mentions if preposition(each) not in used or preposition(each) in ("with", "{p}")]
        by_name = ["with {p} {v}", "{p}: {v}", "where the {p} is {v}", "{p} {v}"]
        return words.some(free or by_name[:1]) if words.chance(0.88) else words.some(by_name)

    def asked(self) -> str:
        words, verb = self.words, VERBS[self.tool.verb]
        ways = verb.held_out if words.evaluation and words.chance(0.3) else verb.asked
        noun = self.tool.noun
        if " " in noun and words.chance(0.1):
            noun = noun.split(" ")[-1]
        return filled(words.some(ways), noun)

    def mentions(self, values: dict[str, Any] | None = None, only: set[str] | None = None) -> list[str]:
        values = values or self.values
        return [
            mention(self.words, each, values[each.name], self.templates[each.name])
            for each in self.tool.parameters
            if each.name in self.templates and (only is None or each.name in only)
        ]

    def sentence(self, values: dict[str, Any] | None = None) -> str:
        mentions = self.mentions(values)
        self.words.random.shuffle(mentions)
        if mentions and self.words.chance(0.07) and " " in mentions[0]:
            return f"{mentions[0]}, {self.asked()}" + "".join(f" {each}" for each in mentions[1:])
        return self.asked() + "".join(f"{self.words.some([' ', ' ', ' ', ', '])}{each}" for each in mentions)

    def arguments(self, values: dict[str, Any] | None = None) -> dict[str, Any]:
        values = values or self.values
        return {each.name: values[each.name] for each in self.tool.parameters if each.name in values}


def framed(words: Words, sentence: str) -> str:
    opener = words.some(HELD_OUT_OPENERS if words.evaluation and words.chance(0.3) else OPENERS)
    closer = words.some(HELD_OUT_CLOSERS if words.evaluation and words.chance(0.3) else CLOSERS)
    text = f"{opener}{sentence}{closer}"
    return text[0].upper() + text[1:] if words.chance(0.4) else text


def conversation(words: Words, tools: list[Tool], messages: list[dict[str, Any]]) -> Conversation:
    tools = words.random.sample(tools, len(tools))
    system = [{"role": "system", "content": words.some(SYSTEM)}] if words.chance(0.35) else []
    return {"messages": system + messages, "tools": [each.openai() for each in tools]}


def user(content: str) -> dict[str, Any]:
    return {"role": "user", "content": content}


def answer(content: str) -> dict[str, Any]:
    return {"role": "assistant", "content": content}


def calls(*found: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [call(name, arguments, place) for place, (name, arguments) in enumerate(found)],
    }


def some_tools(words: Words, most: int) -> list[Tool]:
    if words.chance(0.06):
        return weather_set(words)
    return tool_set(words, words.random.randint(1, most))


def one_call(words: Words, tool: Tool) -> list[dict[str, Any]]:
    request = Request(words, tool)
    return [user(framed(words, request.sentence())), calls((tool.name, request.arguments()))]


def single(words: Words, most: int = 4) -> Conversation:
    tools = some_tools(words, most)
    return conversation(words, tools, one_call(words, tools[0]))


def _variable(request: Request) -> list[Parameter]:
    kinds = ("place", "person", "code", "date", "word", "email", "text")
    return [
        each
        for each in request.tool.parameters
        if each.name in request.templates and each.kind in kinds and "{q}" not in request.templates[each.name]
    ]


def parallel(words: Words, most: int = 3) -> Conversation:
    """One tool for several values, or several tools."""
    for _ in range(20):
        tools = weather_set(words) if words.chance(0.12) else tool_set(words, words.random.randint(1, most))
        if len(tools) > 1 and words.chance(0.3):
            first, second = Request(words, tools[0]), Request(words, tools[1])
            joint = words.some([" and ", " and also ", ", then ", " and then ", ", and "])
            return conversation(
                words,
                tools,
                [
                    user(framed(words, first.sentence() + joint + second.sentence())),
                    calls((tools[0].name, first.arguments()), (tools[1].name, second.arguments())),
                ],
            )
        messages = one_tool_often(words, tools[0])
        if messages:
            return conversation(words, tools, messages)
    return single(words)


def one_tool_often(words: Words, tool: Tool) -> list[dict[str, Any]] | None:
    """One tool for two or three values; none where the request has nothing to list."""
    request = Request(words, tool)
    choice = _variable(request)
    if not choice:
        return None
    chosen = words.some(choice)
    count = words.random.choices([2, 3], [75, 25])[0]
    values = list(dict.fromkeys(str(value_of(words, chosen)) for _ in range(count)))
    if len(values) < 2 or any("," in value for value in values):
        return None
    sentence = request.sentence({**request.values, chosen.name: listed(words, values)})
    found = [(tool.name, request.arguments({**request.values, chosen.name: value})) for value in values]
    return [user(framed(words, sentence)), calls(*found)]


def no_tool(words: Words, most: int = 4) -> Conversation:
    """Nothing fits: what is asked for is another subject, or no task at all."""
    tools = some_tools(words, most + 1)
    if words.chance(0.25):
        asked, said = words.some(GREETINGS)
        return conversation(words, tools, [user(words.some(asked)), answer(said)])
    if words.chance(0.25) or len(tools) < 2:
        return conversation(words, tools, [user(framed(words, words.some(QUESTIONS))), answer(NO_TOOL)])
    wanted, *others = tools
    # Not even a tool of the same subject is left.
    others = [
        each for each in others if each.noun.split(" ")[-1] != wanted.noun.split(" ")[-1] and "forecast" not in each.name
    ] or tool_set(words, 1)
    if others[0].noun.split(" ")[-1] == wanted.noun.split(" ")[-1]:
        return no_tool(words, most)
    return conversation(words, others, [user(framed(words, Request(words, wanted).sentence())), answer(NO_TOOL)])


def missing(words: Words, most: int = 3) -> Conversation:
    """A required value is not said: it is asked for."""
    for _ in range(20):
        tools = some_tools(words, most)
        messages = one_missing(words, tools[0])
        if messages:
            return conversation(words, tools, messages)
    return single(words)


def one_missing(words: Words, tool: Tool) -> list[dict[str, Any]] | None:
    kinds = ("flag", "object", "list")
    needed = [each for each in tool.parameters if each.required and "enum" not in each.schema and each.kind not in kinds]
    if not needed:
        return None
    lacking = words.some(needed)
    request = Request(words, tool, missing=lacking)
    return [user(framed(words, request.sentence())), answer(f"Please tell me the {lacking.spoken}.")]


def _result(words: Words, noun: str) -> tuple[str, str]:
    """What a tool may answer, and that in a sentence."""
    if words.chance(0.15):
        done = words.some([{"ok": True}, {"status": "ok"}, {"success": True}, {"result": "done"}])
        return written(words, done), "That is done."
    if words.chance(0.1):
        reason = words.topic()
        return written(words, {"error": reason}), f"That did not work: {reason}."
    values = _values(words)
    said = listed_and([f"the {name} is {value}" for name, value in values.items()])
    return written(words, values), f"{said[0].upper()}{said[1:]}."


def written(words: Words, value: Any) -> str:
    """JSON as servers write it: some with spaces, some without."""
    return json.dumps(value, ensure_ascii=False, separators=words.some([(", ", ": "), (",", ":")]))


def _values(words: Words) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for _ in range(words.random.randint(1, 3)):
        name = words.noun()
        values[name] = words.some(
            [
                words.random.randint(1, 99),
                words.city(),
                words.some(words.adjectives),
                words.random.randint(-9, 40),
                words.date(),
                words.topic(),
            ]
        )
    return values


def listed_and(texts: list[str]) -> str:
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last


def result(words: Words) -> Conversation:
    """A call, its result, and the sentence that tells it."""
    asked = single(words, 2) if words.chance(0.8) else parallel(words, 2)
    return {**asked, "messages": [*asked["messages"], *told(words, asked["messages"][-1])]}


def told(words: Words, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The results of a message's calls, and the sentence that tells them."""
    found = [_result(words, "") for _ in asked.get("tool_calls", [])]
    results = [{"role": "tool", "tool_call_id": f"call_{place}", "content": each[0]} for place, each in enumerate(found)]
    return [*results, answer(" ".join(each[1] for each in found))]


def result_as_json(words: Words) -> Conversation:
    """A call, its result, and an answer as JSON, whose keys the prompt does not tell: values of the result and of the call."""
    tools = some_tools(words, 2)
    request, outcome = Request(words, tools[0]), _values(words)
    known = {
        words.some(["city", "place", "location", "town", each.name]) if each.kind == "place" else each.name: value
        for each in tools[0].parameters
        if isinstance(value := request.values.get(each.name), str)
    }
    members = list({**known, **outcome}.items())
    told = words.random.sample(members, words.random.randint(1, len(members)))
    messages = [
        user(framed(words, request.sentence())),
        calls((tools[0].name, request.arguments())),
        {"role": "tool", "tool_call_id": "call_0", "content": written(words, outcome)},
        answer(json.dumps(dict(told), ensure_ascii=False)),
    ]
    return conversation(words, tools, messages)


def follow_up(words: Words) -> Conversation:
    """The same once more, with another value."""
    for _ in range(20):
        tools = some_tools(words, 2)
        request = Request(words, tools[0])
        choice = _variable(request)
        if not choice:
            continue
        chosen = words.some(choice)
        before, after = request.arguments(), {**request.values, chosen.name: value_of(words, chosen)}
        outcome = _result(words, "")
        again = mention(words, chosen, after[chosen.name], request.templates[chosen.name])
        asked = words.some(
            ["and {m}?", "and {m}", "what about {m}", "now {m}", "the same {m}", "again {m} please", "and what about {m}?"]
        ).replace("{m}", again)
        between = [{"role": "tool", "tool_call_id": "call_0", "content": outcome[0]}, answer(outcome[1])]
        messages = [user(framed(words, request.sentence())), calls((tools[0].name, before)), *between, user(asked)]
        return conversation(words, tools, [*messages, calls((tools[0].name, request.arguments(after)))])
    return single(words)


def errands(words: Words) -> Conversation:
    """Several requests, one after another, with the same tools: the tools are read once for all of them."""
    tools = some_tools(words, 4)
    messages: list[dict[str, Any]] = []
    for _ in range(words.random.randint(3, 7)):
        tool = words.some(tools)
        way = words.random.choices([one_call, one_tool_often, one_missing], [50, 25, 25])[0]
        found = way(words, tool) or one_call(words, tool)
        messages += found
        if found[-1].get("tool_calls") and words.chance(0.35):
            messages += told(words, found[-1])
    return conversation(words, tools, messages)


def json_answer(words: Words) -> Conversation:
    """Values out of a text, as the JSON that a response format asks for. The prompt does not tell its keys: the grammar does."""
    fields: list[Parameter] = []
    for kind in words.random.sample(
        ["place", "person", "integer", "number", "email", "date", "code", "any", "list", "any"], words.random.randint(1, 4)
    ):
        made = parameter(words, words.noun(), kind)
        if made.name not in {each.name for each in fields}:
            fields.append(made)
    values = {each.name: value_of(words, each) for each in fields}
    ways = ["the {p} is {v}", "{p}: {v}", "{p} {v}", "its {p} is {v}", "{p} = {v}"]
    parts = [mention(words, each, values[each.name], words.some(ways)) for each in fields]
    words.random.shuffle(parts)
    opener = words.some(["", "", "extract: ", "as JSON: ", "read this: ", "put this into JSON: "])
    return {
        "messages": [
            user(opener + words.some([", ", "; ", " and "]).join(parts)),
            answer(json.dumps(values, ensure_ascii=False)),
        ]
    }


def chat(words: Words) -> Conversation:
    """No tools at all."""
    if words.chance(0.7):
        asked, said = words.some(GREETINGS)
        text = words.some(asked)
        return {"messages": [user(text.capitalize() if words.chance(0.5) else text), answer(said)]}
    return {
        "messages": [
            user(framed(words, words.some(QUESTIONS))),
            answer("I do not know: I am only a demonstration of calling tools."),
        ]
    }


CATEGORIES: dict[str, tuple[Callable[[Words], Conversation], int]] = {
    "single": (single, 16),
    "parallel": (parallel, 16),
    "errands": (errands, 40),
    "no tool": (no_tool, 9),
    "missing value": (missing, 8),
    "result": (result, 3),
    "result as JSON": (result_as_json, 6),
    "follow-up": (follow_up, 4),
    "JSON answer": (json_answer, 6),
    "chat": (chat, 1),
}


def drawn(words: Words) -> tuple[str, Conversation]:
    """A conversation of a category, as often as it should be learnt."""
    name = words.random.choices(list(CATEGORIES), [weight for _, weight in CATEGORIES.values()])[0]
    return name, CATEGORIES[name][0](words)
