"""Tools that OpenAI defines and its clients run, such as `shell`, as functions; and the items of their calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.policy.client_tools import ClientTool, Command

_SDK = "openai.types.responses of OpenAI's SDK for Python"
_DOCS = "https://developers.openai.com/api/docs/guides"


@dataclass(frozen=True)
class DefinedItem:
    """How a call is written as an item. `arguments_field` has the arguments."""

    type: str
    arguments_field: str
    is_argument: bool = False
    """Whether the field is the argument of this name, not all of the arguments."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """What the field has besides the arguments, or if they lack it; the model does not see it."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Other fields of the item."""
    streamed: str = ""
    """The argument with texts that have events of their own in a stream."""

    def item(self, arguments: JsonObject) -> JsonObject:
        """Return the fields of the item that depend on the arguments."""
        if self.is_argument:
            return {self.arguments_field: arguments.get(self.arguments_field), **self.more}
        return {self.arguments_field: {**self.defaults, **arguments}, **self.more}

    def arguments(self, item: Mapping[str, Any]) -> Any:
        """Return the arguments of an item: those that the model wrote."""
        value = item.get(self.arguments_field)
        if self.is_argument:
            return {self.arguments_field: value}
        if not isinstance(value, dict):
            return value or {}
        return {name: one for name, one in value.items() if one is not None and self.defaults.get(name) != one}


@dataclass(frozen=True)
class DefinedTool:
    """A tool, and the item of its calls."""

    tool: ClientTool
    call: DefinedItem
    environments: Sequence[str] = ()
    """The types of `environment` in which the client runs it."""


_TIMEOUT: JsonObject = {"type": "integer", "minimum": 1, "description": "Milliseconds after which it is stopped"}

_SHELL = DefinedTool(
    ClientTool(
        name="shell",
        description="Runs shell commands on the user's computer, and returns what they print.",
        source=f"FunctionShellToolParam and ResponseFunctionShellToolCall in {_SDK}; {_DOCS}/tools-shell",
        selector="",
        properties={
            "commands": {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 1,
                "description": "The commands, each as one line for the shell",
            },
            "timeout_ms": _TIMEOUT,
            "max_output_length": {"type": "integer", "minimum": 1, "description": "Characters of output to return, at most"},
        },
        commands={"run": Command(("commands",), ("timeout_ms", "max_output_length"))},
    ),
    DefinedItem(
        "shell_call",
        "action",
        defaults={"timeout_ms": None, "max_output_length": None},
        more={"environment": {"type": "local"}},
        streamed="commands",
    ),
    environments=("local",),
)

_LOCAL_SHELL = DefinedTool(
    ClientTool(
        name="local_shell",
        description="Runs a command on the user's computer, and returns what it prints.",
        source=f"LocalShell and LocalShellCall in {_SDK}; {_DOCS}/tools-local-shell",
        selector="",
        properties={
            "command": {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 1,
                "description": 'The program and its arguments, such as ["bash", "-lc", "ls | wc -l"]',
            },
            "working_directory": {"type": "string", "description": "Where to run it"},
            "timeout_ms": _TIMEOUT,
        },
        commands={"run": Command(("command",), ("working_directory", "timeout_ms"))},
    ),
    DefinedItem("local_shell_call", "action", defaults={"type": "exec", "env": {}}),
)

_CHANGED_LINE = r"[+\-][^\n]*"
_OTHER_LINE = r"((@@| )[^\n]*|)"
_ANY_LINE = r"((@@|[ +\-])[^\n]*|\*\*\* End of File|)"

_APPLY_PATCH = DefinedTool(
    ClientTool(
        name="apply_patch",
        description=(
            "Creates, changes or deletes a file. In a diff each line begins with ' ' (unchanged, as context), '-' (removed) "
            "or '+' (added). Show three lines of context around a change; a line '@@ ' with the line of a function or class "
            "says where it is, if the context is not unique. All lines of a new file begin with '+'."
        ),
        source=f"ApplyPatchToolParam and ResponseApplyPatchToolCall in {_SDK}; {_DOCS}/tools-apply-patch (V4A diffs)",
        selector="type",
        properties={
            "path": {"type": "string", "description": "Path of the file, relative to the working directory"},
            "diff": {"type": "string", "description": "The change"},
        },
        commands={
            "create_file": Command(("path", "diff")),
            "update_file": Command(("path", "diff")),
            "delete_file": Command(("path",)),
        },
        patterns={
            ("create_file", "diff"): r"^(\+[^\n]*(\n\+[^\n]*)*)?$",
            ("update_file", "diff"): rf"^({_OTHER_LINE}\n)*{_CHANGED_LINE}(\n{_ANY_LINE})*$",
        },
    ),
    DefinedItem("apply_patch_call", "operation"),
)

_X_Y: JsonObject = {
    "type": "object",
    "properties": {"x": {"type": "integer", "minimum": 0}, "y": {"type": "integer", "minimum": 0}},
    "required": ["x", "y"],
    "additionalProperties": False,
}
_ACTION = ClientTool(
    name="computer",
    description="Controls the screen, mouse and keyboard of a computer. The result is a screenshot.",
    source=f"ComputerUsePreviewToolParam and ComputerAction in {_SDK}; {_DOCS}/tools-computer-use",
    selector="type",
    properties={
        **_X_Y["properties"],
        "button": {"type": "string", "enum": ["left", "right", "wheel", "back", "forward"]},
        "keys": {"type": "array", "items": {"type": "string"}, "description": "Keys to press, or to hold, such as CTRL"},
        "path": {"type": "array", "items": _X_Y, "minItems": 2, "description": "Positions of a drag"},
        "scroll_x": {"type": "integer", "description": "Pixels to the right"},
        "scroll_y": {"type": "integer", "description": "Pixels down"},
        "text": {"type": "string", "description": "Text to type"},
    },
    commands={
        "click": Command(("button", "x", "y"), ("keys",)),
        "double_click": Command(("x", "y", "keys")),
        "drag": Command(("path",), ("keys",)),
        "keypress": Command(("keys",)),
        "move": Command(("x", "y"), ("keys",)),
        "screenshot": Command(),
        "scroll": Command(("x", "y", "scroll_x", "scroll_y"), ("keys",)),
        "type": Command(("text",)),
        "wait": Command(),
    },
    options={
        "environment": "The computer is: {}.",
        "display_width": "The screen is {} pixels wide.",
        "display_height": "It is {} pixels high.",
    },
)
_NO_CHECKS: JsonObject = {"pending_safety_checks": []}

_COMPUTER_USE = DefinedTool(_ACTION, DefinedItem("computer_call", "action", more=_NO_CHECKS))
_COMPUTER = DefinedTool(
    ClientTool(
        name="computer",
        description=_ACTION.description,
        source=f"ComputerToolParam and ComputerActionList in {_SDK}; {_DOCS}/tools-computer-use",
        selector="",
        properties={"actions": {"type": "array", "items": _ACTION.parameters({}), "minItems": 1}},
        commands={"run": Command(("actions",))},
    ),
    DefinedItem("computer_call", "actions", is_argument=True, more=_NO_CHECKS),
)

CLIENT_TOOLS: Mapping[str, DefinedTool] = {
    "shell": _SHELL,
    "local_shell": _LOCAL_SHELL,
    "apply_patch": _APPLY_PATCH,
    "computer": _COMPUTER,
    **dict.fromkeys(("computer_use_preview", "computer_use"), _COMPUTER_USE),
}
"""Type of a tool, without its version → the tool."""
