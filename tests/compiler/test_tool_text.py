"""Tools as text for the prompt."""

import json
from typing import Any

import pytest

from promptweave.compiler.request import SchemaStyle, Tool
from promptweave.compiler.styles.tool_text import tools_as_text


def type_of(schema: Any, **definitions: Any) -> str:
    """The TypeScript type of a property `p`."""
    parameters = {"type": "object", "properties": {"p": schema}, "$defs": definitions}
    text = tools_as_text([Tool("f", "", parameters)], SchemaStyle.TYPESCRIPT)
    before, _, rest = text.partition("type f = (_: {\n  p?: ")
    body = rest.removesuffix(",\n}) => any;\n}")
    assert body != rest
    return before.removeprefix("namespace functions {\n") + body


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param({"type": "string"}, "string", id="string"),
        pytest.param({"type": "integer"}, "number", id="integer"),
        pytest.param({"type": "number"}, "number", id="number"),
        pytest.param({"type": "boolean"}, "boolean", id="boolean"),
        pytest.param({"type": "null"}, "null", id="null"),
        pytest.param({}, "any", id="any"),
        pytest.param(True, "any", id="true"),
        pytest.param(False, "never", id="false"),
        pytest.param({"enum": ["a", 1, None, 'é"']}, r'"a" | 1 | null | "é\""', id="enum"),
        pytest.param({"const": "a"}, '"a"', id="const"),
        pytest.param({"type": ["string", "null"]}, "string | null", id="types"),
        pytest.param({"type": ["integer", "number"]}, "number", id="types-that-are-one"),
        pytest.param({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string | null", id="any-of"),
        pytest.param({"oneOf": [{"type": "string"}, {"const": 1}]}, "string | 1", id="one-of"),
        pytest.param({"type": "array", "items": {"type": ["string", "null"]}}, "Array<string | null>", id="array"),
        pytest.param({"type": "array"}, "Array<any>", id="array-of-anything"),
        pytest.param({"type": "object"}, "{}", id="object"),
        pytest.param({"properties": {"a": {}}, "required": ["a"]}, "{\n    a: any,\n  }", id="object-without-type"),
        pytest.param(
            {"type": "object", "properties": {"a-b": {"type": "string", "description": "one\ntwo"}}},
            '{\n    // one\n    // two\n    "a-b"?: string,\n  }',
            id="described",
        ),
        pytest.param(
            {"type": "object", "additionalProperties": {"type": "integer"}}, "{\n    [key: string]: number,\n  }", id="map"
        ),
    ],
)
def test_types(schema: Any, expected: str) -> None:
    assert type_of(schema) == expected


def test_references_are_named_types() -> None:
    tree = {"type": "object", "properties": {"next": {"$ref": "#/$defs/tree"}}}
    assert type_of({"$ref": "#/$defs/tree"}, tree=tree) == "type tree = {\n  next?: tree,\n};\ntree"


def test_a_reference_to_the_whole_is_a_type() -> None:
    text = tools_as_text([Tool("f", "", {"properties": {"a": {"$ref": "#"}}})], SchemaStyle.TYPESCRIPT)
    assert "type Root = {\n  a?: Root,\n};\n" in text


@pytest.mark.parametrize(("key", "name"), [("0", "_0"), ("a b", "a_b"), ("a~1b", "a_1b"), ("f", "f_2")])
def test_types_have_names_of_their_own(key: str, name: str) -> None:
    definitions = {key.replace("~1", "/"): {"type": "string"}}
    assert type_of({"$ref": f"#/$defs/{key}"}, **definitions) == f"type {name} = string;\n{name}"


def test_functions_do_not_share_names_by_accident() -> None:
    def tool(name: str, kind: str) -> Tool:
        return Tool(name, "", {"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"type": kind}}})

    text = tools_as_text([tool("f", "string"), tool("g", "boolean"), tool("x_3", "null")], SchemaStyle.TYPESCRIPT)
    assert "type x = string;\ntype f = (_: {\n  a?: x,\n}) => any;" in text
    assert "type x_2 = boolean;\ntype g = (_: {\n  a?: x_2,\n}) => any;" in text
    assert "type x_4 = null;\ntype x_3 = (_: {\n  a?: x_4,\n}) => any;" in text


def test_a_signature() -> None:
    tool = Tool(
        "get_weather",
        "Get the weather\nof a city",
        {"type": "object", "properties": {"city": {"type": "string", "description": "Its name"}}, "required": ["city"]},
    )
    assert tools_as_text([tool], SchemaStyle.TYPESCRIPT) == (
        "namespace functions {\n// Get the weather\n// of a city\n"
        "type get_weather = (_: {\n  // Its name\n  city: string,\n}) => any;\n}"
    )


def test_as_json_each_tool_is_a_line_as_it_came() -> None:
    tools = [Tool("f", "é", {"type": "object", "properties": {"z": {}, "a": {"const": 10**30}}}), Tool("g")]
    first, second = tools_as_text(tools, SchemaStyle.JSON).split("\n")
    assert json.loads(first) == {"name": "f", "description": "é", "parameters": tools[0].parameters}
    assert '"z": {}, "a": {"const": 1000000000000000000000000000000}' in first
    assert json.loads(second)["name"] == "g"
