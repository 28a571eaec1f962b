"""Call syntaxes derived from real templates: sampled outputs parse, whatever the tool choice; and docs/templates.md."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.profile.profile import profile
from promptweave.compiler.request import ChatRequest, JsonFormat
from promptweave.compiler.template.chat_template import ChatTemplate
from tests.support.compiler.template_table import CORPUS, PAGE, table
from tests.support.compiler.tool_calls import CHOICES, QUESTION, SCHEMA, WIDE_QUESTION, check_samples, check_splits

TEMPLATES = sorted(CORPUS.glob("*.jinja")) if CORPUS.is_dir() else []

pytestmark = pytest.mark.skipif(not TEMPLATES, reason="shared/corpus/templates is not here")


def sweep(path: Path, samples: int, questions: Sequence[ChatRequest]) -> None:
    given = ChatTemplate(path.read_text(), "<s>", "</s>")
    for question in questions:
        for choice in CHOICES.values():
            for parallel in (True, False):
                for wanted in (None, JsonFormat(SCHEMA)):
                    request = replace(question, tool_choice=choice, parallel_tool_calls=parallel, response_format=wanted)
                    compiled = compile_prompt(request, given)
                    check_samples(request, compiled, samples)
                    check_splits(compiled, 1)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_whatever_is_said_is_read(path: Path) -> None:
    # The other question is asked in test_compile.
    sweep(path, 1, [WIDE_QUESTION])


@pytest.mark.slow
@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_whatever_is_said_is_read_many(path: Path) -> None:
    sweep(path, 25, [QUESTION, WIDE_QUESTION])


def test_the_table_in_the_docs_is_true() -> None:
    assert PAGE.read_text() == table(), "run `python tests/support/compiler/template_table.py`"


def test_most_templates_are_derived() -> None:
    styles = [profile(ChatTemplate(path.read_text(), "<s>", "</s>")).style for path in TEMPLATES]
    assert styles.count("native") >= 42
