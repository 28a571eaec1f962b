"""The chat template of a GGUF file."""

from pathlib import Path
from typing import Any

import pytest
from gguf import GGUFWriter

from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.compiler.template.from_gguf import NoTemplateError, template_from_gguf


def model(path: Path, template: Any = None, *, bos: int | None = None, eos: int | None = None, tokens: bool = True) -> Path:
    writer = GGUFWriter(path, "llama")
    if tokens:
        writer.add_token_list(["<s>", "</s>", "a"])
    if bos is not None:
        writer.add_bos_token_id(bos)
    if eos is not None:
        writer.add_eos_token_id(eos)
    if template is not None:
        writer.add_chat_template(template)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


NAMED = [{"name": "default", "template": "é"}, {"name": "tool_use", "template": "t"}, {"name": "rag", "template": "r"}]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"template": "é"}, ChatTemplate("é"), id="text"),
        pytest.param({"template": "é", "bos": 0, "eos": 1}, ChatTemplate("é", "<s>", "</s>"), id="tokens"),
        pytest.param({"template": "é", "bos": 0, "tokens": False}, ChatTemplate("é"), id="no-vocabulary"),
        pytest.param({"template": "é", "bos": 3}, ChatTemplate("é"), id="no-such-token"),
        pytest.param({"template": NAMED}, ChatTemplate("é", named={"tool_use": "t", "rag": "r"}), id="named"),
    ],
)
def test_reads(tmp_path: Path, given: dict[str, Any], expected: ChatTemplate) -> None:
    assert template_from_gguf(model(tmp_path / "m.gguf", **given)) == expected


@pytest.mark.parametrize("template", [None, "", NAMED[1:]], ids=["none", "empty", "only-named"])
def test_says_that_there_is_none(tmp_path: Path, template: Any) -> None:
    with pytest.raises(NoTemplateError, match="the file contains no chat template; provide one with --template"):
        template_from_gguf(model(tmp_path / "m.gguf", template))


def test_says_that_it_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUX")
    with pytest.raises(NoTemplateError, match="not a GGUF file"):
        template_from_gguf(tmp_path / "m.gguf")
