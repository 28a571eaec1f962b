"""Prompts are, byte for byte, what the engine's own `/apply-template` renders for the same conversation.

Compared wherever the engine renders a conversation and loses nothing of it, and we had nothing to change. What is left must
be in `EXPLAINED`. Where the engine loses something or refuses, we are to do better, which `test_normalize.py` shows.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.demo.model import write_demo_model
from tests.support.compiler.conversations import SHAPES, Shape, rendered, texts
from tests.support.compiler.templates import CORPUS, NAMES

pytest.importorskip("xllamacpp")

TESTS = Path(__file__).parents[1]
ORACLE = TESTS / "support" / "compiler" / "apply_template.py"

THINKING = ({"enable_thinking": True}, {"enable_thinking": False})
"""Always said: where it is not, the engine says true, and we leave templates their own default."""

EVERYWHERE = {
    "assistant last": "the engine goes on from a last assistant message; we do so only with continue_final_message",
    "assistant only": "the same",
    "results swapped": "where no ids are written, we put results into the order of their calls",
    "no id": "calls without ids get some, where ids are written",
}
"""Shapes → why the prompts may differ, with any template."""

EXPLAINED = {
    "CohereForAI-c4ai-command-r-plus-tool_use": "it raises on an argument without type or description; we fill them in",
    "textual": "the same",
    "Kimi-K2-Instruct": "it heads a result with its tool's name; we say which tool it was, the engine does not",
    "fireworks-ai-llama-3-firefunction-v2": "it prints the variable `functions`, which the engine leaves undefined",
    "openai-gpt-oss-120b": "it writes text beside a call as reasoning; we write it as the preamble that the model knows",
    "google-gemma-4-31B-it-interleaved": "results of no known call: the engine guesses the tool by position",
    **dict.fromkeys(
        ("LFM2-8B-A1B", "LFM2.5-Instruct", "ibm-granite-granite-3.3-2B-Instruct"),
        "it writes no calls, and the engine loses them; we give them as content",
    ),
    **dict.fromkeys(
        ("deepseek-ai-DeepSeek-R1-Distill-Llama-8B", "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B"),
        "it shows no tools, and the engine loses them; we tell them in the system turn",
    ),
}
"""Templates → why prompts with tools may differ."""

HANDFUL = (
    *("Qwen-Qwen3-0.6B", "openai-gpt-oss-120b", "mistralai-Mistral-Nemo-Instruct-2407"),
    *("meta-llama-Llama-3.1-8B-Instruct", "google-gemma-4-31B-it-interleaved"),
)
"""Templates that the default run compares."""


class Engine:
    """The engine in its process: see `tests/support/compiler/apply_template.py`."""

    def __init__(self, model: Path) -> None:
        command = [sys.executable, str(ORACLE), str(model)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def render(self, template: str, requests: list[dict[str, Any]]) -> dict[str, Any]:
        """What it makes of the requests, and the tokens that it gave the template."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"template": template, "requests": requests}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    model = tmp_path_factory.mktemp("oracle") / "model.gguf"
    write_demo_model(model)
    engine = Engine(model)
    yield engine
    engine.close()


def body(shape: Shape, variables: dict[str, Any]) -> dict[str, Any]:
    """A chat request in OpenAI's form."""
    messages = []
    for message in shape.messages:
        written: dict[str, Any] = {"role": message.role.value, "content": message.content}
        if message.tool_calls:
            written["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in message.tool_calls
            ]
        for key in ("tool_call_id", "reasoning_content"):
            if getattr(message, key) is not None:
                written[key] = getattr(message, key)
        messages.append(written)
    tools = {"tools": [tool.as_openai() for tool in shape.tools]} if shape.tools else {}
    return {"messages": messages, "chat_template_kwargs": variables, **tools}


def compare(engine: Engine, name: str, source: str) -> Counter[str]:
    cases = [(label, shape, variables) for label, shape in SHAPES.items() for variables in THINKING]
    answer = engine.render(source, [body(shape, variables) for _, shape, variables in cases])
    template = ChatTemplate(source, *answer["tokens"])
    counts: Counter[str] = Counter()
    for (label, shape, variables), theirs in zip(cases, answer["prompts"], strict=True):
        request = replace(shape.request(), template_kwargs=variables, now=datetime.now(UTC))
        if theirs is None:
            counts["the engine refuses"] += 1
            continue
        ours, warnings = rendered(request, template)
        # The engine shows an empty description of a tool that has none.
        if ours in (theirs, re.sub(r'"description": "",\s*', "", theirs)):
            counts["the same"] += 1
        elif any(text not in theirs for _, text in texts(request)):
            counts["the engine loses something"] += 1
        elif any(warning.code in CHANGES for warning in warnings):
            counts["we said what we changed"] += 1
        else:
            tool_texts = bool(shape.tools) or any(message.tool_calls for message in shape.messages)
            assert label in EVERYWHERE or (name in EXPLAINED and tool_texts), (name, label, variables, theirs, ours)
            counts["explained"] += 1
    return counts


CHANGES = {"messages_merged", "system_moved", "content_moved", "calls_split", "calls_as_text", "turn_added"}


@pytest.mark.parametrize("name", NAMES)
def test_templates_of_our_own(engine: Engine, name: str) -> None:
    counts = compare(engine, name, (TESTS / "compiler" / "templates" / f"{name}.jinja").read_text())
    assert counts["the same"] > 10


@pytest.mark.skipif(not CORPUS.is_dir(), reason="shared/corpus/templates is not here")
@pytest.mark.parametrize("name", HANDFUL)
def test_some_real_templates(engine: Engine, name: str) -> None:
    counts = compare(engine, name, (CORPUS / f"{name}.jinja").read_text())
    assert counts["the same"] > 20


@pytest.mark.slow
@pytest.mark.skipif(not CORPUS.is_dir(), reason="shared/corpus/templates is not here")
def test_all_real_templates(engine: Engine) -> None:
    counts: Counter[str] = Counter()
    for path in sorted(CORPUS.glob("*.jinja")):
        counts += compare(engine, path.stem, path.read_text())
    print(dict(counts))
    assert counts["the same"] > 3000
