"""Calls of the history whose arguments are not a JSON object: nothing is refused, and nothing is lost."""

import json
from pathlib import Path

import pytest

from promptweave.compiler.compile import Compiled, compile_prompt
from promptweave.compiler.request import ChatRequest, Message, Role, Tool, ToolCall
from promptweave.compiler.template.chat_template import ChatTemplate

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
