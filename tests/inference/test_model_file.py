"""The model's file, against the `gguf` package's reader and against files that end too early."""

import struct
from pathlib import Path

import pytest
from gguf import GGUFReader, GGUFWriter

from promptweave.demo.model import demo_template
from promptweave.inference.engine.model_file import check_model_file, read_model_file
from promptweave.inference.errors import StartError

VOCABULARY = Path(__file__).parents[3] / "shared" / "corpus" / "vocab" / "ggml-vocab-llama-spm.gguf"


def by_the_package(path: Path) -> dict[str, str]:
    key = "tokenizer.chat_template"
    fields = GGUFReader(path).fields
    return {name.removeprefix(key).removeprefix("."): fields[name].contents() for name in fields if name == key}


def write(path: Path, **templates: str) -> Path:
    """A header with values of all kinds around the templates."""
    writer = GGUFWriter(path, "llama")
    writer.add_uint8("a.u8", 1)
    writer.add_int64("a.i64", -1)
    writer.add_float64("a.f64", 0.5)
    writer.add_bool("a.bool", True)
    writer.add_string("a.string", "ü")
    writer.add_array("a.strings", ["one", "zwei", ""])
    writer.add_array("a.numbers", [1, 2, 3])
    for name, text in templates.items():
        writer.add_string("tokenizer.chat_template" + (f".{name}" if name else ""), text)
    writer.add_uint32("z.last", 7)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


def test_the_demo_model(demo_model: Path) -> None:
    check_model_file(demo_model)
    assert read_model_file(demo_model).templates == by_the_package(demo_model) == {"": demo_template()}


@pytest.mark.skipif(not VOCABULARY.exists(), reason="shared/corpus/vocab is not here")
def test_a_real_vocabulary() -> None:
    assert read_model_file(VOCABULARY).templates == by_the_package(VOCABULARY)


@pytest.mark.parametrize(
    "templates",
    [
        pytest.param({}, id="none"),
        pytest.param({"": "é{{ x }}"}, id="one"),
        pytest.param({"": "a", "tool_use": "b", "rag": "c"}, id="named"),
        pytest.param({"tool_use": "b"}, id="only-named"),
    ],
)
def test_templates(tmp_path: Path, templates: dict[str, str]) -> None:
    assert read_model_file(write(tmp_path / "a.gguf", **templates)).templates == templates


def test_an_empty_template_is_none(tmp_path: Path) -> None:
    assert read_model_file(write(tmp_path / "a.gguf", **{"": ""})).templates == {}


def test_a_header_that_is_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.gguf", **{"": "template"}).read_bytes()
    end = whole.index(b"z.last") + len(b"z.last") + 4 + 4
    cut = tmp_path / "cut.gguf"
    for length in range(end):
        cut.write_bytes(whole[:length])
        with pytest.raises(StartError, match=r"cut.gguf"):
            read_model_file(cut)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        pytest.param(struct.pack("<IQQ", 1, 0, 0), "unsupported version 1", id="old"),
        pytest.param(struct.pack(">IQQ", 3, 0, 0), "unsupported version", id="big-endian"),
        pytest.param(struct.pack("<IQQ", 3, 0, 2**60), "truncated or corrupted", id="endless"),
        pytest.param(
            struct.pack("<IQQQ", 3, 0, 1, 2**60), "truncated or corrupted: it ends inside a value", id="a-long-key"
        ),
        pytest.param(struct.pack("<IQQQ1sI", 3, 0, 1, 1, b"a", 99), "truncated or corrupted", id="a-strange-type"),
        pytest.param(struct.pack("<IQQQ1sIIQ", 3, 0, 1, 1, b"a", 9, 4, 2**62), "truncated or corrupted", id="a-long-array"),
        pytest.param(struct.pack("<IQQQ1sIIQ", 3, 0, 1, 1, b"a", 9, 8, 2**62), "truncated or corrupted", id="many-strings"),
        pytest.param(struct.pack("<IQQQ1sI", 3, 0, 1, 1, b"a", 9) + struct.pack("<IQ", 9, 1) * 5000, "depth", id="deep"),
        pytest.param(struct.pack("<IQQQ1sIIQ", 3, 0, 1, 1, b"a", 9, 9, 2**62), "truncated or corrupted", id="many-arrays"),
    ],
)
def test_broken_headers(tmp_path: Path, header: bytes, message: str) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(b"GGUF" + header)
    with pytest.raises(StartError, match=message):
        read_model_file(path)
