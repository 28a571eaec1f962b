"""Where a compiled prompt came from."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.explain.explain import Explanation, explain
from promptweave.compiler.request import ChatRequest, JsonFormat, Message, Role, SchemaStyle, Tool, ToolCall
from promptweave.compiler.template.chat_template import ChatTemplate

TEMPLATES = Path(__file__).parent / "templates"
CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "templates"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Which one"}, "unit": {"enum": ["c", "f"]}},
    "required": ["city"],
}
TALK = (
    Message(Role.SYSTEM, "Be brief."),
    Message(Role.USER, "Is it warm in Oslo?"),
    Message(Role.ASSISTANT, None, tool_calls=(ToolCall("abcdefghi", "weather", '{"city": "Oslo"}'),)),
    Message(Role.TOOL, "11 degrees & rain", tool_call_id="abcdefghi"),
    Message(Role.USER, "?"),
)
REQUEST = ChatRequest(TALK, (Tool("weather", "Tells the weather", SCHEMA),))


def explained(request: ChatRequest, template: ChatTemplate) -> Explanation:
    compiled = compile_prompt(request, template)
    told = explain(request, template, compiled)
    assert not told.parts or "".join(part.text for part in told.parts) == compiled.prompt
    return told


def said(told: Explanation) -> dict[str, str]:
    return {part.path: part.text for part in told.parts if part.path}


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.jinja")), ids=lambda path: path.stem)
def test_what_the_request_said_is_found_with_its_place(path: Path) -> None:
    found = said(explained(REQUEST, ChatTemplate(path.read_text(), "<s>", "</s>")))
    assert found["/messages/0/content"] == "Be brief."
    assert found["/messages/3/content"] == "11 degrees & rain"
    assert found["/messages/4/content"] == "?"
    assert "Oslo" in found["/messages/2/tool_calls/0"]


@pytest.mark.skipif(not CORPUS.is_dir(), reason="shared/corpus/templates is not here")
@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.jinja")) if CORPUS.is_dir() else [], ids=lambda path: path.stem)
def test_real_templates(path: Path) -> None:
    found = said(explained(REQUEST, ChatTemplate(path.read_text(), "<s>", "</s>")))
    assert {f"/messages/{place}/content" for place in (0, 1, 3, 4)} <= found.keys()


@pytest.mark.parametrize("style", list(SchemaStyle), ids=lambda style: style.value)
def test_published_tools_are_one_piece(style: SchemaStyle) -> None:
    request = ChatRequest(TALK, REQUEST.tools, style="generic", schema_style=style)
    told = explained(request, ChatTemplate((TEMPLATES / "bare.jinja").read_text()))
    place = "/tools" if style is SchemaStyle.TYPESCRIPT else "/tools/0/function"
    assert said(told)[place] == told.tools[style]
    assert json.loads(told.tools[SchemaStyle.JSON])["name"] == "weather"


def test_a_template_that_looks_at_texts_is_told_nothing_of() -> None:
    template = ChatTemplate("{% for message in messages %}{{ message.content | length }} {{ message.content }}{% endfor %}")
    assert explained(ChatRequest((Message(Role.USER, "hello"),)), template).parts == ()


@given(content=st.text(min_size=1).filter(str.strip))
def test_any_content(content: str) -> None:
    template = ChatTemplate("{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{% endfor %}")
    told = explained(ChatRequest((Message(Role.USER, content),)), template)
    assert said(told) == {"/messages/0/content": content.strip()}


def test_rules_have_the_places_of_their_schemas() -> None:
    template = ChatTemplate((TEMPLATES / "tagged.jinja").read_text())
    wanted = JsonFormat(SCHEMA, pointer="/response_format/json_schema/schema")
    rules = explained(ChatRequest(TALK[:2], response_format=wanted), template).rules
    assert {"/response_format/json_schema/schema", "/response_format/json_schema/schema/properties/unit"} <= {
        *rules.values()
    }
    two = (*REQUEST.tools, Tool("other", "", {"properties": {"n": {"type": "string"}}}))
    rules = explained(ChatRequest(TALK[:2], two, style="generic"), template).rules
    assert "/tools/0/function/parameters" in rules.values()
    assert "string" not in rules, "both tools have strings"
