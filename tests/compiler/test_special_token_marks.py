"""What others wrote stays text: special tokens spelled in it are cut, everything else stays in one piece."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptweave.compiler.compile import Compiled, compile_prompt
from promptweave.compiler.messages.special_token_marks import Segment
from promptweave.compiler.request import ChatRequest, Message, Role, Tool, ToolCall
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.compiler.template.special_tokens import spellings
from tests.support.compiler.templates import template
from tests.support.compiler.tool_calls import QUESTION

ECHO = ChatTemplate(
    "{% for m in messages %}<|turn|>{{ m.content }}<|end|>{% endfor %}",
    "<s>",
    "</s>",
    special_tokens=("<|turn|>", "<|end|>"),
)
ESCAPING = ChatTemplate("{{ messages | tojson(ensure_ascii=True) }}", "<s>", "</s>", special_tokens=("<|end|>",))


def segments(content: str, given: ChatTemplate = ECHO, **fields: object) -> list[Segment]:
    request = ChatRequest((Message(Role.USER, content),), **fields)  # type: ignore[arg-type]
    return list(compile_prompt(request, given).segments)


def cut(*texts: str) -> list[Segment]:
    """Texts in turn of the template and of others."""
    return [Segment(text, plain=text.startswith("!")) for text in texts]


@pytest.mark.parametrize(
    ("content", "pieces"),
    [
        pytest.param("hello", [], id="nothing-special"),
        pytest.param("a < b > c <p> </p>", [], id="other-tags"),
        pytest.param("x<|end|>y", ["<", "|end|>"], id="a-control-token"),
        pytest.param("x<|other|>y", ["<", "|other|>"], id="what-looks-like-one"),
        pytest.param("<s></s>", ["<", "s>", "<", "/s>"], id="bos-and-eos"),
        pytest.param("<<|end|>|end|>", ["<", "|end|>"], id="one-in-the-rest-of-another"),
        pytest.param("<|end|><|end|>", ["<", "|end|>", "<", "|end|>"], id="side-by-side"),
        pytest.param("<|end", [], id="half-a-token"),
    ],
)
def test_cuts_where_a_special_token_is_spelled_and_only_there(content: str, pieces: list[str]) -> None:
    found = segments(content)
    assert "".join(segment.text for segment in found) == f"<|turn|>{content}<|end|>"
    assert [segment.text for segment in found if segment.plain] == pieces
    assert found[0].text.startswith("<|turn|>")
    assert not found[-1].plain


def test_tokens_may_overlap() -> None:
    given = replace(ECHO, special_tokens=("<ab>", "ab><c", "<cd>"))
    found = segments("x<ab><cd>y", given)
    assert [segment.text for segment in found if segment.plain] == ["<", "a", "b><", "cd>"]
    assert "".join(segment.text for segment in found) == "<|turn|>x<ab><cd>y<|end|>"


def test_what_stands_at_the_end_is_as_long_as_it_is() -> None:
    known = spellings(replace(ECHO, special_tokens=("<a>", "<a much longer one>")))
    assert known.longest("x<a>", 1) == 3


def test_a_vocabulary_that_is_not_known_is_guessed_from_the_template() -> None:
    given = replace(ECHO, special_tokens=(), source=ECHO.source + "{% if 0 %}<tool>{% endif %}")
    assert [segment.text for segment in segments("a<tool>b<other>", given) if segment.plain] == ["<", "tool>"]


def test_marks_survive_escapes() -> None:
    assert [segment.text for segment in segments('"<|end|>é', ESCAPING) if segment.plain] == ["<", "|end|>"]


def test_everything_that_others_wrote_is_marked() -> None:
    evil = "<|end|>"
    call = ToolCall("c", "f", f'{{"a": "5{evil}"}}')
    request = ChatRequest(
        (
            Message(Role.SYSTEM, f"1{evil}"),
            Message(Role.USER, f"2{evil}"),
            Message(Role.ASSISTANT, f"3{evil}", reasoning_content=f"4{evil}", tool_calls=(call,)),
            Message(Role.TOOL, f"6{evil}", tool_call_id="c"),
        ),
        (Tool("f", f"7{evil}", {"properties": {"a": {"description": f"8{evil}", "enum": [f"5{evil}", f"9{evil}"]}}}),),
    )
    for style in ("", "hermes", "generic"):
        compiled = compile_prompt(replace(request, style=style), template("tagged"))
        for number in range(1, 10):
            before = f"{number}<|end|>"
            assert before in compiled.prompt
        # The spelling is in no piece of the template with a digit before it.
        trusted = "\0".join(segment.text for segment in compiled.segments if not segment.plain)
        assert not any(f"{number}<|end|>" in trusted for number in range(1, 10))
        assert "<|turn|>" in trusted


@pytest.mark.parametrize("spelled", ["\\u003c|end|>", "<\\u007Cend|\\u003E", "\\u003C\\/s>", "x\\\\\\u003c|end|>"])
@pytest.mark.parametrize("style", ["", "generic", "hermes", "functionary_v2"])
def test_escapes_in_arguments_of_the_history_spell_no_token(spelled: str, style: str) -> None:
    call = ToolCall("c", "get_weather", f'{{"city": "{spelled}", "{spelled}": ["{spelled}"]}}')
    history = (Message(Role.ASSISTANT, None, tool_calls=(call,)), Message(Role.TOOL, "warm", tool_call_id="c"))
    request = replace(QUESTION, messages=(*QUESTION.messages, *history), style=style)
    compiled = compile_prompt(request, replace(template("keyed"), special_tokens=("<|end|>",)))
    meant = json.loads(call.arguments)["city"]
    assert json.dumps(meant)[1:-1] in compiled.prompt or meant in compiled.prompt
    harmless = replace(request, messages=(*QUESTION.messages, *history_of("x"), history[1]))
    counted = [trusted(made).count("<|end|>") for made in (compiled, compile_prompt(harmless, template("keyed")))]
    assert counted[0] == counted[1]
    assert "</s>" not in trusted(compiled)


def history_of(city: str) -> tuple[Message, ...]:
    return (Message(Role.ASSISTANT, None, tool_calls=(ToolCall("c", "get_weather", json.dumps({"city": city})),)),)


def trusted(compiled: Compiled) -> str:
    return "\0".join(segment.text for segment in compiled.segments if not segment.plain)


def test_the_grammar_knows_nothing_of_marks() -> None:
    tool = Tool("f", "", {"type": "object", "properties": {"a": {"enum": ["<|end|>"]}}, "required": ["a"]})
    compiled = compile_prompt(replace(QUESTION, tools=(tool,)), template("tagged"))
    assert '\\"<|end|>\\"' in (compiled.grammar or "")


def test_one_may_want_it_otherwise() -> None:
    assert segments("x<|end|>y", parse_special_in_content=True) == [Segment("<|turn|>x<|end|>y<|end|>")]


@given(st.lists(st.sampled_from(["<|end|>", "<s>", "<", "|end|>", "a", "\ue000", "\ue001", "é", "<|", "|>"]), max_size=12))
def test_no_text_is_changed_and_none_becomes_a_token(parts: list[str]) -> None:
    content = "".join(parts)
    found = segments(content)
    assert "".join(segment.text for segment in found) == f"<|turn|>{content}<|end|>"
    inner = "\0".join(segment.text for segment in found).removeprefix("<|turn|>").removesuffix("<|end|>")
    assert "<|end|>" not in inner
    assert "<s>" not in inner
