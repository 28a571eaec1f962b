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
    patterns: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Command and parameter → the regular expression of its texts."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Fields of the tool → the sentence that they add to the description, with `{}` for the value."""

    def description_of(self, given: Mapping[str, Any]) -> str:
        """Return the description of the tool with these fields."""
        sentences = (text.format(given[name]) for name, text in self.options.items() if given.get(name) is not None and text)
        return " ".join([self.description, *sentences])

    def parameters(self, given: Mapping[str, Any]) -> JsonObject:
        """Return the schema of a call: exactly one command, with its own parameters."""
        commands = {name: one for name, one in self.commands.items() if not one.option or given.get(one.option)}
        used = {name for one in commands.values() for name in (*one.required, *one.optional)}
        properties = {name: schema for name, schema in self.properties.items() if name in used}
        if not self.selector:
            return _with_alternatives({}, properties, [_alternative(one, {}) for one in commands.values()])
        chosen = {self.selector: {"type": "string", "enum": [*commands]}}
        return _with_alternatives(chosen, properties, self._branches(commands))

    def _branches(self, commands: Mapping[str, Command]) -> list[JsonObject]:
        """Return a schema for each group of commands that have the same parameters."""
        groups: list[tuple[JsonObject, list[str]]] = []
        for name, command in commands.items():
            patterns = {one: {"pattern": text} for (of, one), text in self.patterns.items() if of == name}
            branch = _alternative(command, patterns)
            same = next((names for known, names in groups if known == branch), None)
            if same is None:
                groups.append((branch, [name]))
            else:
                same.append(name)
        return [
            {**branch, "properties": {self.selector: {"enum": names}, **branch["properties"]}} for branch, names in groups
        ]


def _with_alternatives(chosen: JsonObject, properties: JsonObject, branches: Sequence[JsonObject]) -> JsonObject:
    schema: JsonObject = {"type": "object", "properties": {**chosen, **properties}, "required": [*chosen]}
    if len(branches) == 1:
        return {**schema, "required": [*chosen, *branches[0]["required"]], "additionalProperties": False}
    return {**schema, "anyOf": [*branches]}


def _alternative(command: Command, patterns: JsonObject) -> JsonObject:
    properties = {name: patterns.get(name, {}) for name in (*command.required, *command.optional)}
    return {"properties": properties, "required": [*command.required], "additionalProperties": False}
