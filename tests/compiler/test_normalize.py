"""Any conversation becomes one that the template takes: nothing raises, and nothing is lost without a warning."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.errors import RequestError, TemplateError
from promptweave.compiler.messages.normalize import as_template_messages
from promptweave.compiler.messages.tool_history import exchange, ids, results_in_order
from promptweave.compiler.messages.turns import Turn
from promptweave.compiler.profile.capabilities import AcceptedIds, SystemPlace, TemplateCapabilities
from promptweave.compiler.profile.probe_capabilities import template_capabilities
from promptweave.compiler.request import ChatRequest, Message, Role, ToolCall
from promptweave.compiler.styles.functionary_v2 import FUNCTIONARY_V2
from promptweave.compiler.template.chat_template import ChatTemplate
from tests.support.compiler.conversations import (
    ASK,
    ONE,
    SHAPES,
    TOOLS,
    assistant,
    missing_texts,
    rendered,
    result,
    system,
    user,
)
from tests.support.compiler.templates import CORPUS, NAMES, template

# -- what templates take --


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tagged", TemplateCapabilities(reasoning_key="reasoning_content")),
        ("listed", TemplateCapabilities(reasoning_beside_content=False)),
        (
            "single",
            TemplateCapabilities(
                supports_parallel_tool_calls=False, content_beside_calls=False, reasoning_beside_content=False
            ),
        ),
        (
            "textual",
            TemplateCapabilities(
                system=SystemPlace.FIRST,
                calls_without_tools=False,
                requires_object_arguments=False,
                tools_undescribed=False,
                description_optional=False,
                reasoning_beside_content=False,
            ),
        ),
        (
            "inside",
            TemplateCapabilities(
                content_beside_calls=False,
                results_in_call=True,
                ids=AcceptedIds.BY_NAME,
                requires_typed_content=True,
                reasoning_beside_content=False,
            ),
        ),
        (
            "nine",
            TemplateCapabilities(
                system=SystemPlace.FIRST,
                system_only=False,
                consecutive_users=False,
                consecutive_assistants=False,
                assistant_first=False,
                content_beside_calls=False,
                user_after_result=False,
                ids=AcceptedIds.NINE,
                ids_shown=True,
                reasoning_beside_content=False,
            ),
        ),
    ],
)
def test_abilities(name: str, expected: TemplateCapabilities) -> None:
    assert template_capabilities(template(name)) == expected


def test_abilities_are_told_to_people() -> None:
    assert (
        "history: the template does not support two calls in one turn" in template_capabilities(template("single")).notes()
    )
    assert template_capabilities(template("tagged")).notes() == ()


# -- prompts: shape × template → prompt, and what is told --

TOOLS_OF_TEXTUAL = "TOOL get_weather: Get the weather (city string: The city)TOOL find_place:  (place string: )"

PROMPTS = [
    (
        "bare",
        "later system",
        "USER: Is it raining there?\nASSISTANT: It is pouring, take a coat.\n"
        "USER: From now on in French.\n\nAnd what about tomorrow?\nASSISTANT:",
        ["system_moved /messages/2"],
    ),
    (
        "bare",
        "assistant first",
        "USER: \nASSISTANT: Ahoy, what do you need?\nUSER: Is it raining there?\nASSISTANT:",
        ["turn_added /messages/0"],
    ),
    ("bare", "system only", "USER: Speak like a sailor.\nASSISTANT:", ["system_moved /messages/0"]),
    (
        "bare",
        "consecutive users",
        "USER: Is it raining there?\n\nAnd what about tomorrow?\nASSISTANT:",
        ["messages_merged /messages/1"],
    ),
    (
        "bare",
        "history, no tools",
        'USER: Is it raining there?\nASSISTANT: [called get_weather with {"city": "Vaduz"}]\n'
        "USER: [result of get_weather]\n17 degrees, drizzle\nASSISTANT: It is pouring, take a coat.\n"
        "USER: And what about tomorrow?\nASSISTANT:",
        ["calls_as_text /messages/1", "calls_as_text /messages/2"],
    ),
    (
        "nine",
        "system+user",
        "[ASK]Speak like a sailor. / Is it raining there?[/ASK]",
        [],
    ),
    (
        "nine",
        "system+developer",
        "[ASK]Speak like a sailor.\n\nNever mention snow. / Is it raining there?[/ASK]",
        ["messages_merged /messages/1"],
    ),
    (
        "nine",
        "long ids",
        '[ASK]Is it raining there?[/ASK][CALL]AXalz2Fi5=get_weather{"city": "Vaduz"}</s>'
        "[RESULT]AXalz2Fi5=17 degrees, drizzle[/RESULT]",
        [],
    ),
    (
        "nine",
        "preamble",
        '[ASK]Is it raining there?[/ASK]Let me look outside.</s>[CALL]abcdefgh1=get_weather{"city": "Vaduz"}</s>'
        "[RESULT]abcdefgh1=17 degrees, drizzle[/RESULT]",
        ["content_moved /messages/1"],
    ),
    (
        "nine",
        "user after result",
        '[ASK]Is it raining there?[/ASK][CALL]abcdefgh1=get_weather{"city": "Vaduz"}</s>'
        "[RESULT]abcdefgh1=17 degrees, drizzle[/RESULT]</s>[ASK]And what about tomorrow?[/ASK]",
        ["turn_added /messages/3"],
    ),
    (
        "single",
        "preamble+parallel",
        "<user>Is it raining there?<end><assistant>Let me look.<end>"
        '<assistant>{"name": "get_weather", "parameters": {"city": "Vaduz"}}<end><result>"17 drizzle"<end>'
        '<assistant>{"name": "get_weather", "parameters": {"city": "Quito"}}<end><result>"25 sun"<end><assistant>',
        ["content_moved /messages/1", "calls_split /messages/1"],
    ),
    (
        "textual",
        "parallel",
        TOOLS_OF_TEXTUAL + '#user Is it raining there?#assistant CALL get_weather {"city": "Vaduz"}'
        'CALL get_weather {"city": "Quito"}#tool 17 drizzle#tool 25 sun#assistant',
        [],
    ),
    (
        "textual",
        "results swapped",  # the template shows no ids
        TOOLS_OF_TEXTUAL + '#user Is it raining there?#assistant CALL get_weather {"city": "Vaduz"}'
        'CALL get_weather {"city": "Quito"}#tool 17 mist#tool 25 sun#assistant',
        [],
    ),
    (
        "inside",
        "whole exchange",
        '(user)Is it raining there?(model)<functions.get_weather:0 {"city": "Vaduz"}><got 17 degrees, drizzle>'
        "It is pouring, take a coat.(user)And what about tomorrow?(model)",
        [],
    ),
    (
        "inside",
        "result alone",
        "(user)Is it raining there?(user)[result of a call]\n17 degrees, drizzle(model)",
        ["result_unmatched /messages/1/tool_call_id", "calls_as_text /messages/1"],
    ),
]


_AFTER_TOOLS = {"single": "<user>", "nine": "[ASK]"}


@pytest.mark.parametrize(
    ("name", "shape", "prompt", "told"), [pytest.param(*case, id=f"{case[0]}-{case[1]}") for case in PROMPTS]
)
def test_prompts(name: str, shape: str, prompt: str, told: list[str]) -> None:
    written, warnings = rendered(SHAPES[shape].request(), template(name))
    assert written[written.find(_AFTER_TOOLS.get(name, "")) :] == prompt
    about_messages = [warning for warning in warnings if warning.path.startswith("/messages")]
    assert [f"{warning.code} {warning.path}" for warning in about_messages] == told


def test_a_template_that_takes_nothing_but_one_user_message_gets_a_transcript() -> None:
    source = "{% if messages | length != 1 %}{{ raise_exception('one message') }}{% endif %}<{{ messages[0].content }}>"
    prompt, warnings = rendered(SHAPES["whole exchange"].request(), ChatTemplate(source))
    assert prompt.startswith(
        '<User: Is it raining there?\n\nAssistant: [called get_weather with {"city": "Vaduz"}]\n\nUser: ['
    )
    assert {"conversation_as_text"} <= {warning.code for warning in warnings}


def test_what_is_lost_in_every_form_is_told() -> None:
    source = "{% for message in messages %}{{ message.content | replace('secret', '***') }}{% endfor %}"
    messages = (user("What is up?"), assistant("The secret word."), user("And now?"))
    _, warnings = rendered(ChatRequest(messages), ChatTemplate(source))
    assert [(warning.code, warning.path) for warning in warnings] == [("content_lost", "/messages/1/content")]


def test_short_texts_are_not_found_by_chance() -> None:
    source = "{% for message in messages if message.role != 'assistant' or loop.first %}<{{ message.content }}>{% endfor %}"
    prompt, warnings = rendered(ChatRequest((user("ab"), assistant("a"), user("b"))), ChatTemplate(source))
    assert "Assistant: a" in prompt
    assert {warning.code for warning in warnings} == {"conversation_as_text"}


def test_an_error_of_the_template_that_nothing_helps_against_is_the_first_one() -> None:
    with pytest.raises(TemplateError, match="no"):
        compile_prompt(ChatRequest((ASK,)), ChatTemplate("{{ raise_exception('no') }}"))


def test_reasoning_of_the_turn_that_is_going_on_is_missed_and_older_one_is_not() -> None:
    going_on = SHAPES["reasoning"].request()
    _, warnings = rendered(going_on, template("listed"))
    assert [(warning.code, warning.path) for warning in warnings] == [("reasoning_dropped", "/messages/1/reasoning_content")]
    assert rendered(going_on, template("tagged"))[1] == []
    assert rendered(SHAPES["old reasoning"].request(), template("listed"))[1] == []


def test_thoughts_in_old_contents_go_where_the_template_drops_them_and_stay_where_not() -> None:
    messages = (ASK, assistant("<think>\nLet me see.\n</think>\n\nIt is pouring."), user("And now?"))
    source = "{% for m in messages %}<{{ (m.content | string).split('</think>') | last }}>{% endfor %}"
    prompt, warnings = rendered(ChatRequest(messages), ChatTemplate(source))
    assert prompt == "<Is it raining there?><It is pouring.><And now?>"
    assert warnings == []
    prompt, _ = rendered(ChatRequest(messages), template("listed"))
    assert "<think>\nLet me see.\n</think>\n\nIt is pouring." in prompt


def test_calls_without_ids_are_answered_in_order() -> None:
    calls = (ToolCall("", "get_weather", '{"city": "Vaduz"}'), ToolCall("", "get_weather", '{"city": "Quito"}'))
    messages = (ASK, assistant(None, *calls), result("17 drizzle", None), result("25 sun", None))
    prompt, warnings = rendered(ChatRequest(messages, TOOLS), template("single"))
    assert prompt.index("Vaduz") < prompt.index("17 drizzle") < prompt.index("Quito") < prompt.index("25 sun")
    assert [warning.code for warning in warnings] == ["calls_split"]


AGAIN = (
    ASK,
    assistant(
        None, ToolCall("call_0", "get_weather", '{"city": "Vaduz"}'), ToolCall("call_1", "get_time", '{"city": "Quito"}')
    ),
    result("25 sun", "call_1"),
    result("17 drizzle", "call_0"),
    assistant(
        None, ToolCall("call_1", "get_weather", '{"city": "Oslo"}'), ToolCall("call_0", "get_time", '{"city": "Rome"}')
    ),
    result("noon", "call_0"),
    result("3 snow", "call_1"),
)
"""A client that uses ids again, and answers in another order."""


def test_ids_in_the_templates_form_stay() -> None:
    """So the history is what the model wrote, and what the cache has. Ids that are used again get a number of their own."""
    written = ["functions.f:7", "functions.f:7", "call_0", "functions.g:1", "functions.f:3", "functions.f:03x"]
    messages = [each for id_ in written for each in (assistant(None, ToolCall(id_, "f", "{}")), result("done", id_))]
    turns, _ = ids(
        tuple(Turn(each, place) for place, each in enumerate(messages)), TemplateCapabilities(ids=AcceptedIds.BY_NAME)
    )
    named = [call.id for turn in turns for call in turn.message.tool_calls]
    assert named == [f"functions.f:{number}" for number in (7, 1, 2, 3, 4, 5)]
    assert [turn.message.tool_call_id for turn in turns if turn.role is Role.TOOL] == named


def test_ids_that_are_used_again_mean_the_last_call() -> None:
    turns = tuple(Turn(message, place) for place, message in enumerate(AGAIN))
    said = [turn.content for turn in results_in_order(turns) if turn.role is Role.TOOL]
    assert said == ["17 drizzle", "25 sun", "3 snow", "noon"]
    names = [each.get("name") for each in as_template_messages(turns, TemplateCapabilities()) if each["role"] == "tool"]
    assert names == ["get_time", "get_weather", "get_time", "get_weather"]
    by_name, _ = ids(turns, TemplateCapabilities(ids=AcceptedIds.BY_NAME))
    assert [turn.message.tool_call_id for turn in by_name if turn.role is Role.TOOL] == [
        "functions.get_time:1",
        "functions.get_weather:0",
        "functions.get_time:3",
        "functions.get_weather:2",
    ]
    as_text, _ = exchange(turns, TemplateCapabilities(calls=False), tools=True)
    told = [turn.content for turn in as_text if turn.role is Role.USER][1:]
    assert told == [
        "[result of get_time]\n25 sun",
        "[result of get_weather]\n17 drizzle",
        "[result of get_time]\nnoon",
        "[result of get_weather]\n3 snow",
    ]
    written = [
        message.content for message in FUNCTIONARY_V2.history(AGAIN, ChatRequest(AGAIN)) if message.role is Role.USER
    ][1:]
    assert [text.split("\n")[0] for text in written if text] == [
        "<|from|>get_time",
        "<|from|>get_weather",
        "<|from|>get_time",
        "<|from|>get_weather",
    ]


@pytest.mark.parametrize("other", ["{}", "You said: {} And why?"], ids=["the same", "a quotation"])
@pytest.mark.parametrize("turns", [2, 60])
def test_nothing_is_lost_although_a_later_message_repeats_it(turns: int, other: str) -> None:
    source = "{% for message in messages %}{{ '' if loop.index0 == 1 else message.content }}{% endfor %}"
    texts = [f"Said once, in message {place}. {'More of it. ' * 40}" for place in range(2 * turns + 1)]
    texts[-1] = other.format(texts[1])
    messages = tuple(assistant(text) if place % 2 else user(text) for place, text in enumerate(texts))
    prompt, _ = rendered(ChatRequest(messages), ChatTemplate(source))
    assert prompt.count(texts[1]) == 2


def test_nothing_is_lost_although_a_thought_quotes_it() -> None:
    said = "My dog is called Rex and he is four years old."
    source = (
        "{% for message in messages %}{% if message.role == 'assistant' %}{% if message.reasoning_content %}"
        "<think>{{ message.reasoning_content }}</think>{% endif %}{% endif %}"
        "{% if loop.index0 >= messages | length - 3 or message.role == 'assistant' %}<|{{ message.role }}|>"
        "{{ message.content }}<|end|>{% endif %}{% endfor %}<|assistant|>"
    )
    thought = Message(
        Role.ASSISTANT, "What a lovely age for a dog.", reasoning_content=f"The user says: {said} So be kind.\n"
    )
    messages = (
        user(said),
        thought,
        user("How old is my dog, please?"),
        assistant("He is four years old."),
        user(f"I said: {said}"),
    )
    prompt, warnings = rendered(ChatRequest(messages), ChatTemplate(source))
    assert prompt.count(said) == 3 or "conversation_as_text" in {warning.code for warning in warnings}


# -- every shape --


def check(request: ChatRequest, given_template: ChatTemplate) -> None:
    """Nothing lost in silence, in the style that requests get and in the template's own words."""
    compiled = compile_prompt(request, given_template)
    for prompt, warnings in ((compiled.prompt, compiled.warnings), rendered(request, given_template)):
        told = {warning.path for warning in warnings}
        assert [path for path in missing_texts(request, prompt) if path not in told] == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_with_templates_of_our_own(shape: str, name: str) -> None:
    check(SHAPES[shape].request(), template(name))


