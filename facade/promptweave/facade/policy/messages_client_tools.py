"""Tools that Anthropic defines and its clients run, such as `bash_20250124`, as functions."""

from collections.abc import Mapping
from dataclasses import replace

from promptweave.common.json_object import JsonObject
from promptweave.facade.policy.client_tools import ClientTool, Command

_DOCS = "https://docs.claude.com/en/docs/agents-and-tools/tool-use"
_REFERENCE = "https://github.com/anthropics/anthropic-quickstarts, computer-use-demo/computer_use_demo/tools"

_PATH: JsonObject = {"type": "string", "description": "Path of the file or directory"}
_LINE: JsonObject = {
    "type": "integer",
    "minimum": 0,
    "description": "Line after which the text is inserted; 0: at the beginning",
}
_RANGE: JsonObject = {
    "type": "array",
    "items": {"type": "integer"},
    "minItems": 2,
    "maxItems": 2,
    "description": "First and last line to show, from 1; -1 as the last line: up to the end",
}
_EDITED: JsonObject = {
    "path": _PATH,
    "view_range": _RANGE,
    "file_text": {"type": "string", "description": "Content of the new file"},
    "old_str": {"type": "string", "description": "Text to replace, exactly as in the file"},
    "new_str": {"type": "string", "description": "Text that replaces it"},
    "insert_line": _LINE,
}

_BASH = ClientTool(
    name="bash",
    description="Runs commands in a bash session, which keeps its state between calls.",
    source=f"{_DOCS}/bash-tool",
    selector="",
    properties={
        "command": {"type": "string", "description": "The command to run"},
        "restart": {"const": True, "description": "Start a new session instead"},
    },
    commands={"run": Command(("command",)), "restart": Command(("restart",))},
)

_EDITOR_20250429 = ClientTool(
    name="str_replace_based_edit_tool",
    description="Views, creates and edits text files.",
    source=f"{_REFERENCE}/edit.py",
    selector="command",
    properties={**_EDITED, "new_str": {"type": "string", "description": "Text that replaces it, or that is inserted"}},
    commands={
        "view": Command(("path",), ("view_range",)),
        "create": Command(("path", "file_text")),
        "str_replace": Command(("path", "old_str"), ("new_str",)),
        "insert": Command(("path", "insert_line", "new_str")),
    },
)
_EDITOR_20250124 = replace(
    _EDITOR_20250429,
    name="str_replace_editor",
    commands={**_EDITOR_20250429.commands, "undo_edit": Command(("path",))},
)
_EDITOR = replace(
    _EDITOR_20250429,
    source=f"{_DOCS}/text-editor-tool; insert_text: https://github.com/anthropics/anthropic-sdk-python/issues/1155",
    properties={**_EDITED, "insert_text": {"type": "string", "description": "Text to insert"}},
    commands={**_EDITOR_20250429.commands, "insert": Command(("path", "insert_line", "insert_text"))},
    options={"max_characters": "At most {} characters of a file are shown."},
)

_MEMORY = ClientTool(
    name="memory",
    description=(
        "Stores what is worth remembering beyond this conversation, as text files in the directory /memories. View the "
        "directory before you begin a task."
    ),
    source=f"{_DOCS}/memory-tool; anthropic.types.beta.BetaMemoryTool20250818Command of the SDK for Python",
    selector="command",
    properties={
        **_EDITED,
        "insert_text": {"type": "string", "description": "Text to insert"},
        "old_path": {"type": "string", "description": "Path of the file or directory to rename"},
        "new_path": {"type": "string", "description": "Its new path"},
    },
    commands={
        "view": Command(("path",), ("view_range",)),
        "create": Command(("path", "file_text")),
        "str_replace": Command(("path", "old_str", "new_str")),
        "insert": Command(("path", "insert_line", "insert_text")),
        "delete": Command(("path",)),
        "rename": Command(("old_path", "new_path")),
    },
)


def _numbers(count: int, description: str) -> JsonObject:
    return {
        "type": "array",
        "items": {"type": "integer", "minimum": 0},
        "minItems": count,
        "maxItems": count,
        "description": description,
    }


_COMPUTER_20241022 = ClientTool(
    name="computer",
    description="Controls the screen, keyboard and mouse of a computer. Take a screenshot to see the screen.",
    source=f"{_REFERENCE}/computer.py",
    selector="action",
    properties={
        "coordinate": _numbers(2, "Position [x, y] in pixels from the top left corner"),
        "text": {
            "type": "string",
            "description": "Text to type, or keys such as Return or ctrl+s; of a click: keys to hold",
        },
    },
    commands={
        **dict.fromkeys(("key", "type"), Command(("text",))),
        **dict.fromkeys(("mouse_move", "left_click_drag"), Command(("coordinate",))),
        **dict.fromkeys(
            ("left_click", "right_click", "middle_click", "double_click", "screenshot", "cursor_position"), Command()
        ),
    },
    options={
        "display_width_px": "The screen is {} pixels wide.",
        "display_height_px": "It is {} pixels high.",
        "display_number": "It is display {}.",
    },
)
_COMPUTER_20250124 = replace(
    _COMPUTER_20241022,
    source=f"{_DOCS}/computer-use-tool; {_REFERENCE}/computer.py",
    properties={
        **_COMPUTER_20241022.properties,
        "start_coordinate": _numbers(2, "Position where a drag begins"),
        "scroll_direction": {"type": "string", "enum": ["up", "down", "left", "right"]},
        "scroll_amount": {"type": "integer", "minimum": 0, "description": "Clicks of the mouse wheel"},
        "duration": {"type": "number", "minimum": 0, "maximum": 100, "description": "Seconds"},
    },
    commands={
        **dict.fromkeys(("key", "type"), Command(("text",))),
        "hold_key": Command(("text", "duration")),
        "mouse_move": Command(("coordinate",)),
        **dict.fromkeys(
            ("left_click", "right_click", "middle_click", "double_click", "triple_click"),
            Command((), ("coordinate", "text")),
        ),
        "left_click_drag": Command(("start_coordinate", "coordinate")),
        **dict.fromkeys(("left_mouse_down", "left_mouse_up", "screenshot", "cursor_position"), Command()),
        "scroll": Command(("coordinate", "scroll_direction", "scroll_amount"), ("text",)),
        "wait": Command(("duration",)),
    },
)
_COMPUTER = replace(
    _COMPUTER_20250124,
    properties={
        **_COMPUTER_20250124.properties,
        "region": _numbers(4, "Corners [x1, y1, x2, y2] of the part of the screen to enlarge"),
    },
    commands={**_COMPUTER_20250124.commands, "zoom": Command(("region",), option="enable_zoom")},
    options={**_COMPUTER_20250124.options, "enable_zoom": ""},
)

CLIENT_TOOLS: Mapping[str, ClientTool] = {
    "bash": _BASH,
    **dict.fromkeys(("text_editor_20241022", "text_editor_20250124"), _EDITOR_20250124),
    "text_editor_20250429": _EDITOR_20250429,
    "text_editor": _EDITOR,
    "memory": _MEMORY,
    "computer_20241022": _COMPUTER_20241022,
    "computer_20250124": _COMPUTER_20250124,
    "computer": _COMPUTER,
}
"""Type → the tool. A type without a version stands for all versions that are not listed, such as newer ones."""
