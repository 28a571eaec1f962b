"""Tools that OpenAI defines and clients run: `shell`, `local_shell`, `apply_patch`, `computer`, with OpenAI's own client."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import openai
import pytest
from openai.types.responses import ResponseItem
from pydantic import TypeAdapter

from promptweave.compiler.json_schema.compile import json_schema_to_gbnf
from promptweave.facade.openai.responses.response.events import OutputOptions, ResponseEvents
from promptweave.facade.policy.responses import NAME_TAKEN, OTHER_ENVIRONMENT
from promptweave.facade.policy.responses_client_tools import CLIENT_TOOLS
from promptweave.v1 import inference_pb2, output_pb2
from tests.support.facade.openai_spec import DESCRIPTION, check
from tests.support.facade.responses_events import EVENT, WEATHER, CheckedEvents
from tests.support.facade.translations import translate
from tests.support.images import data_url, image_file
from tests.support.serving import Serving

JsonObject = dict[str, Any]

ITEM: TypeAdapter[Any] = TypeAdapter(ResponseItem)
KINDS = {
    "shell": "shell_call",
    "local_shell": "local_shell_call",
    "apply_patch": "apply_patch_call",
    "computer": "computer_call",
    "computer_use_preview": "computer_call",
    "computer_use_preview_2025_03_11": "computer_call",
}
ARGUMENTS: dict[str, JsonObject] = {
    "shell": {"commands": ["ls -l", "pwd"]},
    "local_shell": {"command": ["ls", "-l"], "working_directory": "/srv"},
    "apply_patch": {"type": "update_file", "path": "a.py", "diff": "@@ def f():\n-    x\n+    y"},
    "computer": {"actions": [{"type": "click", "button": "left", "x": 3, "y": 4}, {"type": "wait"}]},
    "computer_use_preview": {"type": "scroll", "x": 1, "y": 2, "scroll_x": 0, "scroll_y": 30},
}


def tool_of(kind: str) -> JsonObject:
    screen = {"display_width": 1027, "display_height": 769, "environment": "browser"} if kind.startswith("computer_") else {}
    return {"type": kind, **screen}


def translated(**body: Any) -> Any:
    return translate("responses", {"input": "hi", **body})


def codes(found: Any) -> list[tuple[str, str]]:
    return [(one.code, one.path) for one in found.warnings]


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_functions(kind: str) -> None:
    found = translated(tools=[tool_of(kind)], tool_choice={"type": kind})
    assert not found.warnings
    (tool,) = found.compile_request.tools
    assert tool.function.description
    assert found.compile_request.tool_choice.named.name == tool.function.name
    json_schema_to_gbnf(json.loads(tool.function.parameters))  # Strict: all of it is enforced.
    if kind.startswith("computer_"):
        assert all(one in tool.function.description for one in ("1027", "769", "browser"))
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": kind}]}
    chosen = translated(tools=[tool_of(kind), WEATHER], tool_choice=allowed).compile_request.tool_choice
    assert [*chosen.allowed.names] == [tool.function.name]


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_arguments_become_an_item_and_come_back(kind: str) -> None:
    described, arguments = CLIENT_TOOLS[kind], ARGUMENTS[kind]
    schema = described.tool.parameters({})
    jsonschema.validate(arguments, schema)
    item = {"id": "i", "type": described.call.type, "status": "completed", "call_id": "1", **described.call.item(arguments)}
    assert ITEM.validate_python(item).type == described.call.type
    if DESCRIPTION.exists():
        check("OutputItem", item)
    output = {"type": f"{described.call.type}_output", "call_id": "1", "output": "done"}
    found = translated(input=[{"role": "user", "content": "hi"}, item, output], tools=[tool_of(kind)])
    assert not found.warnings
    (call,) = found.compile_request.messages[1].tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == (described.tool.name, arguments)
    assert found.compile_request.messages[2].content[0].text == "done"


@pytest.mark.parametrize(
    ("operation", "diff", "valid"),
    [
        ("create_file", "", True),
        ("create_file", "+a\n+\n+b", True),
        ("create_file", "a", False),
        ("create_file", "+a\n b", False),
        ("update_file", "-a\n+b", True),
        ("update_file", "@@ class A\n@@     def f\n a\n-b\r\n\n+c\n*** End of File", True),
        ("update_file", " a", False),
        ("update_file", "", False),
        ("update_file", "*** Begin Patch\n+a", False),
    ],
)
def test_diffs_have_the_form_that_clients_apply(operation: str, diff: str, valid: bool) -> None:
    schema = CLIENT_TOOLS["apply_patch"].tool.parameters({})
    # Of Python's expressions, `$` would match before a line break at the end, too.
    (pattern,) = [
        branch["properties"]["diff"]["pattern"]
        for branch in schema["anyOf"]
        if branch["properties"]["type"]["enum"] == [operation]
    ]
    assert (re.fullmatch(pattern.removeprefix("^").removesuffix("$"), diff) is not None) is valid


def test_a_screenshot_is_an_image() -> None:
    call = {"type": "computer_call", "id": "i", "call_id": "1", "action": {"type": "screenshot"}}
    shot: JsonObject = {"type": "computer_screenshot", "image_url": data_url(image_file())}
    output = {"type": "computer_call_output", "call_id": "1", "output": shot}
    items = [{"role": "user", "content": "hi"}, call, output]
    found = translated(input=items)
    assert not found.warnings
    assert found.compile_request.messages[2].content[0].image.data == image_file()
    output["output"] = {"type": "computer_screenshot", "file_id": "f"}
    found = translated(input=items)
    assert found.compile_request.messages[2].content[0].text == "[image_url left out]"
    assert [code for code, _ in codes(found)] == ["part_left_out"]


LEFT_OUT: dict[str, tuple[list[JsonObject], str, str]] = {
    "container": ([{"type": "shell", "environment": {"type": "container_auto"}}], "/tools/0", OTHER_ENVIRONMENT),
    "function": ([{"type": "function", "name": "shell"}, {"type": "shell"}], "/tools/1", NAME_TAKEN),
    "function-after": ([{"type": "local_shell"}, {"type": "function", "name": "local_shell"}], "/tools/0", NAME_TAKEN),
    "custom": ([{"type": "custom", "name": "apply_patch"}, {"type": "apply_patch"}], "/tools/1", NAME_TAKEN),
    "twice": ([{"type": "computer"}, {"type": "computer_use_preview"}], "/tools/1", NAME_TAKEN),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_cannot_be_served_is_left_out(case: str) -> None:
    tools, path, why = LEFT_OUT[case]
    found = translated(tools=tools)
    assert codes(found) == [("tool_left_out", path)]
    assert why in found.warnings[0].message
    assert len(found.compile_request.tools) == len(tools) - 1


# -- events --


def heard(kind: str, text: str, *, ends: bool, reason: output_pb2.FinishReason.ValueType) -> list[JsonObject]:
    """The events of a message with text, and a call with these arguments."""
    options = OutputOptions(defined_calls={CLIENT_TOOLS[kind].tool.name: CLIENT_TOOLS[kind].call})
    made = ResponseEvents({"id": "r", "status": "in_progress", "output": []}, options)  # type: ignore[typeddict-item]
    header = output_pb2.ToolCallHeader(index=0, id="call_1", name=CLIENT_TOOLS[kind].tool.name)
    deltas = [
        output_pb2.OutputDelta(content="Well"),
        output_pb2.OutputDelta(tool_call=header),
        *(
            output_pb2.OutputDelta(tool_call_fragment=output_pb2.ToolCallFragment(index=0, text=piece))
            for piece in (text[:5], text[5:])
        ),
        *([output_pb2.OutputDelta(tool_call_end=output_pb2.ToolCallEnd(index=0))] if ends else []),
    ]
    told = [inference_pb2.GenerateEvent(delta=delta) for delta in deltas]
    told.append(inference_pb2.GenerateEvent(finish=inference_pb2.Finish(reason=reason)))
    return json.loads(json.dumps([*made.first(), *made.of(told), made.last()]))  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_a_call_comes_whole_and_a_truncated_one_not_at_all(kind: str) -> None:
    text = json.dumps(ARGUMENTS[kind])
    events = heard(kind, text, ends=True, reason=output_pb2.FINISH_REASON_TOOL_CALLS)
    assert [event["sequence_number"] for event in events] == [*range(len(events))]
    item = events[-1]["response"]["output"][1]
    of_call = [event for event in events if event.get("output_index") == 1]
    assert (of_call[0]["type"], of_call[-1]["type"]) == ("response.output_item.added", "response.output_item.done")
    assert of_call[-1]["item"] == item
    for event in of_call:
        EVENT.validate_python(event)
    kinds = [event["type"].rpartition(".")[2] for event in of_call[1:-1]]
    assert kinds == (["added", "delta", "done"] * 2 if kind == "shell" else [])
    if kind == "shell":
        assert [event["command"] for event in of_call if event["type"].endswith("command.done")] == ["ls -l", "pwd"]
    cut = heard(kind, text[:-4], ends=False, reason=output_pb2.FINISH_REASON_LENGTH)
    assert [one["type"] for one in cut[-1]["response"]["output"]] == ["message"]
    assert cut[-1]["type"] == "response.incomplete"


# -- served --


@pytest.fixture(scope="module")
def client(default_served: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=default_served.url, api_key="none", max_retries=0) as found:
        yield found


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.endswith("11")])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_calls_are_items_of_their_type(client: openai.OpenAI, kind: str, stream: bool) -> None:
    asked: JsonObject = {
        "model": "gpt-5",
        "input": "Show the files",
        "tools": [tool_of(kind)],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "max_output_tokens": 700,
        "extra_body": {"temperature": 0},
    }
    if stream:
        with client.responses.stream(**asked) as events:
            *_, last = events
        response: Any = last.response  # type: ignore[union-attr]
    else:
        response = client.responses.create(**asked)
    if response.status == "incomplete":
        assert not response.output
        return
    (call,) = response.output
    assert call.type == KINDS[kind]
    item = call.to_dict()
    described = CLIENT_TOOLS[kind]
    jsonschema.validate(described.call.arguments(item), described.tool.parameters(tool_of(kind)))
    output = {"type": f"{call.type}_output", "call_id": call.call_id, "output": "done"}
    again: Any = client.responses.create(
        model="gpt-5", input=[output], previous_response_id=response.id, tools=asked["tools"], max_output_tokens=16
    )
    assert getattr(again, "warnings", None) is None
    listed = client.responses.input_items.list(again.id, order="asc")
    assert [one.type for one in listed.data] == ["message", call.type, output["type"]]


def test_a_stream_has_the_events_that_the_sdk_reads(client: openai.OpenAI) -> None:
    stream = client.responses.create(
        model="gpt-5",
        input="hi",
        tools=[{"type": "shell"}, WEATHER],  # type: ignore[list-item]
        tool_choice={"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "weather"}]},
        max_output_tokens=200,
        stream=True,
        extra_body={"temperature": 0},
    )
    checked = CheckedEvents(event.to_dict() for event in stream)
    assert {item["type"] for item in checked.items} <= {"function_call"}
