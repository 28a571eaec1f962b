"""The same request compiles to the same bytes, whatever was compiled before, and in any worker."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.plan_cache import cached_plan
from promptweave.compiler.request import ChatRequest, JsonFormat, Message, Role, Tool, ToolChoice
from promptweave.compiler.service.convert import compiled_to_wire
from promptweave.compiler.template.chat_template import ChatTemplate

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "templates"
OURS = Path(__file__).parent / "templates"

USER = (Message(Role.USER, "Go."),)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEXT = {"type": "string", "maxLength": 5}
TOOLS = (
    Tool("copy", "Copies", {"type": "object", "properties": {"source": TEXT, "n": {}}, "required": ["source"]}),
    Tool("go", "Goes", {"type": "object", "properties": {"item": {"enum": ["a", "b"]}}}),
)
FORMAT = JsonFormat({"type": "object", "properties": {"text": TEXT, "more": {"type": "array"}}}, strict=True)


def requests() -> Iterator[ChatRequest]:
    """Requests that share a plan, or what is remembered of tools and schemas."""
    for thinking in (True, False):
        for budget in (None, 5):
            kwargs = {"enable_thinking": thinking, "thinking": thinking}
            for choice in (ToolChoice(), ToolChoice(required=True), ToolChoice(required=True, names=("go",), once=True)):
                yield ChatRequest(USER, TOOLS, choice, template_kwargs=kwargs, reasoning_budget=budget, now=NOW)
            yield ChatRequest(USER, response_format=FORMAT, template_kwargs=kwargs, reasoning_budget=budget, now=NOW)
            yield ChatRequest(USER, TOOLS, response_format=FORMAT, template_kwargs=kwargs, reasoning_budget=budget, now=NOW)
    yield ChatRequest((Message(Role.USER, "Something else."),), TOOLS[:1], ToolChoice(required=True), now=NOW)
    yield ChatRequest(USER, TOOLS[::-1], ToolChoice(required=True), now=NOW)


def compiled(source: str, order: int) -> list[bytes]:
    """Each request's bytes, in the order of `requests`, compiled in some other order."""
    template = ChatTemplate(source, "<s>", "</s>", special_tokens=("<s>", "</s>", "<tool_call>", "</tool_call>"))
    asked = list(requests())
    places = list(range(len(asked)))
    random.Random(order).shuffle(places)
    wires = {place: compiled_to_wire(compile_prompt(asked[place], template)) for place in places}
    return [wires[place].SerializeToString(deterministic=True) for place in range(len(asked))]


def templates() -> list[Path]:
    """Ours, and those of real models where they are here."""
    return [*sorted(OURS.glob("*.jinja")), *sorted(CORPUS.glob("*.jinja"))]


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.stem)
def test_the_same_request_is_the_same_bytes(path: Path) -> None:
    source = path.read_text()
    first = compiled(source, 0)
    assert compiled(source, 1) == first, "what is remembered changes it"
    cached_plan.cache_clear()
    assert compiled(source, 2) == first, "the order changes it"


@pytest.mark.parametrize("path", [OURS / "tagged.jinja", OURS / "keyed.jinja"], ids=lambda path: path.stem)
def test_in_processes_of_their_own(path: Path) -> None:
    """With other seeds for hashes, so that the order of sets is another one, too."""
    user = {"messages": [{"role": "user", "content": "Go."}]}
    tools = [{"type": "function", "function": {"name": tool.name, "parameters": tool.parameters}} for tool in TOOLS]
    asked = [
        {**user, "tools": tools, "tool_choice": choice, "chat_template_kwargs": {"enable_thinking": thinking}}
        for thinking in (True, False)
        for choice in ("auto", "required", "none")
    ]
    found: list[dict[str, str]] = []
    for seed in ("1", "2"):
        order = asked if seed == "1" else asked[::-1]
        command = [sys.executable, "-m", "promptweave.cli.main", "compile", "--jsonl", "--template", str(path)]
        lines = "".join(f"{json.dumps(each)}\n" for each in order)
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(command, input=lines, env=environment, capture_output=True, text=True, check=True, timeout=120)
        answers = done.stdout.splitlines()
        assert all('"result"' in answer for answer in answers)
        found.append({json.dumps(each): answer for each, answer in zip(order, answers, strict=True)})
    assert found[0] == found[1]


def test_a_schema_in_processes_of_their_own() -> None:
    """Other names than the declared ones are a trie, whose states come in the order of the names."""
    schema = json.dumps({"properties": {name: {} for name in ("source", "target", "amount", "reason")}})
    command = [sys.executable, "-m", "promptweave.cli.main", "schema"]
    grammars = {
        subprocess.run(
            command, input=schema, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(grammars) == 1
