"""Templates of call syntaxes that no model uses: derived, or generic with a reason; the same is enforced."""

from dataclasses import replace

import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.profile.profile import profile
from promptweave.compiler.request import Message, Role, ToolCall
from promptweave.compiler.template.chat_template import ChatTemplate
from tests.support.compiler.tool_calls import CHOICES, WIDE_QUESTION, check_samples, check_splits, read

_FRAME = (
    "{%- if tools %}<|system|>{{ tools | tojson }}<|end|>{% endif %}{%- for m in messages %}<|{{ m.role }}|>"
    "{{ m.content or '' }}{% set cs = m.tool_calls or [] %}CALLS<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_EACH = "{% for c in cs %}CALL{% endfor %}"
_LIST = "{% if cs %}<calls>[{% for c in cs %}CALL{{ ', ' if not loop.last }}{% endfor %}]</calls>{% endif %}"
_ITEMS = "{% for k, v in c.function.arguments.items() %}ITEM{% endfor %}"


def each(call: str, item: str = "") -> ChatTemplate:
    return ChatTemplate(_FRAME.replace("CALLS", _EACH).replace("CALL", call).replace("ITEMS", _ITEMS).replace("ITEM", item))


_VALUE = "{{ v if v is string else v | tojson }}"
DERIVED = {
    "front-matter": (
        each("{{ '\\n' }}---\ntool: {{ c.function.name }}\nwith: {{ c.function.arguments | tojson }}\n---"),
        '\n---\ntool: get_weather\nwith: {"unit": "c", "n": 3}\n---',
    ),
    "yaml": (
        each("{{ '\\n' }}---\ntool: {{ c.function.name }}\nwith:ITEMS{{ '\\n' }}...", "{{ '\\n  ' ~ k }}: {{ v | tojson }}"),
        '\n---\ntool: get_weather\nwith:\n  unit: "c"\n  n: 3\n...',
    ),
    "attributes": (
        each("<do:{{ c.function.name }}ITEMS />", " {{ k }}={{ v | tojson }}"),
        '<do:get_weather unit="c" n=3 />',
    ),
    "named-tags": (
        each("<{{ c.function.name }}>ITEMS</{{ c.function.name }}>", f"<{{{{ k }}}}>{_VALUE}</{{{{ k }}}}>"),
        "<get_weather><unit>c</unit><n>3</n></get_weather>",
    ),
    "key-is-name": (
        ChatTemplate(
            _FRAME.replace("CALLS", _LIST).replace("CALL", '{"{{ c.function.name }}": {{ c.function.arguments | tojson }}}')
        ),
        '<calls>[{"get_weather": {"unit": "c", "n": 3}}]</calls>',
    ),
    "lines": (
        each("@@{{ c.function.name }}\nITEMS@@end", f"{{{{ k }}}} <<{_VALUE}>>;\n"),
        "@@get_weather\nunit <<c>>;\nn <<3>>;\n@@end",
    ),
}


@pytest.mark.parametrize("name", DERIVED)
def test_derives(name: str) -> None:
    source, written = DERIVED[name]
    known = profile(source)
    assert known.style == "native", known.notes
    call = ToolCall("c", "get_weather", '{"unit": "c", "n": 3}')
    messages = (*WIDE_QUESTION.messages, Message(Role.ASSISTANT, None, tool_calls=(call,)), Message(Role.USER, "q"))
    compiled = compile_prompt(replace(WIDE_QUESTION, messages=messages), source)
    assert compiled.style == "native"
    assert written in compiled.prompt
    message, complete = read(compiled, written)
    assert (len(message.tool_calls), message.content, complete) == (1, None, True)


@pytest.mark.parametrize("name", DERIVED)
@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("parallel", [True, False], ids=["parallel", "single"])
def test_derived_calls_are_enforced(name: str, choice: str, parallel: bool) -> None:
    request = replace(WIDE_QUESTION, tool_choice=CHOICES[choice], parallel_tool_calls=parallel)
    compiled = compile_prompt(request, DERIVED[name][0])
    check_samples(request, compiled, 4)
    check_splits(compiled, 2)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        pytest.param(
            each('<do name="{{ c.function.name }}"ITEMS/>', ' {{ k }}="{{ v }}"'), "failed the round trip", id="no-escapes"
        ),
        pytest.param(
            each("<do>{{ c.function.arguments | tojson }} by {{ c.function.name }}</do>"),
            "arguments are rendered before the name",
            id="the-name-comes-last",
        ),
        pytest.param(
            each("<do {{ c.function.name }}>ITEMS</do>", "<a>{{ v }}</a>"),
            "not found in the rendered call",
            id="keys-are-lost",
        ),
        pytest.param(
            each("@@{{ c.function.name }}ITEMS@@end", f"{{{{ k }}}} <<{_VALUE}>>"),
            "failed the round trip",
            id="unclear-end",
        ),
        pytest.param(each("<do {{ c.function.name | upper }}>{}</do>"), "renders no calls", id="the-name-is-changed"),
    ],
)
def test_falls_back(source: ChatTemplate, why: str) -> None:
    known = profile(source)
    assert known.style == "generic"
    assert any(why in note for note in known.notes), known.notes
    compiled = compile_prompt(WIDE_QUESTION, source)
    check_samples(WIDE_QUESTION, compiled, 3)
