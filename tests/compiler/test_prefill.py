"""Going on from the assistant's last message: the prompt ends with its content, on every template."""

from dataclasses import replace
from pathlib import Path

import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.errors import RequestError, UnsupportedError
from promptweave.compiler.profile.profile import profile
from promptweave.compiler.request import ChatRequest, JsonFormat, ToolChoice
from promptweave.compiler.service.convert import chat_request_from_wire
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.output.message import ParsedMessage
from promptweave.output.parse.parser import OutputParser
from promptweave.v1 import prompt_compiler_pb2
from tests.support.compiler.conversations import ASK, ONE, SAID, TOOLS, assistant, result, system, user
from tests.support.compiler.templates import CORPUS, NAMES, template

BEGUN = assistant("It is: ")
REQUEST = ChatRequest((ASK, BEGUN), continue_final_message=True)
CONVERSATIONS = {
    "question": (ASK, BEGUN),
    "system": (system("Speak like a sailor."), ASK, BEGUN),
    "nothing before": (BEGUN,),
    "nothing begun": (ASK, assistant("")),
    "exchange": (ASK, assistant(None, ONE), result("17 degrees, drizzle", ONE.id), BEGUN),
    "assistant before": (ASK, SAID, BEGUN),
    "thought": (ASK, assistant("It is: ", thought="Let me see.")),
}


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        ("tagged", "<s><|turn|>user\nIs it raining there?<|end|>\n<|turn|>assistant\nIt is: "),
        ("listed", "[ASK]Is it raining there?[/ASK]It is: "),
        ("bare", "USER: Is it raining there?\nASSISTANT: It is: "),
        # It trims what it writes.
        ("single", "<user>Is it raining there?<end><assistant>It is: "),
    ],
)
def test_prompts(name: str, prompt: str) -> None:
    assert compile_prompt(REQUEST, template(name)).prompt.lstrip("\n") == prompt


@pytest.mark.parametrize("tools", [(), TOOLS], ids=["no tools", "tools"])
@pytest.mark.parametrize("messages", CONVERSATIONS.values(), ids=CONVERSATIONS)
@pytest.mark.parametrize("name", NAMES)
def test_every_template_of_our_own(name: str, messages: tuple, tools: tuple) -> None:
    check(ChatRequest(messages, tools, continue_final_message=True), template(name))


@pytest.mark.skipif(not CORPUS.is_dir(), reason="shared/corpus/templates is not here")
@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.jinja")) if CORPUS.is_dir() else [], ids=lambda path: path.stem)
def test_every_real_template(path: Path) -> None:
    for messages in CONVERSATIONS.values():
        for tools in ((), TOOLS):
            check(ChatRequest(messages, tools, continue_final_message=True), ChatTemplate(path.read_text(), "<s>", "</s>"))


def check(request: ChatRequest, given: ChatTemplate) -> None:
    compiled = compile_prompt(request, given)
    assert compiled.prompt.endswith(request.messages[-1].content or "")
    for message in request.messages[:-1]:
        assert (message.content or "") in compiled.prompt
    parser = OutputParser(compiled.syntax)
    message = ParsedMessage()
    # Some templates end content with a tag of their own.
    answer = "wet. And cold." + profile(given).answer.end.strip()
    message.extend([*parser.start(), *parser.feed(answer), *parser.finish()])
    assert (message.content, message.reasoning_content, parser.complete) == ("wet. And cold.", None, True)


def test_calls_may_follow_in_the_native_style() -> None:
    compiled = compile_prompt(replace(REQUEST, tools=TOOLS), template("listed"))
    parser = OutputParser(compiled.syntax)
    message = ParsedMessage()
    text = 'so. [CALLS][{"function": "get_weather", "with": {"city": "Rome"}}]'
    message.extend([*parser.start(), *parser.feed(text), *parser.finish()])
    assert (message.content, message.tool_calls[0].name) == ("so. ", "get_weather")


def test_a_begun_thought_is_ended() -> None:
    # It opens a thought wherever the assistant speaks last.
    source = (
        "{% for m in messages %}<{{ m.role }}>{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>"
        "{% elif loop.last and m.role == 'assistant' %}<think>{% endif %}{{ m.content }}<end>{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    assert compile_prompt(REQUEST, ChatTemplate(source)).prompt.endswith("<assistant><think></think>It is: ")


def test_a_template_that_does_not_write_the_last_message() -> None:
    source = "{% for m in messages if m.role == 'user' %}Q: {{ m.content }}\n{% endfor %}"
    source += "{% if add_generation_prompt %}A: {% endif %}"
    assert compile_prompt(REQUEST, ChatTemplate(source)).prompt == "Q: Is it raining there?\nA: It is: "


@pytest.mark.parametrize(
    ("request_", "error", "path"),
    [
        (replace(REQUEST, messages=(ASK,)), RequestError, "/messages/0/role"),
        (replace(REQUEST, messages=(ASK, assistant("", ONE)), tools=TOOLS), RequestError, "/messages/1/tool_calls"),
        (replace(REQUEST, tools=TOOLS, tool_choice=ToolChoice(required=True)), RequestError, "/tool_choice"),
        (replace(REQUEST, response_format=JsonFormat(True)), UnsupportedError, "/continue_final_message"),
        (replace(REQUEST, messages=()), RequestError, "/messages"),
    ],
)
def test_refusals(request_: ChatRequest, error: type[Exception], path: str) -> None:
    with pytest.raises(error) as raised:
        compile_prompt(request_, template("tagged"))
    assert raised.value.path == path  # type: ignore[attr-defined]


def test_the_word_that_marks_the_end_is_one_of_a_kind() -> None:
    messages = (user("zqend000zq"), assistant("zqend001zq "))
    compiled = compile_prompt(replace(REQUEST, messages=messages), template("tagged"))
    assert compiled.prompt.endswith("<|turn|>user\nzqend000zq<|end|>\n<|turn|>assistant\nzqend001zq ")


def test_the_contract_carries_it() -> None:
    wire = prompt_compiler_pb2.CompileRequest(continue_final_message=True)
    assert chat_request_from_wire(wire).continue_final_message
