"""Blocks, tools and options of `/v1/messages`, as the chat request that they become."""

import base64
from typing import Any

import pytest

from promptweave.facade.anthropic.body import CountBody, MessagesBody
from promptweave.facade.anthropic.signatures import signature_of
from promptweave.facade.anthropic.to_chat import to_chat
from promptweave.facade.bodies.body import read_body
from promptweave.facade.errors import RequestError, UnsupportedError
from promptweave.facade.openai.chat.request.translated import Translation
from promptweave.facade.policy import messages as policy

JsonObject = dict[str, Any]

USER: JsonObject = {"role": "user", "content": "hi"}
PNG = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
TOOL: JsonObject = {"name": "look", "description": "Looks", "input_schema": {"type": "object"}}
CALL: JsonObject = {"type": "tool_use", "id": "c1", "name": "look", "input": {}}


def translated(messages: list[JsonObject] | None = None, **fields: Any) -> Translation:
    body = {"max_tokens": 5, "messages": [USER] if messages is None else messages, **fields}
    return to_chat(body, read_body(MessagesBody, body))


def chat_messages(translation: Translation) -> list[JsonObject]:
    """The messages, without empty fields; a content of texts alone is their text."""
    made = []
    for message in translation.body.messages:
        fields = message.model_dump(exclude_defaults=True, exclude_unset=True)
        content = fields.get("content")
        if isinstance(content, list) and all(part.get("type", "text") == "text" for part in content):
            fields["content"] = "".join(part.get("text", "") for part in content)
        made.append(fields)
    return made


def warned(translation: Translation) -> list[tuple[str, str]]:
    return [(warning.code, warning.path) for warning in translation.warnings]


# -- blocks --


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ({"type": "text", "text": "so"}, "so"),
        ({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "abc"}}, "abc"),
        (
            {"type": "document", "title": "T", "context": "C", "source": {"type": "text", "data": "abc"}},
            "T\nC\nabc",
        ),
        ({"type": "document", "source": {"type": "content", "content": "abc"}}, "abc"),
        ({"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "abc"}]}}, "abc"),
        (
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "text/csv", "data": base64.b64encode("ä,b".encode()).decode()},
            },
            "ä,b",
        ),
        (
            {"type": "search_result", "title": "T", "source": "http://a", "content": [{"type": "text", "text": "abc"}]},
            "T\nhttp://a\nabc",
        ),
    ],
)
@pytest.mark.parametrize("role", ["user", "assistant", "system", "result"])
def test_blocks_with_text_are_text(block: JsonObject, text: str, role: str) -> None:
    if role == "result":
        result = {"type": "tool_result", "tool_use_id": "c1", "content": [block]}
        made = translated([USER, {"role": "assistant", "content": [CALL]}, {"role": "user", "content": [result]}])
        assert chat_messages(made)[2] == {"role": "tool", "tool_call_id": "c1", "content": text}
    else:
        made = translated([USER, {"role": role, "content": [block]}, USER])
        assert chat_messages(made)[1] == {"role": role, "content": text}
    assert not made.warnings


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}}, "document"),
        ({"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": "/w=="}}, "document"),
        ({"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}}, "document"),
        ({"type": "document", "source": {"type": "file", "file_id": "f"}}, "document"),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, "image"),
        ({"type": "image"}, "image"),
        ({"type": "document"}, "document"),
        ({"type": "video", "source": {}}, "video"),
    ],
)
def test_a_text_says_what_is_left_out(block: JsonObject, text: str) -> None:
    made = translated([{"role": "user", "content": [{"type": "text", "text": "see: "}, block]}])
    assert chat_messages(made) == [{"role": "user", "content": f"see: [{text} left out]"}]
    assert warned(made) == [("part_left_out", "/messages/0/content/1")]


@pytest.mark.parametrize("kind", [*policy.BLOCKS, "of_next_year"])
def test_blocks_of_the_model_that_cannot_be_read_are_left_out(kind: str) -> None:
    blocks = [{"type": "text", "text": "so"}, {"type": kind, "data": "x"}]
    made = translated([USER, {"role": "assistant", "content": blocks}, USER])
    assert chat_messages(made)[1] == {"role": "assistant", "content": "so"}
    assert warned(made) == [("part_left_out", "/messages/1/content/1")]


