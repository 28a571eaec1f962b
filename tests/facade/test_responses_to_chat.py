"""Requests to `/v1/responses` as chat requests: which items become one message, and the source map."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptweave.facade.bodies.body import read_body
from promptweave.facade.bodies.source_map import Origin, SourceMap
from promptweave.facade.errors import UnsupportedError
from promptweave.facade.openai.chat.to_grpc import to_compile_request, to_generate_request
from promptweave.facade.openai.chat.translated import Translation
from promptweave.facade.openai.responses.body import ResponsesBody
from promptweave.facade.openai.responses.items import encrypted, kept_item
from promptweave.facade.openai.responses.to_chat import to_chat


def asked(history: list[dict[str, Any]] | None = None, **raw: Any) -> Translation:
    return to_chat(raw, read_body(ResponsesBody, raw), history or [])


def said(text: str, role: str = "assistant") -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": "output_text", "text": text}]}


def thought(text: str) -> dict[str, Any]:
    return {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": text}]}


def call(id: str) -> dict[str, Any]:
    return {"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"}


def output(id: str) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": id, "output": "done"}


@pytest.mark.parametrize(
    ("items", "shape"),
    [
        pytest.param([thought("r"), said("c"), call("1"), call("2")], ["rc12"], id="one-turn"),
        pytest.param([call("1"), output("1"), call("2"), output("2")], ["1", "tool 1", "2", "tool 2"], id="one-by-one"),
        pytest.param([call("1"), call("2"), output("1"), output("2")], ["12", "tool 1", "tool 2"], id="parallel"),
        pytest.param([said("a"), said("b")], ["a", "b"], id="two-messages"),
        pytest.param([call("1"), said("a")], ["1", "a"], id="words-after-a-call"),
        pytest.param([thought("r"), thought("s"), call("1")], ["r\n\ns1"], id="thoughts-in-a-row"),
        pytest.param([said("a"), thought("r"), call("1")], ["a", "r1"], id="a-thought-after-words"),
        pytest.param([said("u", "user"), thought("r"), said("u", "user")], ["user", "r", "user"], id="a-thought-alone"),
    ],
)
def test_what_the_model_said_in_a_row_is_one_message(items: list[dict[str, Any]], shape: list[str]) -> None:
    def written(message: Any) -> str:
        if message.role == "tool":
            return f"tool {message.tool_call_id}"
        if message.role != "assistant":
            return str(message.role)
        text = "".join(part.text for part in message.content or [])
        return (message.reasoning_content or "") + text + "".join(call.id for call in message.tool_calls)

    assert [written(message) for message in asked(input=items).body.messages] == shape
    # What was kept of an earlier turn says the same.
    history = [kept_item(item) for item in items]
    assert [written(message) for message in asked(history, input=[]).body.messages] == shape


def test_instructions_come_first_and_are_not_carried_over() -> None:
    history = [kept_item({"role": "user", "content": "before"}), kept_item(said("then"))]
    messages = asked(history, instructions="Be kind.", input="now").body.messages
    assert [message.role for message in messages] == ["system", "user", "assistant", "user"]
    assert [message.content for message in messages][::3] == ["Be kind.", "now"]


def test_reasoning_comes_back_from_clients_that_kept_no_content() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": encrypted("hmé")}
    assert asked(input=[item, said("x")]).body.messages[0].reasoning_content == "hmé"


def test_a_call_that_was_cut_is_left_out_of_the_history_and_said() -> None:
    cut = {**kept_item(call("1")), "status": "incomplete", "arguments": '{"a'}
    found = asked([kept_item(said("x")), cut], input="go on")
    assert [message.role for message in found.body.messages] == ["assistant", "user"]
    assert not found.body.messages[0].tool_calls
    assert [(warning.code, warning.path) for warning in found.warnings] == [("call_left_out", "/previous_response_id")]


def test_what_is_not_done_is_said() -> None:
    found = asked(input="x", truncation="auto", reasoning={"summary": "auto"})
    assert [warning.path for warning in found.warnings] == ["/truncation", "/reasoning/summary"]
    assert asked(input="x", truncation="disabled", text={}, reasoning={"effort": "low"}).warnings == []


def test_fields_mean_what_they_mean_in_chat() -> None:
    schema = {"type": "object", "properties": {}}
    found = asked(
        input=[{"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]}],
        tools=[
            {"type": "function", "name": "f", "parameters": schema, "strict": True},
            {"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "regex", "definition": "a+"}},
        ],
        tool_choice={"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "c"}]},
        parallel_tool_calls=False, max_output_tokens=7, temperature=0.5, top_p=0.25, top_k=3, stop=["x"], seed=1,
        reasoning={"effort": "none"}, prompt_cache_key="k", chat_template_kwargs={"a": 1},
        text={"format": {"type": "json_schema", "name": "n", "schema": schema, "strict": True}},
    )  # fmt: skip
    (compile_request, _), (generate_request, _) = to_compile_request(found), to_generate_request(found)
    assert compile_request.messages[0].content[0].image.mime_type == "image/png"
    function, custom = compile_request.tools
    assert (function.function.name, function.function.strict) == ("f", True)
    assert custom.custom.grammar.definition == "a+"
    assert list(compile_request.tool_choice.allowed.names) == ["c"]
    assert compile_request.tool_choice.allowed.required
    assert not compile_request.parallel_tool_calls
    assert not compile_request.reasoning.enabled
    assert compile_request.prompt_cache_key == "k"
    assert compile_request.response_format.json_schema.strict
    sampling = generate_request.sampling
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.seed) == (0.5, 0.25, 3, 1)
    assert (generate_request.max_tokens, list(generate_request.stop)) == (7, ["x"])
    assert compile_request.chat_template_kwargs == '{"a": 1}'


ITEMS = [said("a", "user"), thought("r"), said("b"), call("1"), output("1")]


@pytest.mark.parametrize(
    ("made", "given_"),
    [
        ("/messages", "/input"),
        ("/messages/0", "/instructions"),
        ("/messages/0/content/0", "/instructions"),
        ("/messages/1", "/previous_response_id"),
        ("/messages/1/content", "/previous_response_id"),
        ("/messages/2/content/0", "/input/0/content/0"),
        ("/messages/3/reasoning_content", "/input/1"),
        ("/messages/3/content/0/text", "/input/2/content/0/text"),
        ("/messages/3/tool_calls/0/function/arguments", "/input/3/arguments"),
        ("/messages/3/tool_calls/0/id", "/input/3/call_id"),
        ("/messages/4/content/0", "/input/4/output/0"),
        ("/messages/4/tool_call_id", "/input/4/call_id"),
        ("/prompt/segments", "/input"),
        ("/tools/0/function/parameters/properties/x", "/tools/0/parameters/properties/x"),
        ("/tools/1/custom/name", "/tools/1/name"),
        ("/tools/1/custom/format/grammar/definition", "/tools/1/format/definition"),
        ("/tool_choice/function/name", "/tool_choice/name"),
        ("/response_format/json_schema/schema/type", "/text/format/schema/type"),
        ("/reasoning/effort", "/reasoning/effort"),
        ("/max_tokens", "/max_output_tokens"),
        ("/sampling/top_p", "/top_p"),
        ("/model", "/model"),
        ("", ""),
    ],
)
def test_places_come_from_the_request(made: str, given_: str) -> None:
    of_generation = made.startswith(("/prompt", "/max_tokens", "/sampling"))
    grammar = {"type": "grammar", "syntax": "lark", "definition": "x"}
    found = asked(
        [kept_item(said("x", "user"))],
        instructions="i",
        input=ITEMS,
        tools=[{"type": "function", "name": "f"}, {"type": "custom", "name": "c", "format": grammar}],
        tool_choice={"type": "function", "name": "f"},
        text={"format": {"type": "json_schema", "schema": {}}},
        reasoning={"effort": "low"},
        max_output_tokens=1,
    )
    _, places = to_generate_request(found) if of_generation else to_compile_request(found)
    assert places.original(made) == given_


def test_a_map_goes_on_with_the_one_around_it() -> None:
    outer = SourceMap()
    outer.add("/b", Origin("/c", whole=True))
    inner = SourceMap(outer)
    inner.add("/a", Origin("/b/x"))
    assert [inner.original(path) for path in ("/a/1", "/b/2", "/d")] == ["/c", "/c", "/d"]


@given(steps=st.lists(st.sampled_from(["a", "b", "0"]), max_size=4))
def test_what_nobody_moved_stays(steps: list[str]) -> None:
    places = SourceMap()
    places.add("/a/b", Origin("/x"))
    path = "".join(f"/{step}" for step in steps)
    assert places.original(path) == ("/x" + path[4:] if steps[:2] == ["a", "b"] else path)


def test_every_supported_type_of_item_is_translated() -> None:
    with pytest.raises(UnsupportedError) as refused:
        asked(input=[{"type": "nothing"}])
    *kinds, reference = refused.value.message.partition("supported types: ")[2].split(", ")
    assert reference == "item_reference"  # It is replaced by the item before.
    for kind in kinds:
        asked(input=[{"type": kind, "role": "user", "content": [], "call_id": "1", "name": "f", "output": "x"}])
