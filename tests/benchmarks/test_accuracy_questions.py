"""BFCL's files as questions and tools. The data is our own, in BFCL's form."""

import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks.accuracy.bfcl import CATEGORIES, MissingDataError, bfcl_folder, questions
from benchmarks.accuracy.modes import MODES, chat_body
from benchmarks.accuracy.tools import as_json_schema, as_tool

FUNCTION = {
    "name": "garden.plan_beds",
    "description": "Plan the beds of a garden.",
    "parameters": {
        "type": "dict",
        "properties": {
            "length": {"type": "float", "description": "In metres."},
            "corners": {"type": "tuple", "items": {"type": "float"}, "description": "Where it ends."},
            "plants": {"type": "array", "items": {"type": "dict", "properties": {"note": {"type": "any"}}}},
            "sun": {"type": "boolean", "default": True},
        },
        "required": ["length"],
    },
}


def folder_with(folder: Path, number: int) -> Path:
    (folder / "data" / "possible_answer").mkdir(parents=True)
    for category in ("multiple", "irrelevance"):
        asked, answers = [], []
        for place in range(number):
            message = {"role": "user", "content": f"Question {place}"}
            asked.append({"id": f"{category}_{place}", "question": [[message]], "function": [FUNCTION]})
            answers.append({"id": f"{category}_{place}", "ground_truth": [{"garden.plan_beds": {"length": [place]}}]})
        _write(folder / "data" / f"BFCL_v4_{category}.json", asked)
        if category == "multiple":
            _write(folder / "data" / "possible_answer" / f"BFCL_v4_{category}.json", answers)
    return folder


def _write(file: Path, entries: list[Any]) -> None:
    file.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")


def test_types_of_python_become_types_of_json_schema() -> None:
    function = as_tool(FUNCTION)["function"]
    assert function["name"] == "garden_plan_beds"
    assert function["description"].startswith(FUNCTION["description"])
    assert function["parameters"]["type"] == "object"
    assert function["parameters"]["required"] == ["length"]
    properties = function["parameters"]["properties"]
    assert properties["length"] == {
        "type": "number",
        "format": "float",
        "description": "In metres. This is a float type value.",
    }
    assert properties["corners"]["type"] == "array"
    assert properties["corners"]["items"] == {"type": "number"}
    assert properties["plants"]["items"] == {"type": "object", "properties": {"note": {"type": "string"}}}
    assert properties["sun"] == {"type": "boolean", "default": True}


@pytest.mark.parametrize(
    ("written", "kind"),
    [("string", "string"), ("integer", "integer"), ("any", "string"), ("Polygon", "string"), (None, "string")],
)
def test_unknown_types_are_texts(written: str | None, kind: str) -> None:
    assert as_json_schema({"type": written} if written else {})["type"] == kind


def test_the_function_itself_is_not_changed() -> None:
    before = json.dumps(FUNCTION)
    as_tool(FUNCTION)
    assert json.dumps(FUNCTION) == before


def test_a_smaller_sample_is_the_beginning_of_a_larger_one(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, 30)
    few, many = (questions(folder, "multiple", number, seed=7) for number in (5, 20))
    assert few == many[:5]
    assert [one.id for one in many] != [one.id for one in questions(folder, "multiple", 20, seed=8)]
    assert len(questions(folder, "multiple")) == 30


def test_expected_calls_belong_to_their_question(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, 9)
    for question in questions(folder, "multiple"):
        number = int(question.id.rsplit("_", 1)[1])
        assert question.expected == [{"garden.plan_beds": {"length": [number]}}]
        assert question.messages == [{"role": "user", "content": f"Question {number}"}]


def test_no_call_is_expected_where_no_answers_are(tmp_path: Path) -> None:
    (question, *_) = questions(folder_with(tmp_path, 3), "irrelevance")
    assert question.expected == []
    assert [name for name, mode in MODES.items() if not mode.fits(question)] == [
        name for name, mode in MODES.items() if mode.body.get("tool_choice") == "required"
    ]


def test_both_sides_are_asked_the_same(tmp_path: Path) -> None:
    (question, *_) = questions(folder_with(tmp_path, 3), "multiple")
    assert chat_body(MODES["auto"], question, 99) == chat_body(MODES["engine"], question, 99)
    assert chat_body(MODES["required"], question, 99)["tool_choice"] == "required"


def test_missing_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"--bfcl: .*pip install --no-deps bfcl-eval"):
        bfcl_folder(tmp_path)


def test_categories_have_different_files() -> None:
    assert len(set(CATEGORIES.values())) == len(CATEGORIES) == 8