@pytest.mark.parametrize("content", [[], "", None])
@pytest.mark.parametrize("role", ["user", "assistant", "system"])
def test_empty_messages_keep_their_turn(content: Any, role: str) -> None:
    made = translated([USER, {"role": role, "content": content}, USER])
    assert [message["role"] for message in chat_messages(made)] == ["user", role, "user"]
    assert not made.body.messages[1].content
    assert not made.warnings


def test_an_unknown_block_with_text_is_text() -> None:
    made = translated([{"role": "user", "content": [{"type": "shout", "text": "HI"}]}])
    assert chat_messages(made) == [{"role": "user", "content": "HI"}]
    assert warned(made) == [("part_as_text", "/messages/0/content/0")]


@pytest.mark.parametrize("role", ["user", "assistant", "system"])
def test_the_summary_of_a_compaction_is_text(role: str) -> None:
    change = {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "look"}}
    block = {"type": "compaction", "content": "before: abc", "encrypted_content": "x", "tool_changes": [change]}
    made = translated([{"role": role, "content": [block]}, USER], tools=[{**TOOL, "defer_loading": True}])
    parts = [part for message in chat_messages(made)[:-1] for part in [message["content"]]]
    assert "before: abc" in str(parts)
    assert "tool_reference" in str(parts)
    assert not made.warnings
    failed = translated([{"role": role, "content": [{"type": "compaction", "content": None}]}, USER])
    assert warned(failed) == [("part_left_out", "/messages/0/content/0")]


@pytest.mark.parametrize("kind", ["document", "search_result"])
def test_citations_are_not_available(kind: str) -> None:
    block = {"type": kind, "source": {"type": "text", "data": "x"} if kind == "document" else "x"}
    for citations, count in (({"enabled": True}, 1), ({"enabled": False}, 0), (None, 0)):
        result = {"type": "tool_result", "tool_use_id": "c1", "content": [{**block, "citations": citations}]}
        made = translated([USER, {"role": "user", "content": [result]}])
        assert warned(made) == [("not_applied", "/messages/1/content/0/content/0/citations")] * count
    cited = {"type": "text", "text": "x", "citations": [{"type": "char_location", "cited_text": "x"}]}
    assert not translated([USER, {"role": "assistant", "content": [cited]}, USER]).warnings


def test_images_of_documents_are_images() -> None:
    source = {"type": "content", "content": [{"type": "text", "text": "a"}, {"type": "image", "source": PNG}]}
    made = translated([{"role": "user", "content": [{"type": "document", "source": source}]}])
    (message,) = chat_messages(made)
    assert [part.get("type", "text") for part in message["content"]] == ["text", "image_url"]
    path = made.places.original("/messages/0/content/1/image_url/url")
    assert path == "/messages/0/content/0/source/content/1/source"


def test_system_messages_stay_in_their_place() -> None:
    blocks = [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]
    made = translated([USER, {"role": "assistant", "content": "yes"}, {"role": "system", "content": blocks}, USER])
    assert chat_messages(made)[2] == {"role": "system", "content": "Be brief."}
    assert not made.warnings


def test_blocks_may_be_in_messages_of_any_role() -> None:
    user = [{"type": "text", "text": "a"}, {"type": "thinking", "thinking": "hm"}, CALL, {"type": "text", "text": "b"}]
    made = translated([{"role": "user", "content": user}])
    first, model, last = chat_messages(made)
    assert (first, last) == ({"role": "user", "content": "a"}, {"role": "user", "content": "b"})
    assert (model["role"], model["reasoning_content"], len(model["tool_calls"])) == ("assistant", "hm", 1)


@pytest.mark.parametrize(
    ("thinking", "text", "paths"),
    [
        ({"thinking": "hm", "signature": "of another server"}, "hm", []),
        ({"thinking": "hm"}, "hm", []),
        ({"thinking": "", "signature": signature_of("hm é", omitted=True)}, "hm é", []),
        ({"thinking": "hm", "signature": signature_of("hm", omitted=False)}, "hm", []),
        ({"thinking": "", "signature": "of another server"}, None, ["/messages/1/content/0"]),
        ({"thinking": "", "signature": "pw1.AAAA"}, None, ["/messages/1/content/0"]),
        ({"thinking": "", "signature": "pw1.ä"}, None, ["/messages/1/content/0"]),
    ],
)
def test_thinking_comes_back(thinking: JsonObject, text: str | None, paths: list[str]) -> None:
    blocks = [{"type": "thinking", **thinking}, {"type": "text", "text": "so"}]
    made = translated([USER, {"role": "assistant", "content": blocks}, USER])
    assert (made.body.messages[1].reasoning_content or None, warned(made)) == (text, [("part_left_out", p) for p in paths])


