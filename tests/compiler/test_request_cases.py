"""Requests that went wrong somewhere, each with what must come of it: shared/cases/requests.jsonl, read in our own words."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from promptweave.compiler.compile import Compiled, compile_prompt
from promptweave.compiler.service.convert import chat_request_from_wire
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.facade.anthropic.body import MessagesBody
from promptweave.facade.anthropic.to_chat import to_chat
from promptweave.facade.bodies.body import read_body
from promptweave.facade.openai.chat.request.to_grpc import compile_request_from_openai, to_compile_request
from tests.support.compiler.templates import CORPUS
from tests.support.compiler.tool_calls import calls_of, read
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts

CASES = Path(__file__).parents[3] / "shared" / "cases" / "requests.jsonl"
pytestmark = pytest.mark.skipif(not (CASES.is_file() and CORPUS.is_dir()), reason="shared/cases is not here")

REQUESTS = {case["name"]: case for case in map(json.loads, CASES.read_text().splitlines())} if CASES.is_file() else {}


@dataclass(frozen=True)
class Result:
    """A case compiled for one template."""

    case: dict[str, Any]
    compiled: Compiled

    @property
    def prompt(self) -> str:
        return self.compiled.prompt

    def warns(self, code: str, path: str) -> bool:
        return any(warning.code == code and warning.path.startswith(path) for warning in self.compiled.warnings)

    def message(self, text: str | None = None) -> tuple[str | None, str | None, list[tuple[str, Any]]]:
        """Reasoning, content and calls of an output; by default, the case's own."""
        parsed, _ = read(self.compiled, text or self.case["model_output"])
        return parsed.reasoning_content, parsed.content, calls_of(parsed)

    def admits(self, text: str) -> bool:
        prefix = self.compiled.syntax.prefix
        assert self.compiled.grammar
        return text.startswith(prefix) and accepts(grammar_from_gbnf(self.compiled.grammar), text.removeprefix(prefix))


def _compiled(case: dict[str, Any], template: Path) -> Result:
    request = dict(case["request"])
    given = ChatTemplate(template.read_text(), request.pop("bos_token", "<s>"), request.pop("eos_token", "</s>"))
    wire, _ = compile_request_from_openai(request)
    return Result(case, compile_prompt(chat_request_from_wire(wire), given))


# -- what must come of each --

READ_A = [("read_file", {"path": "/a"})]


def _is_in_order(text: str, *parts: str) -> bool:
    places = [text.find(part) for part in parts]
    return -1 not in places and places == sorted(places)


def _recipient_behind_the_channel(result: Result) -> None:
    assert result.message() == ("Need file.", None, READ_A)


def _only_the_loose_parameter_pays(result: Result) -> None:
    assert result.compiled.style == "native"
    call = "<tool_call>\n<function=read_file>\n<parameter=path>\n/a\n</parameter>\n</function>\n</tool_call>"
    assert result.message(call)[2] == READ_A


def _harmony_text_beside_a_call(result: Result) -> None:
    assert _is_in_order(result.prompt, "THINK1", "RES1", "THINK2", "TEXT2", "RES2")
    assert "<|channel|>final<|message|>TEXT2" not in result.prompt
    assert "<|channel|>commentary<|message|>TEXT2" in result.prompt


def _gemma_text_beside_a_call(result: Result) -> None:
    assert _is_in_order(result.prompt, "RES1", "TEXT2", "RES2")
    before, _, after = result.prompt.partition("TEXT2")
    assert before.rpartition("<|turn>")[2].startswith("model")
    assert "<turn|>" not in before.rpartition("<|turn>model")[2]
    assert "<turn|>" not in after.partition("RES2")[0]


def _calls_stay_calls(result: Result) -> None:
    assert '[TOOL_CALLS][{"name": "read_file", "arguments": {"path": "/a"}, "id": "abcdefghi"}]' in result.prompt
    assert '[TOOL_RESULTS]{"content": RESULT, "call_id": "abcdefghi"}[/TOOL_RESULTS]' in result.prompt
    assert _is_in_order(result.prompt, "[INST]SYS", "hello[/INST]", "[TOOL_CALLS]", "RESULT")


