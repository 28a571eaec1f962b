"""Text beside calls where a template has no place for it: it is in the prompt where the model would have written it."""

from dataclasses import replace

import pytest

from promptweave.compiler.compile import Compiled, compile_prompt
from promptweave.compiler.explain.explain import explain
from promptweave.compiler.profile.profile import profile
from promptweave.compiler.request import ChatRequest, Message, Role, ToolCall
from promptweave.compiler.template.chat_template import ChatTemplate
from tests.support.compiler.templates import CORPUS, template
from tests.support.compiler.tool_calls import FORECAST, WEATHER
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts

MESSAGES = template("messages")

# Results continue the turn in which the tool was called, and text comes after the calls.
GOES_ON = ChatTemplate(
    """{%- for t in tools %}{{ t.function | tojson }}{% endfor %}
{%- set ns = namespace(open=false) %}
{%- for m in messages %}
{%- if m.role == 'assistant' %}{% if not ns.open %}<turn>model
{% endif %}{% if m.thinking %}<think>{{ m.thinking }}</think>{% endif %}
{%- for c in m.tool_calls or [] %}<call>{{ c.function.name }}{{ c.function.arguments | tojson }}</call>{% endfor %}
{%- if m.content %}{{ m.content }}{% endif %}{% if m.tool_calls and not m.content %}{% set ns.open = true %}{% else %}</turn>
{% endif %}
{%- elif m.role == 'tool' %}<result>{{ m.content }}</result>{% set ns.open = true %}
{%- else %}<turn>{{ m.role }}
{{ m.content }}</turn>
{% endif %}{% endfor %}
{%- if add_generation_prompt and not ns.open %}<turn>model
{% endif %}""",
    "<s>",
    "</s>",
)
ASK = Message(Role.USER, "How is the weather?")
LATER = Message(Role.USER, "And tomorrow?")


def called(city: str, text: str | None = None, thought: str | None = None) -> tuple[Message, Message]:
    call = ToolCall(f"id{city}", "get_weather", f'{{"city": "{city}"}}')
    said = Message(Role.ASSISTANT, text, tool_calls=(call,), reasoning_content=thought)
    return said, Message(Role.TOOL, f"{city} is hot", tool_call_id=call.id)


def asked(*messages: Message) -> ChatRequest:
    return ChatRequest((ASK, *messages), (WEATHER, FORECAST))


def conversation(compiled: Compiled) -> str:
    """Return the prompt after the first question."""
    return compiled.prompt.partition(ASK.content or "")[2]


LOOP = asked(*called("Graz", None, "First Graz."), *called("Linz", "Now Linz.", "Then Linz."))
CALLS = {
    city: f' to=functions.get_weather<|channel|>commentary json<|message|>{{"city": "{city}"}}<|call|>'
    "<|start|>functions.get_weather to=assistant<|channel|>commentary<|message|>"
    f'"{city} is hot"<|end|>'
    for city in ("Graz", "Linz")
}


def test_a_preamble_is_a_message_of_its_own_and_the_thoughts_of_the_loop_stay() -> None:
    compiled = compile_prompt(LOOP, MESSAGES)
    start = "<|start|>assistant"
    assert conversation(compiled) == (
        f"<|end|>{start}<|channel|>analysis<|message|>First Graz.<|end|>{start}{CALLS['Graz']}"
        f"{start}<|channel|>analysis<|message|>Then Linz.<|end|>{start}<|channel|>commentary<|message|>Now Linz.<|end|>"
        f"{start}{CALLS['Linz']}{start}"
    )
    assert compiled.warnings == ()


def test_text_continues_a_turn_that_goes_on() -> None:
    compiled = compile_prompt(LOOP, GOES_ON)
    assert conversation(compiled) == (
        "</turn>\n<turn>model\n<think>First Graz.</think>"
        '<call>get_weather{"city": "Graz"}</call><result>Graz is hot</result>'
        "<think>Then Linz.</think>Now Linz."
        '<call>get_weather{"city": "Linz"}</call><result>Linz is hot</result>'
    )
    assert compiled.warnings == ()


def test_text_alone_is_no_reasoning() -> None:
    written = conversation(compile_prompt(asked(*called("Graz", "I look.")), MESSAGES))
    assert "<|start|>assistant<|channel|>commentary<|message|>I look.<|end|><|start|>assistant to=" in written
    assert "analysis" not in written


def test_a_preamble_stays_when_the_loop_is_over() -> None:
    """The thoughts may go, as the template has it; what the user has read stays, beside its call."""
    done = Message(Role.ASSISTANT, "It is hot.")
    compiled = compile_prompt(asked(*called("Graz", "I look.", "First Graz."), done, LATER), MESSAGES)
    assert "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant to=functions" in compiled.prompt
    assert compiled.warnings == ()


