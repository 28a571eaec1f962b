"""Calls of the history whose arguments are not a JSON object: nothing is refused, and nothing is lost."""

import json
import re
from pathlib import Path

import pytest

from promptweave.compiler.compile import Compiled, compile_prompt
from promptweave.compiler.request import ChatRequest, Message, Picture, Role, Tool, ToolCall, ToolReference
from promptweave.compiler.template.chat_template import ChatTemplate
from tests.support.images import image_file

HERE = Path(__file__).parent
TEMPLATES = sorted((HERE / "templates").glob("*.jinja"))
TOOL = Tool("write_file", "Writes a file")


def compiled_with(arguments: str, template: Path = HERE / "templates" / "tagged.jinja", *, ids: bool = True) -> Compiled:
    calls = (
        ToolCall("c1" if ids else "", "write_file", '{"path": "first"}'),
        ToolCall("c2" if ids else "", "write_file", arguments),
    )
    results = tuple(Message(Role.TOOL, f"result {n}", tool_call_id=f"c{n}" if ids else None) for n in (1, 2))
    messages = (Message(Role.USER, "Write"), Message(Role.ASSISTANT, "I will.", tool_calls=calls), *results)
    return compile_prompt(ChatRequest(messages, (TOOL,)), ChatTemplate(template.read_text(), "<s>", "</s>"))


@pytest.mark.parametrize(
    ("arguments", "object_"),
    [
        ("null", {}),
        (json.dumps(json.dumps({"path": "twice"})), {"path": "twice"}),
        ('{"path": "half \\ud83d"}', {"path": "half \ufffd"}),
    ],
)
def test_what_encodes_an_object_is_decoded(arguments: str, object_: object) -> None:
    compiled = compiled_with(arguments)
    assert json.dumps(object_, ensure_ascii=False) in compiled.prompt
    path = "/messages/1/tool_calls/1/function/arguments"
    assert ("arguments_repaired", path) in [(warning.code, warning.path) for warning in compiled.warnings]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
@pytest.mark.parametrize("arguments", ["{", '{"path": "cut', "[1]", "", "7", '"plain"', "{" * 5000])
def test_other_arguments_become_text(arguments: str, template: Path) -> None:
    for ids in (True, False):
        compiled = compiled_with(arguments, template, ids=ids)
        codes = [warning.code for warning in compiled.warnings]
        assert "arguments_invalid" in codes
        if "content_lost" not in codes:
            for text in ("I will.", "first", arguments.strip(), "result 1", "result 2"):
                assert text in compiled.prompt or json.dumps(text)[1:-1] in compiled.prompt


def test_the_call_beside_it_stays_a_call() -> None:
    prompt = compiled_with("{").prompt
    assert '<call>\n{"name": "write_file", "arguments": {"path": "first"}}\n</call>' in prompt
    assert "[called write_file with {]" in prompt
    assert "[result of write_file]\nresult 2" in prompt


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
@pytest.mark.parametrize("role", [Role.USER, Role.SYSTEM, Role.TOOL])
def test_calls_of_others_than_the_assistant_become_text(role: Role, template: Path) -> None:
    broken = (ToolCall("c1", "write_file", "{"),)
    calls = (ToolCall("c2", "list_files", '{"path": "here"}'), ToolCall("c3", "find_file", "["))
    messages = (
        Message(Role.ASSISTANT, tool_calls=broken),
        Message(role, "said", tool_calls=calls, tool_call_id="c1" if role is Role.TOOL else None),
        Message(Role.TOOL, "found", tool_call_id="c2"),
        Message(Role.USER, "Go on"),
    )
    compiled = compile_prompt(ChatRequest(messages, (TOOL,)), ChatTemplate(template.read_text(), "<s>", "</s>"))
    for text in ("write_file", "said", "list_files", "here", "find_file", "found"):
        assert text in compiled.prompt
    paths = [warning.path for warning in compiled.warnings if warning.code == "call_as_text"]
    assert paths == ["/messages/1/tool_calls/0", "/messages/1/tool_calls/1"]


def test_images_and_references_of_its_result_stay() -> None:
    call = ToolCall("c1", "write_file", "{")
    result = Message(
        Role.TOOL,
        "before after",
        tool_call_id="c1",
        pictures=(Picture(7, image_file(), "image/png", "/messages/2/content/1/image"),),
        references=(ToolReference(7, "deferred", "", "/messages/2/content/2/tool_reference"),),
    )
    tools = (TOOL, Tool("deferred", "Found later", defer_loading=True))
    request = ChatRequest((Message(Role.USER, "Write"), Message(Role.ASSISTANT, tool_calls=(call,)), result), tools)
    template = ChatTemplate((HERE / "templates" / "tagged.jinja").read_text(), "<s>", "</s>")
    compiled = compile_prompt(request, template)
    assert re.search("before .*Found later.*after", compiled.prompt, re.DOTALL)
    assert [segment.picture for segment in compiled.segments if segment.picture]


def test_reasoning_of_the_current_turn_is_not_lost_in_silence() -> None:
    """The result of a broken call is a user message, before which templates drop reasoning."""
    call = ToolCall("c1", "write_file", "{")
    messages = (
        Message(Role.USER, "Write"),
        Message(Role.ASSISTANT, tool_calls=(call,), reasoning_content="It needs a file."),
        Message(Role.TOOL, "cut", tool_call_id="c1"),
    )
    for path in TEMPLATES:
        compiled = compile_prompt(ChatRequest(messages, (TOOL,)), ChatTemplate(path.read_text(), "<s>", "</s>"))
        dropped = [warning.path for warning in compiled.warnings if warning.code == "reasoning_dropped"]
        assert dropped == ([] if "It needs a file." in compiled.prompt else ["/messages/1/reasoning_content"])