def _call_without_its_wrapper(result: Result) -> None:
    _, content, calls = result.message()
    assert ((content or "").strip(), calls) == ("I will read it.", READ_A)


def _null_is_absent(result: Result) -> None:
    assert any("/tools/1/" in warning.path for warning in result.compiled.warnings)


def _cut_arguments_are_text(result: Result) -> None:
    assert _is_in_order(result.prompt, "hello", 'read_file with {"path": "/a', "error: invalid arguments")
    assert result.warns("arguments_invalid", "/messages/1/tool_calls/0/function/arguments")


def _thinking_is_on(result: Result) -> None:
    assert "<|think|>" in result.prompt
    assert result.prompt.endswith("<|turn>model\n")
    assert result.compiled.warnings == ()
    assert result.message("<|channel>thought\nIt is easy.\n<channel|>Hello.")[:2] == ("It is easy.", "Hello.")


def _any_order(result: Result) -> None:
    def call(*pairs: tuple[str, object]) -> str:
        written = "".join(f"<parameter={name}>\n{value}\n</parameter>\n" for name, value in pairs)
        return f"<tool_call>\n<function=read_file>\n{written}</function>\n</tool_call>"

    path, limit, offset = ("path", "/a"), ("limit", 20), ("offset", 10)
    for order in ((path, limit, offset), (path, offset, limit), (limit, offset, path)):
        assert result.admits(call(*order)), order


def _type_before_the_name(result: Result) -> None:
    assert result.message('{"type": "function", "name": "read_file", "parameters": {"path": "/a"}}')[2] == READ_A


def _reminder_stays_in_place(result: Result) -> None:
    assert _is_in_order(result.prompt, "hi", "hello", "REMINDER-7: be brief", "go on")


def _brace_in_the_calls_place(result: Result) -> None:
    assert _is_in_order(result.prompt, "[called echo with {]", "not executed", "go on")
    assert result.warns("arguments_invalid", "/messages/1/tool_calls/0/function/arguments")


EXPECTED: dict[str, Callable[[Result], None]] = {
    "gptoss_auto": _recipient_behind_the_channel,
    "one_loose_param_qwen3coder": _only_the_loose_parameter_pays,
    "gptoss_text_beside_call": _harmony_text_beside_a_call,
    "gemma4_text_beside_call": _gemma_text_beside_a_call,
    "nemo_system_tool_result": _calls_stay_calls,
    "qwen3coder_no_opener": _call_without_its_wrapper,
    "required_null": _null_is_absent,
    "cut_arguments_in_history": _cut_arguments_are_text,
    "gemma4_effort_high": _thinking_is_on,
    "order": _any_order,
    "llama_type_function": _type_before_the_name,
    "system_message_in_the_middle": _reminder_stays_in_place,
    "broken_arguments_in_history": _brace_in_the_calls_place,
}


def _parameters() -> list[Any]:
    found = []
    for name, case in REQUESTS.items():
        templates = sorted(CORPUS.glob("*.jinja")) if case["template"].startswith("all") else [CORPUS / case["template"]]
        found += [pytest.param(name, path, id=f"{name}-{path.stem}") for path in templates]
    return found


@pytest.mark.parametrize(("name", "template"), _parameters())
def test_it_comes_out_as_it_must(name: str, template: Path) -> None:
    EXPECTED[name](_compiled(REQUESTS[name], template))


def test_every_case_is_here() -> None:
    assert EXPECTED.keys() == REQUESTS.keys()


@pytest.mark.parametrize("template", sorted(CORPUS.glob("*.jinja")) if CORPUS.is_dir() else [], ids=lambda path: path.stem)
def test_a_system_message_in_the_middle_also_comes_through_messages(template: Path) -> None:
    raw = {"messages": REQUESTS["system_message_in_the_middle"]["request"]["messages"], "max_tokens": 9}
    wire, _ = to_compile_request(to_chat(raw, read_body(MessagesBody, raw)))
    compiled = compile_prompt(chat_request_from_wire(wire), ChatTemplate(template.read_text(), "<s>", "</s>"))
    _reminder_stays_in_place(Result({}, compiled))