# -- calls and results --


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ({"a": 1}, '{"a": 1}'),
        ('{"a":', '{"a":'),
        ([1], "[1]"),
        (None, "{}"),
        ("", ""),
    ],
)
def test_arguments_are_sent_as_they_are(given: Any, arguments: str) -> None:
    made = translated([USER, {"role": "assistant", "content": [{**CALL, "input": given}]}, USER])
    (call,) = made.body.messages[1].tool_calls
    assert call.function is not None
    assert call.function.arguments == arguments
    assert made.places.original("/messages/1/tool_calls/0/function/arguments") == "/messages/1/content/0/input"


def test_a_call_without_a_name_is_left_out() -> None:
    made = translated([USER, {"role": "assistant", "content": [{"type": "tool_use", "id": "c1"}, CALL]}, USER])
    assert [call.function.name for call in made.body.messages[1].tool_calls if call.function] == ["look"]
    assert warned(made) == [("part_left_out", "/messages/1/content/0")]


def test_calls_of_mcp_servers_have_a_namespace() -> None:
    call = {"type": "mcp_tool_use", "id": "m1", "name": "add", "server_name": "calc", "input": {}}
    result = {"type": "mcp_tool_result", "tool_use_id": "m1", "content": [{"type": "text", "text": "3"}], "is_error": False}
    made = translated([USER, {"role": "assistant", "content": [call, result, {"type": "text", "text": "3."}]}, USER])
    roles = [message.role for message in made.body.messages]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]
    assert made.body.messages[1].tool_calls[0].namespace == "calc"
    assert chat_messages(made)[2] == {"role": "tool", "tool_call_id": "m1", "content": "3"}
    assert not made.warnings


SERVER_RESULTS: list[tuple[str, Any, str, bool]] = [
    (
        "web_search",
        [{"type": "web_search_result", "title": "T", "url": "http://a", "encrypted_content": "x"}],
        "T\nhttp://a\n",
        False,
    ),
    ("web_search", {"type": "web_search_tool_result_error", "error_code": "unavailable"}, "Error: unavailable", False),
    (
        "web_fetch",
        {
            "type": "web_fetch_result",
            "url": "http://a",
            "content": {"type": "document", "source": {"type": "text", "data": "abc"}},
        },
        "http://a\nabc",
        False,
    ),
    (
        "code_execution",
        {"type": "code_execution_result", "stdout": "1", "stderr": "2", "return_code": 0, "content": []},
        "1\n2\nreturn_code: 0\n",
        False,
    ),
    (
        "bash_code_execution",
        {"type": "bash_code_execution_result", "stdout": "1", "stderr": "", "return_code": 0, "content": []},
        "1\nreturn_code: 0\n",
        False,
    ),
    (
        "text_editor_code_execution",
        {"type": "text_editor_code_execution_view_result", "content": "abc", "file_type": "text"},
        "abc\n",
        False,
    ),
    (
        "text_editor_code_execution",
        {"type": "text_editor_code_execution_str_replace_result", "lines": ["+a", "-b"]},
        "+a\n-b\n",
        False,
    ),
    (
        "text_editor_code_execution",
        {"type": "text_editor_code_execution_create_result", "is_file_update": False},
        "[text_editor_code_execution_create_result left out]",
        True,
    ),
    ("advisor", {"type": "advisor_result", "text": "abc"}, "abc\n", False),
    (
        "advisor",
        {"type": "advisor_redacted_result", "encrypted_content": "x"},
        "[advisor_redacted_result left out]",
        True,
    ),
]


@pytest.mark.parametrize(("name", "content", "text", "is_left_out"), SERVER_RESULTS)
def test_results_of_server_tools_are_text(name: str, content: Any, text: str, is_left_out: bool) -> None:
    call = {"type": "server_tool_use", "id": "s1", "name": name, "input": {"query": "x"}}
    result = {"type": f"{name}_tool_result", "tool_use_id": "s1", "content": content}
    made = translated([USER, {"role": "assistant", "content": [call, result]}, USER])
    assert chat_messages(made)[2] == {"role": "tool", "tool_call_id": "s1", "content": text}
    assert [code for code, _ in warned(made)] == ["part_left_out"] * is_left_out


