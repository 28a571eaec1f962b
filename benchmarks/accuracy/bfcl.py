"""The questions of the Berkeley Function Calling Leaderboard, and its checker of answers.

Both come from the PyPI package `bfcl-eval`, of which nothing is copied here. Its dependencies are not needed:
`pip install --no-deps bfcl-eval==2026.3.23`, or `--bfcl` with a folder that the package was unpacked to.
"""

import importlib
import importlib.util
import json
import os
import random
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.accuracy.tools import Json, as_tool, as_tool_name

CATEGORIES = {
    "simple": "simple_python",
    "multiple": "multiple",
    "parallel": "parallel",
    "parallel_multiple": "parallel_multiple",
    "irrelevance": "irrelevance",
    "live_simple": "live_simple",
    "live_multiple": "live_multiple",
    "live_irrelevance": "live_irrelevance",
}
"""The categories with one turn, and their names in the file names of BFCL 4."""

_MODEL = "any"
"""The checker looks up whether a model writes names without dots."""


@dataclass(frozen=True)
class Call:
    """A tool call."""

    name: str
    arguments: str
    """The JSON text, as received."""

    def values(self) -> Any:
        """Return the arguments as a value; None if they are not JSON."""
        try:
            return json.loads(self.arguments)
        except ValueError:
            return None


@dataclass(frozen=True)
class Question:
    """A question with its functions, and the calls that answer it."""

    category: str
    id: str
    messages: list[Json]
    functions: list[Json]
    """As BFCL writes them."""
    expected: list[Json]
    """For each call: its function → its parameters → the values that are right; `""` among them: it may be left out.
    Empty if the right answer has no call."""

    @property
    def tools(self) -> list[Json]:
        """The functions as tools of OpenAI's API."""
        return [as_tool(function) for function in self.functions]

    @property
    def offered(self) -> set[str]:
        """The names of the tools."""
        return {as_tool_name(function["name"]) for function in self.functions}


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right; if not, what BFCL's checker says."""

    right: bool
    kind: str = ""
    detail: str = ""


class MissingDataError(Exception):
    """BFCL is not installed."""


def bfcl_folder(given: Path | None = None) -> Path:
    """Return the folder of the package, which is found without importing it."""
    spec = importlib.util.find_spec("bfcl_eval")
    installed = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    cache = Path(os.environ.get("PROMPTWEAVE_REAL_MODELS") or Path.home() / ".cache" / "promptweave-real")
    candidates = [given] if given else [*installed, cache / "bfcl_eval"]
    for folder in candidates:
        if (folder / "data" / "possible_answer").is_dir():
            return folder.resolve()
    raise MissingDataError(
        f"--bfcl: no questions in {', '.join(map(str, candidates))}; run `pip install --no-deps bfcl-eval==2026.3.23`"
    )


def questions(folder: Path, category: str, number: int | None = None, seed: int = 0) -> list[Question]:
    """Return a category's questions in an order that only the seed determines; a smaller number is a part of a larger."""
    file = f"BFCL_v4_{CATEGORIES[category]}.json"
    answers_file = folder / "data" / "possible_answer" / file
    answers = {entry["id"]: entry["ground_truth"] for entry in _lines(answers_file)} if answers_file.exists() else {}
    found = [
        Question(category, entry["id"], entry["question"][0], entry["function"], answers.get(entry["id"], []))
        for entry in _lines(folder / "data" / file)
    ]
    random.Random(f"{seed} {category}").shuffle(found)  # noqa: S311 - a sample
    return found[:number]


class Checker:
    """BFCL's comparison of calls with the expected ones."""

    def __init__(self, folder: Path) -> None:
        # The checker needs one flag of a table, which otherwise imports the clients of all vendors.
        table = types.ModuleType("bfcl_eval.constants.model_config")
        table.__dict__["MODEL_CONFIG_MAPPING"] = {_MODEL: types.SimpleNamespace(underscore_to_dot=True)}
        sys.modules[table.__name__] = table
        if str(folder.parent) not in sys.path:
            sys.path.append(str(folder.parent))
        module: Any = importlib.import_module("bfcl_eval.eval_checker.ast_eval.ast_checker")
        self._check: Any = module.ast_checker
        self._language: Any = importlib.import_module("bfcl_eval.constants.enums").Language.PYTHON

    def verdict(self, question: Question, calls: list[Call]) -> Verdict:
        """Return whether the calls are right."""
        if not question.expected:
            return Verdict(not calls, "" if not calls else "irrelevance:called", ", ".join(call.name for call in calls))
        if not calls:
            return Verdict(False, "no_call")
        values = [(call.name, call.values()) for call in calls]
        if not all(isinstance(arguments, dict) for _, arguments in values):
            return Verdict(False, "arguments_not_an_object")
        decoded = [{as_tool_name(name): arguments} for name, arguments in values]
        category = CATEGORIES[question.category]
        result = self._check(question.functions, decoded, question.expected, self._language, category, _MODEL)
        return Verdict(result["valid"], *(("", "") if result["valid"] else (result["error_type"], _text(result["error"]))))


def _text(error: Any) -> str:
    return error if isinstance(error, str) else json.dumps(error)


def _lines(file: Path) -> Iterator[Any]:
    with file.open() as lines:
        yield from map(json.loads, lines)
