"""Tools that an API defines and its clients run: requests name their type, and have no schema. They become functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptweave.common.json_object import JsonObject


@dataclass(frozen=True)
class Command:
    """What a tool can do: the parameters that it requires, and others that it may have."""

    required: Sequence[str] = ()
    optional: Sequence[str] = ()
    option: str = ""
    """The field of the tool that makes the command available; empty if it always is."""


@dataclass(frozen=True)
class ClientTool:
    """A tool, and the documents that describe it."""

    name: str
    """Its name, unless the request has one."""
    description: str
    source: str
    """Where the parameters are documented."""
    properties: JsonObject
    """The schemas of all parameters."""
    selector: str
    """The parameter with the name of the command; empty if the parameters themselves tell the commands apart."""
    commands: Mapping[str, Command]
    options: Mapping[str, str] = field(default_factory=dict)
    """Fields of the tool → the sentence that they add to the description, with `{}` for the value."""

    def described(self, given: Mapping[str, Any]) -> str:
        """Return the description of the tool with these fields."""
        sentences = (text.format(given[name]) for name, text in self.options.items() if given.get(name) is not None and text)
        return " ".join([self.description, *sentences])

    def parameters(self, given: Mapping[str, Any]) -> JsonObject:
        """Return the schema of a call: exactly one command, with its own parameters."""
        commands = {name: one for name, one in self.commands.items() if not one.option or given.get(one.option)}
        used = {name for one in commands.values() for name in (*one.required, *one.optional)}
        properties = {name: schema for name, schema in self.properties.items() if name in used}
        if not self.selector:
            return _with_alternatives({}, properties, [_alternative({}, one) for one in commands.values()])
        alike: dict[tuple[Sequence[str], Sequence[str]], list[str]] = {}
        for name, one in commands.items():
            alike.setdefault((one.required, one.optional), []).append(name)
        branches = [_alternative({self.selector: {"enum": names}}, commands[names[0]]) for names in alike.values()]
        chosen = {self.selector: {"type": "string", "enum": [*commands]}}
        return _with_alternatives(chosen, properties, branches)


def _with_alternatives(chosen: JsonObject, properties: JsonObject, branches: Sequence[JsonObject]) -> JsonObject:
    schema: JsonObject = {"type": "object", "properties": {**chosen, **properties}, "required": [*chosen]}
    if len(branches) == 1:
        return {**schema, "required": [*chosen, *branches[0]["required"]], "additionalProperties": False}
    return {**schema, "anyOf": [*branches]}


def _alternative(chosen: JsonObject, command: Command) -> JsonObject:
    names = (*command.required, *command.optional)
    properties = {**chosen, **{name: {} for name in names}}
    return {"properties": properties, "required": [*command.required], "additionalProperties": False}