@pytest.mark.skipif(not CORPUS.is_dir(), reason="shared/corpus/templates is not here")
@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.jinja")) if CORPUS.is_dir() else [], ids=lambda path: path.stem)
def test_every_shape_with_real_templates(path: Path) -> None:
    given_template = ChatTemplate(path.read_text(), "<s>", "</s>")
    for shape in SHAPES.values():
        check(shape.request(), given_template)
        # What real templates get is better than the last resorts.
        told = compile_prompt(shape.request(), given_template).warnings
        assert not {warning.code for warning in told} & {"content_lost", "conversation_as_text"}


# -- random conversations --


@st.composite
def conversations(draw: st.DrawFn) -> ChatRequest:
    """Messages in any order. Each text has a beginning and an end that are one of a kind."""
    number = iter(range(1000))
    ids = st.sampled_from(["abcdefgh1", "abcdefgh2", "call_" + "x" * 24, ""])
    inner = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
        ["</think>", "<|end|>", "{{ x }}"]
    )

    def text() -> str:
        place = next(number)
        return f"begin{place:03}{draw(inner)}end{place:03}" if draw(st.integers(0, 9)) else ""

    def message() -> Message:
        match draw(st.sampled_from(list(Role))):
            case Role.ASSISTANT:
                calls = tuple(
                    ToolCall(
                        draw(ids), draw(st.sampled_from(["get_weather", "other"])), f'{{"city": "value{next(number):03}"}}'
                    )
                    for _ in range(draw(st.integers(0, 2)))
                )
                return assistant(text() or None, *calls, thought=text() or None)
            case Role.TOOL:
                return result(text(), draw(ids) or None)
            case role:
                return Message(role, text())

    return ChatRequest(tuple(message() for _ in range(draw(st.integers(0, 6)))), draw(st.sampled_from([(), TOOLS])))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(conversations())
@pytest.mark.parametrize("name", NAMES)
def test_random_conversations(name: str, request_: ChatRequest) -> None:
    try:
        compiled = compile_prompt(request_, template(name))
    except RequestError:
        assert not request_.messages
        return
    for prompt, warnings in ((compiled.prompt, compiled.warnings), rendered(request_, template(name))):
        told = {warning.path for warning in warnings}
        for place, message in enumerate(request_.messages):
            ends = (message.content[:8], message.content[-6:]) if message.content else ()
            assert all(end in prompt for end in ends) or f"/messages/{place}/content" in told
            for call in message.tool_calls:
                assert call.arguments[10:18] in prompt


def test_a_system_message_is_kept_beside_our_instructions() -> None:
    compiled = compile_prompt(
        ChatRequest((system("Speak like a sailor."), ASK, assistant(None, ONE)), TOOLS), template("bare")
    )
    assert compiled.style == "generic"
    assert "Speak like a sailor." in compiled.prompt