@pytest.mark.parametrize("given", [MESSAGES, GOES_ON], ids=["messages", "goes-on"])
def test_a_turn_of_the_history_is_one_that_the_model_may_write(given: ChatTemplate) -> None:
    compiled = compile_prompt(LOOP, given)
    text = conversation(compiled)
    begin = text.rindex("Graz is hot")
    turn = text[begin : text.rindex("Linz is hot")]
    head = "<|start|>assistant" if given is MESSAGES else "</result>"
    turn = turn[turn.index(head) + len(head) :]
    turn = turn[: turn.index("<|call|>" if given is MESSAGES else "<result>")]
    assert compiled.grammar
    fresh = compile_prompt(asked(), given)
    assert accepts(grammar_from_gbnf(fresh.grammar or ""), turn)


def test_text_comes_before_the_first_of_several_calls() -> None:
    first, result = called("Graz", "Both.")
    second, other = called("Linz")
    both = replace(first, tool_calls=first.tool_calls + second.tool_calls)
    shown = conversation(compile_prompt(asked(both, result, other), GOES_ON))
    assert 'Both.<call>get_weather{"city": "Graz"}</call><call>get_weather{"city": "Linz"}</call><result>' in shown
    compiled = compile_prompt(asked(both, result, other), MESSAGES)
    assert conversation(compiled).count("Both.") == 1
    assert [warning.code for warning in compiled.warnings] == ["calls_split"]


@pytest.mark.parametrize("given", [MESSAGES, GOES_ON], ids=["messages", "goes-on"])
@pytest.mark.parametrize("text", ["\U00100000 0 \U00100000", "a </turn> b <|end|>\nc", "  spaced\n\n", "to=functions.f"])
def test_any_text_is_inserted_as_it_is(given: ChatTemplate, text: str) -> None:
    compiled = compile_prompt(asked(*called("Graz", text, "Hm."), *called("Linz", "Next.", "So.")), given)
    assert text in conversation(compiled)
    assert "\U00100001" not in compiled.prompt
    assert compiled.warnings == ()


def test_special_tokens_that_the_text_spells_stay_text() -> None:
    given = ChatTemplate(MESSAGES.source, "<s>", "</s>", special_tokens=("<|end|>", "<|call|>"))
    compiled = compile_prompt(asked(*called("Graz", "I say <|end|> here.")), given)
    assert "I say <|end|> here." in compiled.prompt
    assert "<|end|>" in "".join(segment.text if segment.plain else "\0" for segment in compiled.segments)


def test_the_origin_of_the_text_is_known() -> None:
    parts = explain(LOOP, MESSAGES, compile_prompt(LOOP, MESSAGES)).parts
    assert [part.text for part in parts if part.path == "/messages/3/content"] == ["Now Linz."]


def test_a_template_that_changes_names_gets_the_text_in_a_turn_of_its_own() -> None:
    source = MESSAGES.source.replace(
        "to=functions.{{ later.name }}<|channel|>", "to=functions.{{ later.name[-11:] }}<|channel|>"
    )
    assert source != MESSAGES.source
    given = ChatTemplate(source, "<s>", "</s>")
    compiled = compile_prompt(LOOP, given)
    assert "Now Linz." in compiled.prompt
    assert [(warning.code, warning.path) for warning in compiled.warnings][:1] == [("content_moved", "/messages/3")]


def test_a_template_that_opens_only_the_first_call_of_a_conversation_gets_turns_of_text() -> None:
    """Else the text of a turn would move when the conversation has another one."""
    source = GOES_ON.source.replace("<call>", "{% if not ns.begun %}{% set ns.begun = true %}<calls>{% endif %}<call>")
    source = source.replace("namespace(open=false)", "namespace(open=false, begun=false)")
    found = profile(ChatTemplate(source, "<s>", "</s>"))
    assert found.calls
    assert found.calls.opening == "<calls><call>"
    assert found.text_before_calls is None


def test_thoughts_that_a_template_drops_are_reported() -> None:
    """Also if it keeps the last one."""
    source = MESSAGES.source.replace("{{ m.thinking or m.content }}", "{{ m.thinking if loop.index0 > 2 else 'Hm' }}")
    compiled = compile_prompt(LOOP, ChatTemplate(source, "<s>", "</s>"))
    assert "Then Linz." in compiled.prompt
    assert [(one.code, one.path) for one in compiled.warnings] == [("reasoning_dropped", "/messages/1/reasoning_content")]


def test_only_where_it_is_needed() -> None:
    """A template that writes text beside calls, or in a turn of its own, does so."""
    for name in ("tagged", "listed", "ids", "channels", "nine"):
        assert profile(template(name)).text_before_calls is None


@pytest.mark.parametrize(
    ("name", "before"),
    [
        (
            "openai-gpt-oss-120b",
            "<|channel|>commentary<|message|>Now Linz.<|end|><|start|>assistant to=functions.get_weather",
        ),
        ("google-gemma-4-31B-it", "<channel|>Now Linz.<|tool_call>call:get_weather{"),
        ("google-gemma-4-31B-it-interleaved", "<channel|>Now Linz.<|tool_call>call:get_weather{"),
    ],
)
def test_the_real_ones(name: str, before: str) -> None:
    path = CORPUS / f"{name}.jinja"
    if not path.exists():
        pytest.skip("shared/corpus/templates is not here")
    compiled = compile_prompt(LOOP, ChatTemplate(path.read_text(), "<s>", "</s>"))
    assert before in compiled.prompt
    assert "First Graz." in compiled.prompt
