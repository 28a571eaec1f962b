"""Requests to `/v1/responses` as chat requests: which items become one message, and the source map."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptweave.facade.bodies.body import read_body
from promptweave.facade.bodies.source_map import Origin, SourceMap
from promptweave.facade.openai.chat.request.to_grpc import to_compile_request, to_generate_request
from promptweave.facade.openai.chat.request.translated import Translation
from promptweave.facade.openai.responses.request.body import ResponsesBody
from promptweave.facade.openai.responses.request.items import encrypted, kept_item
from promptweave.facade.openai.responses.request.to_chat import to_chat


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


def test_what_is_not_done_is_said() -> None:
    found = asked(input="x", truncation="auto")
    assert [warning.path for warning in found.warnings] == ["/truncation"]
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


# -- tools --

CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
ADD = {"type": "function", "name": "add", "description": "Adds", "parameters": CITY}
CALC = {"type": "namespace", "name": "mcp__calc", "description": "A calculator", "tools": [ADD, {**ADD, "name": "sub"}]}
SEARCH = {"type": "tool_search", "execution": "client", "description": "Finds tools", "parameters": CITY}


def test_tools_of_a_namespace_are_tools_with_a_namespace() -> None:
    add, sub = asked(input="x", tools=[CALC]).body.tools
    assert add.function
    assert sub.function
    assert [(tool.function.name, tool.namespace) for tool in (add, sub) if tool.function] == [
        ("add", "mcp__calc"),
        ("sub", "mcp__calc"),
    ]
    assert (add.function.description, sub.function.description) == ("mcp__calc: A calculator\n\nAdds", "Adds")


def test_calls_and_choices_of_a_namespace() -> None:
    item = {**call("1"), "name": "add", "namespace": "mcp__calc"}
    choice = {"type": "function", "name": "add", "namespace": "mcp__calc"}
    found = asked(input=[said("x", "user"), item, output("1")], tools=[CALC], tool_choice=choice)
    (request, _) = to_compile_request(found)
    assert request.messages[1].tool_calls[0].namespace == "mcp__calc"
    assert (request.tool_choice.named.name, request.tool_choice.named.namespace) == ("add", "mcp__calc")
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "namespace", "name": "mcp__calc"}]}
    (request, _) = to_compile_request(asked(input="x", tools=[CALC], tool_choice=allowed))
    assert list(request.tool_choice.allowed.names) == ["mcp__calc__add", "mcp__calc__sub"]


def test_a_search_of_the_client_is_a_function_and_its_output_brings_tools() -> None:
    items = [
        said("x", "user"),
        {"type": "tool_search_call", "call_id": "1", "execution": "client", "arguments": {"city": "Oslo"}},
        {"type": "tool_search_output", "call_id": "1", "execution": "client", "tools": [CALC, {**ADD, "name": "see"}]},
    ]
    found = asked(input=items, tools=[SEARCH])
    (request, places) = to_compile_request(found)
    assert [(tool.function.name, tool.function.description) for tool in request.tools] == [("tool_search", "Finds tools")]
    called = request.messages[1].tool_calls[0]
    assert (called.id, called.function.name, called.function.arguments) == ("1", "tool_search", '{"city": "Oslo"}')
    result = request.messages[2]
    assert result.tool_call_id == "1"
    described, *references = result.content
    assert described.text == f"mcp__calc: {CALC['description']}\n"
    assert [(part.tool_reference.namespace, part.tool_reference.name) for part in references] == [
        ("mcp__calc", "add"),
        ("mcp__calc", "sub"),
        ("", "see"),
    ]
    assert all(tool.defer_loading for tool in result.tools)
    assert places.original("/messages/2/tools/2/function/parameters") == "/input/2/tools/1/parameters"
    (request, _) = to_compile_request(asked(input=[*items[:2], {**items[2], "tools": []}], tools=[SEARCH]))
    assert request.messages[2].content[0].text == "No tool was found."


def test_parts_of_reasoning_that_are_not_text_are_left_out_with_a_warning() -> None:
    parts = [{"type": "reasoning_text", "text": "a"}, {"type": "mystery"}, {"type": "reasoning_text", "text": "b"}]
    found = asked(input=[{"type": "reasoning", "content": parts}, said("x", "user")])
    assert found.body.messages[0].reasoning_content == "a\n\nb"
    assert [(warning.code, warning.path) for warning in found.warnings] == [("part_left_out", "/input/0/content/1")]


def test_additional_tools_are_tools_of_a_message() -> None:
    more = {"type": "additional_tools", "role": "developer", "tools": [CALC, {"type": "web_search"}]}
    found = asked(input=[said("x", "user"), more, said("y", "user")])
    (request, places) = to_compile_request(found)
    assert [tool.namespace for tool in request.messages[1].tools] == ["mcp__calc", "mcp__calc"]
    assert [(warning.code, warning.path) for warning in found.warnings] == [("tool_left_out", "/input/1/tools/1")]
    assert places.original("/messages/1/tools/1/function/parameters") == "/input/1/tools/0/tools/1/parameters"
    (_, places) = to_compile_request(asked([kept_item(more)], input="x"))
    assert places.original("/messages/0/tools/1/function/parameters") == "/previous_response_id"


HOSTED = {
    "local_shell": (
        [
            {
                "type": "local_shell_call",
                "id": "i",
                "call_id": "1",
                "action": {"type": "exec", "command": ["ls"], "env": {}},
            },
            {"type": "local_shell_call_output", "id": "1", "output": "a.txt"},
        ],
        ("", "local_shell", '{"command": ["ls"]}', "a.txt"),
    ),
    "shell": (
        [
            {"type": "shell_call", "call_id": "1", "action": {"commands": ["ls"], "timeout_ms": None}},
            {"type": "shell_call_output", "call_id": "1", "output": [{"stdout": "a.txt"}]},
        ],
        ("", "shell", '{"commands": ["ls"]}', '[{"stdout": "a.txt"}]'),
    ),
    "apply_patch": (
        [
            {"type": "apply_patch_call", "call_id": "1", "operation": {"type": "delete_file", "path": "a"}},
            {"type": "apply_patch_call_output", "call_id": "1", "status": "completed"},
        ],
        ("", "apply_patch", '{"type": "delete_file", "path": "a"}', "completed"),
    ),
    "computer": (
        [
            {"type": "computer_call", "id": "i", "call_id": "1", "action": {"type": "wait"}, "pending_safety_checks": []},
            {"type": "computer_call_output", "call_id": "1", "output": "done"},
        ],
        ("", "computer", '{"type": "wait"}', "done"),
    ),
    "computer-actions": (
        [
            {"type": "computer_call", "id": "i", "call_id": "1", "actions": [{"type": "wait"}]},
            {"type": "computer_call_output", "call_id": "1", "output": "done"},
        ],
        ("", "computer", '{"actions": [{"type": "wait"}]}', "done"),
    ),
    "mcp": (
        [{"type": "mcp_call", "id": "1", "name": "add", "server_label": "calc", "arguments": "{}", "output": "3"}],
        ("calc", "add", "{}", "3"),
    ),
    "code_interpreter": (
        [{"type": "code_interpreter_call", "id": "1", "code": "1+1", "outputs": [{"type": "logs", "logs": "2"}]}],
        ("", "code_interpreter", '{"code": "1+1"}', "2"),
    ),
}


@pytest.mark.parametrize("kind", HOSTED)
def test_calls_of_hosted_tools_are_calls_of_functions(kind: str) -> None:
    items, (namespace, name, arguments, result) = HOSTED[kind]
    found = asked(input=[said("x", "user"), *items])
    (request, _) = to_compile_request(found)
    assert not found.warnings
    (made,) = request.messages[1].tool_calls
    assert (made.namespace, made.function.name, made.function.arguments) == (namespace, name, arguments)
    assert (made.id, request.messages[2].tool_call_id) == ("1", "1")
    assert request.messages[2].content[0].text == result


def test_arguments_outputs_and_reasoning_in_forms_that_some_clients_send() -> None:
    items = [
        said("x", "user"),
        {"type": "reasoning", "content": "hm"},
        {**call("1"), "arguments": {"a": 1}},
        {**output("1"), "output": {"b": 2}},
    ]
    (request, _) = to_compile_request(asked(input=items))
    assert request.messages[1].reasoning_content == "hm"
    assert request.messages[1].tool_calls[0].function.arguments == '{"a": 1}'
    assert request.messages[2].content[0].text == '{"b": 2}'


SCHEMA_FORMAT = {"type": "json_schema", "name": "n", "schema": {"type": "object", "properties": {"x": {"type": "integer"}}}}


def test_a_configuration_update_replaces_options_until_the_next_one() -> None:
    update = {"type": "configuration_update", "reasoning": {"effort": "low"}, "text": {"format": SCHEMA_FORMAT}}
    items = [said("x", "user"), update, said("y", "user")]
    found = asked(input=items, reasoning={"effort": "high"})
    assert not found.warnings
    (request, places) = to_compile_request(found)
    assert [message.content[0].text for message in request.messages] == ["x", "y"]
    assert request.reasoning.effort == "low"
    assert '"x"' in request.response_format.json_schema.schema
    assert places.original("/reasoning/effort") == "/input/1/reasoning/effort"
    assert places.original("/response_format/json_schema/schema/properties/x") == "/input/1/text/format/schema/properties/x"
    # Each of them stays until it is replaced, also in later requests.
    later = {"type": "configuration_update", "text": {"format": {"type": "text"}}}
    (request, places) = to_compile_request(asked([kept_item(item) for item in items], input=[later, said("z", "user")]))
    assert request.reasoning.effort == "low"
    assert not request.response_format.HasField("json_schema")
    assert places.original("/reasoning/effort") == "/previous_response_id"
