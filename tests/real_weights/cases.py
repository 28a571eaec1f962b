"""Requests whose answers a change of the prompt side may change: values of every first character, paths, code, numbers,
empty strings and arrays, several calls, optional properties, enumerations, in tool calls and in structured output.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from promptweave.compiler.request import ChatRequest, JsonFormat, Message, Role, Tool, ToolChoice

VALUES = [
    *("/var/log/syslog", "/home/joe/a.txt", "./run.sh", "../up", "~/.bashrc", "C:\\temp\\x", "src/main.rs", "a/b/c"),
    *("#search", "#fff", ".hidden", "..", "...", ".button > a", "@home", "@alice@example.org", "alice@example.org"),
    *("-5", "-", "--help", "-rf", "--", "+49 30 1234", "$HOME", "$5.00", "%d", "%20", "&amp;", "&", "!important", "!"),
    *("?q=1", "?", "=", "==", "//comment", "/* c */", "<b>bold</b>", "<", ">", ">=", "[x]", "[]", "(a)", "()", "{k}", "{}"),
    *("_private", "__init__", "*", "**bold**", "^a.*b$", r"\d+", "|", "||", "`ls`", "'s", "'", ",", ";", ":8080", ":", "::"),
    *("https://example.org/a?b=c#d", "ftp://h", "mailto:a@b.c", "localhost:8080", "192.168.0.1", "::1", "0x1F", "007"),
    *("3.14", "-0.5", "1e9", "42", "0", "1,000", "12:30", "2024-01-31", "50%", "hello world", "Paris", "New York", "a", "A"),
    *("ünïcode", "日本語", "Привет", "مرحبا", "नमस्ते", "한국어", "🙂", "é", "Zürich", "naïve café", "“quoted”", "—", "…"),
    *('say "hi"', '"', '"a"', "tab\there", "line\nbreak", "\\", "a\\b", "def f(x): return x", "SELECT * FROM t;", "x = 1"),
    *("if (a) { b(); }", "#include <stdio.h>", "@media print", "&mut self", "$(document)", "!!", "?:", "~", "true", "null"),
    *("git commit -m 'x'", "rm -rf /tmp/x", "key: value", "- item", "# Title", "> quote", "1. one", "[link](url)"),
    *("<!-- c -->", "user_name", "camelCase", "kebab-case", "UPPER", "mixed123", "v1.2.3", "a.b.c", "x y z", "foo(bar)"),
    *("a,b,c", "a;b"),
]

TEXT, NUMBER, INTEGER, BOOLEAN = ({"type": kind} for kind in ("string", "number", "integer", "boolean"))


@dataclass(frozen=True)
class Case:
    """A request, by its name."""

    name: str
    request: ChatRequest


def record(**properties: Any) -> dict[str, Any]:
    """A closed object, all of whose properties are required."""
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def tool(name: str, description: str, **properties: Any) -> Tool:
    """A tool with required parameters."""
    return Tool(name, description, record(**properties))


def calling(name: str, content: str, *tools: Tool, style: str = "", **choice: Any) -> Case:
    """A request for calls."""
    chosen = ToolChoice(**{"required": True, **choice})
    return Case(name, ChatRequest((Message(Role.USER, content),), tools, chosen, style=style))


def answering(name: str, content: str, schema: Any) -> Case:
    """A request for structured output."""
    return Case(name, ChatRequest((Message(Role.USER, content),), response_format=JsonFormat(schema, strict=True)))


NOTE = tool("write_note", "Writes a text into the note", text=TEXT)
COPY = tool("copy_file", "Copies a file", source=TEXT, target=TEXT)
TYPE_INTO = tool("type_text", "Types a text into an element of the page", text=TEXT, selector=TEXT)
WEATHER = tool("get_weather", "Gets the weather", city=TEXT, unit={"enum": ["celsius", "fahrenheit"]}, days=INTEGER)
ADD = tool("add", "Adds two numbers", a=NUMBER, b=NUMBER)
TAGS = tool("set_tags", "Sets the tags", tags={"type": "array", "items": TEXT})
ADDRESS = tool(
    "save_address",
    "Saves an address",
    person=TEXT,
    address=record(street=TEXT, zip=TEXT, location=record(city=TEXT, country=TEXT)),
)
SEARCH = Tool(
    "search",
    "Searches",
    {
        "type": "object",
        "properties": {"query": TEXT, "limit": INTEGER, "sort": {"enum": ["date", "name"]}, "exact": BOOLEAN},
        "required": ["query"],
    },
)
MAIL = tool("send_mail", "Sends a mail", to=TEXT, subject=TEXT, body=TEXT)
EIGHT = (NOTE, COPY, TYPE_INTO, WEATHER, ADD, TAGS, SEARCH, MAIL)


def values() -> Iterator[Case]:
    """Every value, to be copied."""
    for value in VALUES:
        yield calling(f"note {value!r}", f"Write this text into the note: {value}", NOTE)
        yield answering(f"format {value!r}", f"Give back this text as JSON, unchanged: {value}", record(text=TEXT))


def others() -> Iterator[Case]:
    """All but the values."""
    for style in ("", "generic", "hermes", "functionary_v2"):
        yield calling(f"copy {style}", "Copy /home/joe/a.txt to /srv/data/a.txt", COPY, style=style)
        yield calling(f"type {style}", "Type hello into the element #search", TYPE_INTO, style=style)
        weather = "What is the weather in Oslo and in Rome, in celsius, for 3 days?"
        yield calling(f"two cities {style}", weather, WEATHER, style=style)
        yield calling(f"eight tools {style}", "Write a mail to joe@example.org: lunch at noon?", *EIGHT, style=style)
        yield calling(f"once {style}", "Set the tags to red and blue.", TAGS, NOTE, style=style, once=True)
        yield calling(f"named {style}", "Search for /etc/passwd", *EIGHT, style=style, names=("search",), once=True)
        yield calling(f"auto {style}", "Search for cats, at most 5, by date.", *EIGHT, style=style, required=False)
        yield calling(f"three calls {style}", "Write a note each: alpha, beta, gamma.", NOTE, style=style)
    for a, b in ((-5, 3), (0, 0), (1.5, -2.25), (1000000, 7), (-0.001, 12)):
        yield calling(f"add {a} {b}", f"Add {a} and {b}.", ADD)
        yield answering(f"numbers {a} {b}", f"Give the numbers {a} and {b} as JSON.", record(a=NUMBER, b=NUMBER))
    for tags in ("Lakers, Clippers", "none at all", "#a, #b, #c", "1, 2, 3", "-x"):
        yield calling(f"tags {tags}", f"Set these tags: {tags}", TAGS)
        yield answering(f"list {tags}", f"List these as JSON: {tags}", record(items={"type": "array", "items": TEXT}))
    for text in ("an empty text", "nothing", "a space"):
        yield calling(f"note {text}", f"Write {text} into the note.", NOTE)
        yield answering(f"format {text}", f"Give {text} as JSON.", record(text=TEXT, more=TEXT))
    where = "Ada lives at 12 /b Main St, 10115 Berlin, Germany."
    yield calling("nested", f"Save the address: {where}", ADDRESS)
    yield answering("nested format", where, ADDRESS.parameters)
    for content in ("Search for cats.", "Search for 'cats' exactly, 3 results.", "Search /var/log by name."):
        yield calling(f"optional {content}", content, SEARCH)
        yield answering(f"optional format {content}", content, SEARCH.parameters)
    kinds = {"enum": ["send_email_now", "send_letter", "set_thermostat", "#none", "-"]}
    for content in ("Send an email right now.", "Make it warmer.", "Do nothing."):
        yield answering(f"enum {content}", content, record(kind=kinds, sure={"type": "boolean"}))
    points = {"type": "array", "items": record(x={"type": "integer"}, y={"type": "integer"}), "minItems": 1, "maxItems": 3}
    yield answering("points", "The points (1, -2) and (-3, 4) as JSON.", record(points=points))
    choice = {"anyOf": [record(kind={"const": "one"}, x=TEXT), record(kind={"const": "two"}, y={"type": "integer"})]}
    for content in ("Kind one, x is /a/b.", "Kind two, y is -7."):
        yield answering(f"choice {content}", content, choice)
    yield answering("pattern", "The color #ff8800 as JSON.", record(color={"type": "string", "pattern": "^#[0-9a-f]{6}$"}))
    mail, date = {"type": "string", "format": "email"}, {"type": "string", "format": "date"}
    yield answering("email", "The mail address of Joe is joe@example.org.", record(mail=mail))
    yield answering("date", "Today is 2024-02-29.", record(date=date))
    nulls = record(value={"type": ["string", "null"]}, count={"type": ["integer", "null"]})
    yield answering("null", "There is no value.", nulls)


def cases() -> list[Case]:
    """All of them."""
    return [*values(), *others()]