def test_results_of_a_tool_search_are_references() -> None:
    found = {"type": "tool_search_tool_search_result", "tool_references": [{"type": "tool_reference", "tool_name": "look"}]}
    blocks = [
        {"type": "server_tool_use", "id": "s1", "name": "tool_search_tool_bm25", "input": {"query": "x"}},
        {"type": "tool_search_tool_result", "tool_use_id": "s1", "content": found},
        {**CALL, "id": "c2"},
    ]
    made = translated([USER, {"role": "assistant", "content": blocks}, USER], tools=[{**TOOL, "defer_loading": True}])
    (reference,) = chat_messages(made)[2]["content"]
    assert reference == {"type": "tool_reference", "tool_name": "look"}
    assert made.places.original("/messages/2/content/0") == "/messages/1/content/1/content/tool_references/0"
    assert made.body.tools[0].defer_loading
    assert not made.warnings


def test_a_reference_in_a_result_or_a_message() -> None:
    reference = {"type": "tool_reference", "tool_name": "look"}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": [reference]}
    made = translated([USER, {"role": "assistant", "content": [CALL]}, {"role": "user", "content": [result, reference]}])
    assert [message["content"] for message in chat_messages(made)[2:]] == [[reference], [reference]]


def test_tools_are_added_by_messages() -> None:
    changes = [
        {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "look"}},
        {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": {**TOOL, "name": "see"}}},
        {"type": "tool_addition", "tool": {"type": "mcp_toolset_reference", "server_name": "s"}},
        {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "look"}},
    ]
    made = translated([USER, {"role": "system", "content": changes}, USER], tools=[{**TOOL, "defer_loading": True}])
    message = made.body.messages[1]
    assert chat_messages(made)[1]["content"] == [
        {"type": "tool_reference", "tool_name": "look"},
        {"text": "[The tool look is no longer available.]"},
    ]
    assert made.removed_tools == ["look"]
    assert [tool.function.name for tool in message.tools if tool.function] == ["see"]
    path = made.places.original("/messages/1/tools/0/function/parameters/type")
    assert path == "/messages/1/content/1/tool/definition/input_schema/type"
    assert warned(made) == [("part_left_out", "/messages/1/content/2/tool")]


@pytest.mark.parametrize(
    "added", [{"type": "tool_reference", "name": "look"}, {"type": "tool_definition", "definition": TOOL}]
)
def test_a_removed_tool_can_be_added_again(added: JsonObject) -> None:
    removal = {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "look"}}
    changes = [
        {"role": "system", "content": [removal]},
        USER,
        {"role": "system", "content": [{"type": "tool_addition", "tool": added}]},
    ]
    assert translated([USER, *changes, USER], tools=[TOOL]).removed_tools == []
    assert translated([USER, *changes[:2], USER], tools=[TOOL]).removed_tools == ["look"]


# -- the system prompt --

BILLING = "x-anthropic-billing-header: cc_version=2.1.9; cch=a1b2c;"


@pytest.mark.parametrize(
    "system",
    [
        [{"type": "text", "text": BILLING}, {"type": "text", "text": "Be brief."}],
        [{"type": "text", "text": f"{BILLING}\nBe brief."}],
        f"{BILLING}\n\nBe brief.",
    ],
)
def test_a_header_that_changes_is_not_in_the_prompt(system: Any) -> None:
    made = translated(system=system)
    assert chat_messages(made)[0] == {"role": "system", "content": "Be brief."}
    assert not made.warnings


def test_other_text_is_not_taken_for_the_header() -> None:
    system = [{"type": "text", "text": "Be brief."}, {"type": "text", "text": BILLING}]
    assert BILLING in chat_messages(translated(system=system))[0]["content"]
    assert BILLING in chat_messages(translated([{"role": "user", "content": BILLING}]))[0]["content"]


# -- tools --


@pytest.mark.parametrize("kind", [*policy.TOOLS, "web_search_20250305", "of_next_year_20300101"])
def test_server_tools_are_left_out(kind: str) -> None:
    made = translated(tools=[{"type": kind, "name": "server", "max_uses": 3}, TOOL])
    assert [tool.function.name for tool in made.body.tools if tool.function] == ["look"]
    assert warned(made) == [("tool_left_out", "/tools/0")]
    with pytest.raises(UnsupportedError) as raised:
        translated(tools=[{"type": kind, "name": "server"}], tool_choice={"type": "tool", "name": "server"})
    assert raised.value.path == "/tool_choice/name"


