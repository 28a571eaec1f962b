"""Tools that Anthropic defines and clients run: served as functions, with the schemas of their documentation."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import jsonschema
import pytest
from anthropic.types.beta import BetaMemoryTool20250818Command
from pydantic import TypeAdapter

from promptweave.compiler.json_schema.compile import json_schema_to_gbnf
from promptweave.facade.policy.messages_client_tools import CLIENT_TOOLS
from tests.support.facade.translations import translate
from tests.support.serving import Serving

JsonObject = dict[str, Any]

USER: list[Any] = [{"role": "user", "content": "hi"}]
VALUES: JsonObject = {
    "coordinate": [3, 4],
    "start_coordinate": [5, 6],
    "view_range": [3, -1],
    **dict.fromkeys(("insert_line", "scroll_amount", "duration"), 2),
    "region": [0, 0, 10, 10],
    "restart": True,
    "scroll_direction": "down",
}
"""Parameters that are not text → a value of theirs."""

TYPES = {
    "bash_20241022": "bash",
    "bash_20250124": "bash",
    "bash_20300101": "bash",
    "bash": "bash",
    "text_editor_20241022": "str_replace_editor",
    "text_editor_20250124": "str_replace_editor",
    "text_editor_20250429": "str_replace_based_edit_tool",
    "text_editor_20250728": "str_replace_based_edit_tool",
    "text_editor_20300101": "str_replace_based_edit_tool",
    "memory_20250818": "memory",
    "computer_20241022": "computer",
    "computer_20250124": "computer",
    "computer_20251124": "computer",
}


def function_of(tool: JsonObject, api: str = "messages") -> Any:
    """The function that a tool becomes, which has no warning."""
    translated = translate(api, {"max_tokens": 5, "messages": USER, "tools": [tool]})
    assert not translated.warnings
    (made,) = translated.compile_request.tools
    return made.function


def schema_of(kind: str, **options: Any) -> JsonObject:
    schema: JsonObject = json.loads(function_of({"type": kind, "name": "x", **options}).parameters)
    return schema


def is_valid(schema: JsonObject, call: JsonObject) -> bool:
    return jsonschema.Draft202012Validator(schema).is_valid(call)


@pytest.mark.parametrize(("kind", "name"), TYPES.items())
@pytest.mark.parametrize("api", ["messages", "count"])
def test_they_are_functions_of_their_name(kind: str, name: str, api: str) -> None:
    function = function_of({"type": kind, "name": name, "cache_control": {"type": "ephemeral"}}, api)
    assert function.name == name
    assert function.description
    assert function_of({"type": kind}, api).name == name
    choice = {"type": "tool", "name": name}
    chosen = translate(api, {"max_tokens": 5, "messages": USER, "tools": [{"type": kind}], "tool_choice": choice})
    assert chosen.compile_request.tool_choice.named.name == name


@pytest.mark.parametrize("kind", CLIENT_TOOLS)
def test_a_call_is_one_command_with_its_own_parameters(kind: str) -> None:
    tool = CLIENT_TOOLS[kind]
    schema = schema_of(kind, enable_zoom=True) if "enable_zoom" in tool.options else schema_of(kind)
    json_schema_to_gbnf(schema)  # Strict: all of it is enforced.
    jsonschema.Draft202012Validator.check_schema(schema)
    known = {name for command in tool.commands.values() for name in (*command.required, *command.optional)}
    assert known == tool.properties.keys()
    for name, command in tool.commands.items():
        chosen = {tool.selector: name} if tool.selector else {}
        least = {**chosen, **{one: VALUES.get(one, "x") for one in command.required}}
        full = {**least, **{one: VALUES.get(one, "x") for one in command.optional}}
        assert is_valid(schema, least), least
        assert is_valid(schema, full), full
        for missing in command.required:
            assert not is_valid(schema, {key: value for key, value in least.items() if key != missing}), missing
        for other in known - full.keys():
            assert not is_valid(schema, {**least, other: VALUES.get(other, "x")}), other


@pytest.mark.parametrize(
    ("kind", "call", "valid"),
    [
        ("text_editor_20241022", {"command": "undo_edit", "path": "/a"}, True),
        ("text_editor_20250124", {"command": "undo_edit", "path": "/a"}, True),
        ("text_editor_20250429", {"command": "undo_edit", "path": "/a"}, False),
        ("text_editor_20250728", {"command": "undo_edit", "path": "/a"}, False),
        ("text_editor_20250124", {"command": "insert", "path": "/a", "insert_line": 0, "new_str": "x"}, True),
        ("text_editor_20250728", {"command": "insert", "path": "/a", "insert_line": 0, "insert_text": "x"}, True),
        ("computer_20241022", {"action": "wait", "duration": 1}, False),
        ("computer_20250124", {"action": "wait", "duration": 1}, True),
        ("computer_20250124", {"action": "zoom", "region": [0, 0, 1, 1]}, False),
        ("computer_20251124", {"action": "zoom", "region": [0, 0, 1, 1]}, False),
        ("bash_20250124", {"command": "ls", "restart": True}, False),
    ],
)
def test_versions_differ(kind: str, call: JsonObject, valid: bool) -> None:
    assert is_valid(schema_of(kind), call) is valid


def test_options_of_a_tool_are_applied() -> None:
    zoomed = schema_of("computer_20251124", enable_zoom=True)
    assert is_valid(zoomed, {"action": "zoom", "region": [0, 0, 1, 1]})
    screen = function_of(
        {"type": "computer_20250124", "display_width_px": 1027, "display_height_px": 769, "display_number": 7}
    )
    assert all(number in screen.description for number in ("1027", "769", "7"))
    assert "9182" in function_of({"type": "text_editor_20250728", "max_characters": 9182}).description
    unknown = {"type": "bash_20250124", "display_width_px": 5}
    warnings = translate("messages", {"max_tokens": 5, "messages": USER, "tools": [unknown]}).warnings
    assert [(one.code, one.path) for one in warnings] == [("unknown_field", "/tools/0/display_width_px")]


def test_a_schema_of_the_request_is_used_instead() -> None:
    schema = {"type": "object", "properties": {"script": {"type": "string"}}}
    assert json.loads(function_of({"type": "bash_20250124", "name": "bash", "input_schema": schema}).parameters) == schema


def test_the_memory_tool_complies_with_the_types_of_the_sdk() -> None:
    read: TypeAdapter[Any] = TypeAdapter(BetaMemoryTool20250818Command)
    tool = CLIENT_TOOLS["memory"]
    for name, command in tool.commands.items():
        call = {"command": name, **{one: VALUES.get(one, "x") for one in (*command.required, *command.optional)}}
        found = read.validate_python(call)
        assert found.command == name
        assert {key for key, value in found.to_dict().items() if value is not None} == call.keys()


# -- served --


@pytest.fixture(scope="module")
def client(default_served: Serving) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=default_served.url.removesuffix("/v1"), api_key="none", max_retries=0) as found:
        yield found


@pytest.mark.parametrize("kind", ["bash_20250124", "text_editor_20250728", "memory_20250818", "computer_20250124"])
@pytest.mark.parametrize("stream", [False, True])
def test_calls_comply_and_their_results_are_taken(client: anthropic.Anthropic, kind: str, stream: bool) -> None:
    name = TYPES[kind]
    asked: JsonObject = {
        "model": "claude-x",
        "max_tokens": 1200,
        "tools": [{"type": kind, "name": name, "display_width_px": 800, "display_height_px": 600}]
        if name == "computer"
        else [{"type": kind, "name": name}],
        "tool_choice": {"type": "tool", "name": name, "disable_parallel_tool_use": True},
        "extra_body": {"temperature": 0},
    }
    if stream:
        with client.beta.messages.stream(messages=USER, **asked) as events:
            message: Any = events.get_final_message()
    else:
        message = client.beta.messages.create(messages=USER, **asked)
    counted = client.beta.messages.count_tokens(
        model="claude-x", messages=USER, tools=asked["tools"], tool_choice=asked["tool_choice"]
    )
    assert counted.input_tokens == message.usage.input_tokens + message.usage.cache_read_input_tokens
    if message.stop_reason == "max_tokens":
        return
    assert message.stop_reason == "tool_use"
    (call,) = message.content
    assert (call.type, call.name) == ("tool_use", name)
    jsonschema.validate(call.input, schema_of(kind))
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "done"}
    history = [
        *USER,
        {"role": "assistant", "content": [call.model_dump(exclude_none=True)]},
        {"role": "user", "content": [result]},
    ]
    after: Any = client.beta.messages.create(
        model="claude-x", max_tokens=5, messages=history, tools=asked["tools"], extra_body={"temperature": 0}
    )
    assert getattr(after, "warnings", None) is None
