"""Images in templates that support them and in those that do not, in every style; other text is not taken for an image."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from promptweave.compiler.compile import Compiled, compile_prompt
from promptweave.compiler.errors import RequestError
from promptweave.compiler.explain.explain import explain
from promptweave.compiler.messages.images import IN_TEXT
from promptweave.compiler.messages.unusable_images import MAX_PICTURES, PLACEHOLDER, usable_images
from promptweave.compiler.profile.probe_capabilities import template_capabilities
from promptweave.compiler.request import ChatRequest, Message, Picture, Role, Tool, ToolCall, ToolChoice, ToolReference
from promptweave.compiler.template.chat_template import ChatTemplate
from tests.support.images import BLUE, RED, image_file

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "templates"
PARTS = "{% if m.content is string %}{{ m.content }}{% else %}{% for c in m.content %}PART{% endfor %}{% endif %}"


def turns(content: str, before: str = "") -> str:
    """A template in ChatML that writes contents so."""
    return (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n" + before + content + "<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )


QWEN = turns(
    PARTS.replace(
        "PART",
        "{% if c.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ c.text }}{% endif %}",
    )
)
URL = turns(PARTS.replace("PART", "{% if 'image_url' in c %}[IMG]{% else %}{{ c.text }}{% endif %}"))
NUMBERED = turns(
    PARTS.replace("PART", "{% if c.type == 'image' %}<|image_{{ loop.index }}|>{% else %}{{ c.text }}{% endif %}")
)
FIRST = turns(
    "{% if m.content is string %}{{ m.content }}{% else %}"
    "{% for c in m.content if c.type == 'image' %}<image>\n{% endfor %}"
    "{% for c in m.content if c.type == 'text' %}{{ c.text }}{% endfor %}{% endif %}"
)
TEXT = turns("{{ m.content }}")
JSON = turns("{{ m.content | tojson }}")
ONLY_PARTS = turns(
    "{% for c in m.content %}{% if c.type == 'image' %}<|image|>{% else %}{{ c['text'] | trim }}{% endif %}{% endfor %}"
)
TEMPLATES = {
    # Name → template, and what it writes for a picture.
    "qwen": (QWEN, "<|vision_start|><|image_pad|><|vision_end|>"),
    "url": (URL, "[IMG]"),
    "first": (FIRST, "<image>"),
    "only-parts": (ONLY_PARTS, "<|image|>"),
    "numbered": (NUMBERED, None),
    "text": (TEXT, None),
    "json": (JSON, None),
}
WEATHER = Tool("weather", "Tells it", {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})


def chat_template(source: str, special: tuple[str, ...] = ("<|im_start|>", "<|im_end|>")) -> ChatTemplate:
    return ChatTemplate(source, "", "<|im_end|>", special_tokens=special)


def shown(place: int, color: tuple[int, ...] = RED, pointer: str = "/messages/0/content/1/image") -> Picture:
    return Picture(place, image_file(color), "image/png", pointer)


def look(content: str = "see this, please", *pictures: Picture, role: Role = Role.USER) -> Message:
    return Message(role, content, pictures=pictures or (shown(4),))


def colors(compiled: Compiled) -> list[str]:
    """The pictures of a prompt."""
    found = [segment.picture.data for segment in compiled.segments if segment.picture]
    names = {image_file(RED): "red", image_file(BLUE): "blue"}
    return [names[data] for data in found]


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_the_template_writes_for_an_image_is_found(name: str) -> None:
    source, written = TEMPLATES[name]
    found = template_capabilities(chat_template(source)).picture
    assert (found.written if found else None) == written


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        pytest.param("qwen", f"see {IN_TEXT}this, please", id="qwen"),
        pytest.param("url", f"see {IN_TEXT}this, please", id="url"),
        pytest.param("first", f"{IN_TEXT}\nsee this, please", id="first"),
        pytest.param("only-parts", f"see{IN_TEXT}this, please", id="only-parts"),
        pytest.param("numbered", f"see {IN_TEXT}this, please", id="numbered"),
        pytest.param("text", f"see {IN_TEXT}this, please", id="text"),
        pytest.param("json", f'"see {IN_TEXT}this, please"', id="json"),
    ],
)
def test_the_image_takes_its_place(name: str, prompt: str) -> None:
    compiled = compile_prompt(ChatRequest((look(),)), chat_template(TEMPLATES[name][0]))
    assert compiled.prompt == f"<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"
    assert colors(compiled) == ["red"]
    assert not compiled.warnings


@pytest.mark.parametrize("name", TEMPLATES)
def test_images_keep_their_order_over_turns(name: str) -> None:
    messages = (
        look("two: ", shown(0, RED), shown(4, BLUE)),
        Message(Role.ASSISTANT, "yes"),
        look("and", shown(3, BLUE)),
        Message(Role.ASSISTANT, "no"),
        look("", shown(0, RED)),
    )
    compiled = compile_prompt(ChatRequest(messages), chat_template(TEMPLATES[name][0]))
    assert colors(compiled) == ["red", "blue", "blue", "red"]
    assert not compiled.warnings


@pytest.mark.parametrize("name", ["qwen", "first", "url"])
def test_words_that_look_like_an_image_stay_words(name: str) -> None:
    source, written = TEMPLATES[name]
    assert written
    said = f"what is {written}? And {written}"
    for kwargs in ({}, {"parse_special_in_content": True}):
        request = ChatRequest((look(said, shown(3), shown(len(said), BLUE)),), **kwargs)
        compiled = compile_prompt(request, chat_template(source))
        assert colors(compiled) == ["red", "blue"]
        assert compiled.prompt.count(written) == 2
    # And where it is a token of the model, the spelling is cut.
    compiled = compile_prompt(ChatRequest((look(said),)), chat_template(source, (written, "<|im_end|>")))
    plain = [segment.text for segment in compiled.segments if segment.plain]
    assert "".join(plain) == written * 2
    assert written not in plain


def test_special_tokens_beside_an_image_are_cut() -> None:
    compiled = compile_prompt(ChatRequest((look("a<|im_end|>b", shown(1)),)), chat_template(QWEN))
    told = [(segment.text, segment.plain, segment.picture is not None) for segment in compiled.segments]
    assert told == [
        ("<|im_start|>user\na", False, False),
        (IN_TEXT, False, True),
        ("<", True, False),
        ("|im_end|>", True, False),
        ("b<|im_end|>\n<|im_start|>assistant\n", False, False),
    ]


def test_characters_for_private_use_stay_what_they_are() -> None:
    said = "\uf8ff \\uf8fe \ue000 \ufffc"
    compiled = compile_prompt(ChatRequest((look(said, shown(0)),)), chat_template(TEXT))
    assert compiled.prompt.startswith(f"<|im_start|>user\n{IN_TEXT}{said}")
    assert colors(compiled) == ["red"]


@pytest.mark.parametrize("style", ["native", "generic", "hermes", "functionary_v2"])
@pytest.mark.parametrize("name", TEMPLATES)
def test_images_in_every_style_and_role(name: str, style: str) -> None:
    messages = (
        look("you are", role=Role.SYSTEM),
        look("see", shown(1, BLUE)),
        Message(Role.ASSISTANT, "I look", tool_calls=(ToolCall("call_1", "weather", '{"city": "Bonn"}'),)),
        Message(Role.TOOL, "a map: ", tool_call_id="call_1", pictures=(shown(7, RED),)),
        Message(Role.ASSISTANT, "well", pictures=(shown(0, BLUE),)),
        look("so?", shown(3, RED)),
    )
    request = ChatRequest(messages, (WEATHER,), ToolChoice(), style="" if style == "native" else style)
    compiled = compile_prompt(request, chat_template(TEMPLATES[name][0]))
    assert colors(compiled) == ["red", "blue", "red", "blue", "red"]
    assert not [warning for warning in compiled.warnings if warning.code == "content_lost"]


def test_a_forced_call_follows_an_image() -> None:
    request = ChatRequest((look("", shown(0)),), (WEATHER,), ToolChoice(required=True), style="hermes")
    compiled = compile_prompt(request, replace(chat_template(QWEN), special_tokens=("<|im_start|>", "<tool_call>")))
    assert compiled.prompt.endswith("<|im_start|>assistant\n<tool_call>")


def test_a_prompt_that_ends_with_an_image_gets_its_prefix_behind_it() -> None:
    bare = chat_template("{% for m in messages %}{{ m.content }}{% endfor %}")
    request = ChatRequest((look("x", shown(1)),), (WEATHER,), ToolChoice(required=True), style="hermes")
    compiled = compile_prompt(request, replace(bare, special_tokens=("<tool_call>",)))
    assert [segment.picture is not None for segment in compiled.segments][-2:] == [True, False]


def test_a_message_goes_on_behind_an_image() -> None:
    request = ChatRequest((look(), Message(Role.ASSISTANT, "I see")), continue_final_message=True)
    compiled = compile_prompt(request, chat_template(QWEN))
    assert compiled.prompt.endswith("<|im_start|>assistant\nI see")
    assert colors(compiled) == ["red"]


@pytest.mark.parametrize("name", ["qwen", "text"])
def test_the_explanation_has_the_image_in_its_place(name: str) -> None:
    request, template = ChatRequest((look(),)), chat_template(TEMPLATES[name][0])
    compiled = compile_prompt(request, template)
    parts = explain(request, template, compiled).parts
    assert "".join(part.text for part in parts) == compiled.prompt
    assert [part.text for part in parts if part.path == "/messages/0/content"] == [f"see {IN_TEXT}this, please"]


def enlarged() -> bytes:
    written = io.BytesIO()
    Image.new("1", (9000, 9000)).save(written, "PNG")
    return written.getvalue()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(b"hello", "is not an image", id="text"),
        pytest.param(image_file(size=(300, 300))[:100], "corrupted or truncated", id="cut"),
        pytest.param(enlarged(), "at most 50 million", id="bomb"),
    ],
)
def test_what_is_not_an_image_is_refused_at_its_place(data: bytes, why: str) -> None:
    bad = replace(shown(2), data=data)
    with pytest.raises(RequestError, match=why) as raised:
        compile_prompt(ChatRequest((look("x", bad),)), chat_template(QWEN))
    assert raised.value.path == bad.pointer


def test_there_is_a_most_of_them() -> None:
    many = [replace(shown(0), pointer=f"/messages/0/content/{place}/image") for place in range(MAX_PICTURES + 1)]
    assert len(colors(compile_prompt(ChatRequest((look("x", *many[:-1]),)), chat_template(QWEN)))) == MAX_PICTURES
    with pytest.raises(RequestError, match="at most 100") as raised:
        compile_prompt(ChatRequest((look("x", *many),)), chat_template(QWEN))
    assert raised.value.path == f"/messages/0/content/{MAX_PICTURES}/image"


def test_with_a_placeholder_unusable_images_become_a_text() -> None:
    good = [shown(0), replace(shown(9), pointer="/messages/0/content/9/image", place=3)]
    bad = [replace(shown(2), data=b"x", place=place, pointer=f"/messages/0/content/{place + 2}/image") for place in (1, 3)]
    reference = ToolReference(3, "weather", "", "/messages/0/content/8")
    pictures = (good[0], bad[0], good[1], bad[1])
    message = replace(look("abc", *pictures), content="abc", pictures=pictures, references=(reference,))
    request = ChatRequest((message,), replace_unusable_images=True)
    made, warnings = usable_images(request)
    assert [(one.code, one.path) for one in warnings] == [("image_left_out", one.pointer) for one in bad]
    (found,) = made.messages
    assert found.content == f"a{PLACEHOLDER}bc{PLACEHOLDER}"
    assert [(one.place, one.data) for one in found.pictures] == [
        (good[0].place, good[0].data),
        (3 + len(PLACEHOLDER), good[1].data),
    ]
    assert [one.place for one in found.references] == [3 + len(PLACEHOLDER)]
    prompt = compile_prompt(replace(request, messages=(replace(message, references=()),)), chat_template(QWEN))
    assert len(colors(prompt)) == 2
    with pytest.raises(RequestError, match="--unusable-images placeholder") as raised:
        usable_images(replace(request, replace_unusable_images=False))
    assert raised.value.path == bad[0].pointer


def test_of_too_many_images_the_newest_stay() -> None:
    many = [replace(shown(0), pointer=f"/messages/0/content/{place}/image") for place in range(MAX_PICTURES + 2)]
    made, warnings = usable_images(ChatRequest((look("x", *many),), replace_unusable_images=True))
    assert [one.path for one in warnings] == [one.pointer for one in many[:2]]
    assert [one.pointer for one in made.messages[0].pictures] == [one.pointer for one in many[2:]]


def _corpus() -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted(CORPUS.glob("*.jinja"))]


@pytest.mark.parametrize("path", _corpus() or [pytest.param(None, marks=pytest.mark.skip("shared/corpus is not here"))])
def test_every_template_of_the_corpus_takes_images(path: Path) -> None:
    template = ChatTemplate(path.read_text(encoding="utf-8"), "<s>", "</s>")
    messages = (
        Message(Role.SYSTEM, "Be brief and kind."),
        look("what is here, and what is there?", shown(13), shown(31, BLUE)),
        Message(Role.ASSISTANT, "A sea and a ship."),
        look("and in this one?", shown(0, BLUE)),
    )
    compiled = compile_prompt(ChatRequest(messages), template)
    assert colors(compiled) == ["red", "blue", "blue"]
    assert "content_lost" not in json.dumps([warning.code for warning in compiled.warnings])
    without = compile_prompt(ChatRequest(tuple(replace(one, pictures=()) for one in messages)), template)
    # Nothing but the pictures is another thing, apart from white space around them.
    assert "".join(compiled.prompt.replace(IN_TEXT, "").split()) == "".join(without.prompt.split())