@pytest.mark.parametrize("kind", [*policy.SEARCH_TOOLS, "tool_search_tool_bm25_20251119"])
def test_a_search_without_deferred_tools_is_left_out(kind: str) -> None:
    search = {"type": kind, "name": "tool_search_tool_bm25"}
    assert warned(translated(tools=[search, TOOL])) == [("tool_left_out", "/tools/0")]
    assert not translated(tools=[search, {**TOOL, "defer_loading": True}]).warnings


def test_a_tool_with_a_schema_is_served_whatever_its_type() -> None:
    made = translated(tools=[{**TOOL, "type": "of_next_year"}])
    assert len(made.body.tools) == 1
    assert not made.warnings


def test_examples_are_in_the_description() -> None:
    made = translated(tools=[{**TOOL, "input_examples": [{"city": "Köln"}, {}]}, {**TOOL, "description": None}])
    descriptions = [tool.function.description for tool in made.body.tools if tool.function]
    assert descriptions == ['Looks\nExamples of arguments:\n{"city": "Köln"}\n{}', ""]


def test_an_unknown_tool_choice_is_auto() -> None:
    made = translated(tools=[TOOL], tool_choice={"type": "of_next_year"})
    assert made.body.tool_choice == "auto"
    assert warned(made) == [("not_applied", "/tool_choice/type")]


# -- the last message --

SO: JsonObject = {"role": "assistant", "content": "So"}


@pytest.mark.parametrize(
    ("last", "fields", "is_continued"),
    [
        (SO, {}, True),
        (
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "So"}]},
            {},
            True,
        ),
        (SO, {"tools": [TOOL], "tool_choice": {"type": "auto"}}, True),
        ({"role": "assistant", "content": [CALL]}, {}, False),
        ({"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}]}, {}, False),
        (SO, {"tools": [TOOL], "tool_choice": {"type": "any"}}, False),
        (SO, {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "look"}}, False),
        (SO, {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}, False),
    ],
)
def test_what_is_continued(last: JsonObject, fields: JsonObject, is_continued: bool) -> None:
    made = translated([USER, last], **fields)
    assert made.body.continue_final_message is is_continued
    assert warned(made) == ([] if is_continued else [("not_applied", "/messages/1")])


def test_a_result_at_the_end_is_answered() -> None:
    blocks = [CALL, {"type": "mcp_tool_result", "tool_use_id": "c1", "content": "x"}]
    made = translated([USER, {"role": "assistant", "content": blocks}])
    assert not made.body.continue_final_message
    assert not made.warnings


# -- options --


_UNSET = {"effort": None, "max_tokens": None}
"""The other fields of `reasoning`."""


@pytest.mark.parametrize(
    ("fields", "made", "paths"),
    [
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, {}, []),
        ({"thinking": {"type": "enabled", "budget_tokens": 9, "display": "updates"}}, {"thinking_budget_tokens": 9}, []),
        ({"thinking": {"type": "disabled"}}, {"reasoning": {"enabled": False, **_UNSET}}, []),
        ({"thinking": {"type": "enabled"}}, {"reasoning": {"enabled": True, **_UNSET}}, []),
        (
            {"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}},
            {"reasoning": {"enabled": False, **_UNSET}, "reasoning_effort": None},
            [],
        ),
        ({"thinking": {"type": "of_next_year"}}, {}, ["/thinking/type"]),
        ({"thinking": {"type": "adaptive", "display": "of_next_year"}}, {}, ["/thinking/display"]),
        ({"output_config": {"effort": "xhigh"}}, {"reasoning_effort": "xhigh"}, []),
        ({"output_config": {"task_budget": {"type": "tokens", "total": 9}}}, {}, ["/output_config/task_budget"]),
        ({"thread": {"type": "create"}}, {}, ["/thread"]),
        ({"fallbacks": [{"model": "x"}]}, {}, ["/fallbacks"]),
        ({"metadata": {"user_id": "x"}, "cache_control": {"type": "ephemeral"}, "diagnostics": {}}, {}, []),
        ({"context_management": {"edits": [{"type": "compact_20260112"}]}}, {}, ["/context_management/edits/0"]),
        ({"context_management": {"edits": [{"type": "of_next_year"}]}}, {}, ["/context_management/edits/0"]),
        ({"context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}}, {}, []),
    ],
)
def test_options(fields: JsonObject, made: JsonObject, paths: list[str]) -> None:
    translation = translated(**fields)
    assert translation.body.model_dump(include=made.keys()) == made
    assert [path for _, path in warned(translation)] == paths


@pytest.mark.parametrize("field", ["output_config", "output_format"])
def test_the_format_of_the_answer(field: str) -> None:
    wanted = {"type": "json_schema", "schema": {"type": "object"}}
    made = translated(**{field: {"format": wanted} if field == "output_config" else wanted})
    assert made.body.response_format is not None
    assert made.body.response_format.schema_ == {"type": "object"}
    at = "/output_config/format" if field == "output_config" else "/output_format"
    assert made.places.original("/response_format/schema/type") == f"{at}/schema/type"
    assert not made.warnings


def test_a_conversation_that_is_not_stored_is_refused() -> None:
    with pytest.raises(UnsupportedError) as raised:
        translated(thread={"type": "continue", "previous_message_id": "m1"})
    assert raised.value.path == "/thread/previous_message_id"


@pytest.mark.parametrize(
    ("body", "path", "hint"),
    [
        ({"tools_choice": {}}, "/tools_choice", "tool_choice"),
        ({"max_token": 3}, "/max_token", "max_tokens"),
        ({"messages": [{**USER, "rol": "x"}]}, "/messages/0/rol", "role"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "texts": "y"}]}]}, None, "text"),
        ({"tools": [{**TOOL, "inputs_schema": {}}]}, "/tools/0/inputs_schema", "input_schema"),
        ({"thinking": {"type": "adaptive", "displays": "x"}}, "/thinking/displays", "display"),
        ({"output_config": {"efforts": "x"}}, "/output_config/efforts", "effort"),
    ],
)
def test_unknown_fields_are_a_warning(body: JsonObject, path: str | None, hint: str) -> None:
    (warning,) = translated(**{"messages": [USER], **body}).warnings
    assert warning.code == "unknown_field"
    assert warning.path == (path or "/messages/0/content/0/texts")
    assert f"did you mean '{hint}'" in warning.message


def test_tokens_may_be_counted_with_the_request_itself() -> None:
    body = {"messages": [USER], "max_tokens": 5, "stream": True, "stop_sequences": ["x"], "temperature": 1.0, "seed": 1}
    assert not to_chat(body, read_body(CountBody, body)).warnings


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ({"role": 3, "content": ""}, "/messages/0/role"),
        ({"role": "user", "content": [{"text": "x"}]}, "/messages/0/content/0/type"),
        ({"role": "user", "content": [{"type": "text"}]}, "/messages/0/content/0/text"),
        ({"role": "user", "content": 5}, "/messages/0/content"),
    ],
)
def test_fields_of_a_wrong_type_are_errors(message: JsonObject, path: str) -> None:
    with pytest.raises(RequestError) as raised:
        translated([message])
    assert raised.value.path == path


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"guided_json": {"type": "object"}}, "json_schema"),
        ({"structured_outputs": {"choice": ["a"]}}, "regex"),
        ({"format": "json"}, "json_object"),
    ],
)
def test_a_constraint_of_another_server_applies(fields: JsonObject, kind: str) -> None:
    made = translated([USER, {"role": "assistant", "content": "So"}], **fields)
    assert made.body.response_format is not None
    assert made.body.response_format.type == kind
    # As with a format of its own, the answer is a new message.
    assert not made.body.continue_final_message
    assert [(warning.code, warning.path) for warning in made.warnings] == [("not_applied", "/messages/1")]


def test_a_switch_of_reasoning_of_another_server() -> None:
    made = translated([USER, {"role": "assistant", "content": "So"}], think=False)
    assert made.body.reasoning is not None
    assert made.body.reasoning.enabled is False
    assert made.body.continue_final_message


def test_a_constraint_that_cannot_be_applied_is_refused() -> None:
    with pytest.raises(UnsupportedError) as raised:
        translated(structural_tag={"format": {}})
    assert raised.value.path == "/structural_tag"


def test_openais_word_for_any_tool() -> None:
    made = translated(tools=[TOOL], tool_choice={"type": "required"})
    assert (made.body.tool_choice, made.warnings) == ("required", [])
