"""The GGUF header, against the `gguf` package's reader and writer, and with truncated or damaged files."""

import random
import struct
from pathlib import Path

import pytest
from gguf import GGUFReader, GGUFWriter

from promptweave.gguf.header import GgufError, read_header

VOCABULARY = Path(__file__).parents[3] / "shared" / "corpus" / "vocab" / "ggml-vocab-llama-spm.gguf"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A header with values of all kinds."""
    writer = GGUFWriter(tmp_path / "a.gguf", "llama")
    writer.add_uint8("a.u8", 255)
    writer.add_int8("a.i8", -1)
    writer.add_uint16("a.u16", 65535)
    writer.add_int16("a.i16", -2)
    writer.add_uint32("a.u32", 2**32 - 1)
    writer.add_int32("a.i32", -3)
    writer.add_uint64("a.u64", 2**64 - 1)
    writer.add_int64("a.i64", -4)
    writer.add_float32("a.f32", 0.5)
    writer.add_float64("a.f64", 0.1)
    writer.add_bool("a.bool", True)
    writer.add_string("a.string", "ü\n")
    writer.add_array("a.strings", ["one", "zwei", "", "三"])
    writer.add_array("a.numbers", [1, 2, 3])
    writer.add_string("z.last", "end")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return tmp_path / "a.gguf"


def by_the_package(path: Path) -> dict[str, object]:
    return {key: field.contents() for key, field in GGUFReader(path).fields.items() if not key.startswith("GGUF.")}


def test_reads_values_of_all_kinds(file: Path) -> None:
    assert read_header(file, lambda _: True) == by_the_package(file)


def test_reads_what_is_wanted_and_no_more(file: Path) -> None:
    assert read_header(file, lambda key: key.startswith("z.")) == {"z.last": "end"}


@pytest.mark.skipif(not VOCABULARY.exists(), reason="shared/corpus/vocab is not here")
def test_reads_a_real_vocabulary() -> None:
    assert read_header(VOCABULARY, lambda _: True) == by_the_package(VOCABULARY)


@pytest.mark.parametrize("wanted", [True, False], ids=["read", "skipped"])
def test_a_header_that_is_cut_anywhere_is_told(file: Path, wanted: bool) -> None:
    whole = file.read_bytes()
    for length in range(whole.index(b"end") + 3):
        file.write_bytes(whole[:length])
        with pytest.raises(GgufError, match="not a GGUF file" if length < 4 else "truncated or corrupted"):
            read_header(file, lambda _: wanted)


def test_damage_raises_nothing_else(file: Path) -> None:
    whole = file.read_bytes()
    dice = random.Random(0)
    for _ in range(500):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[dice.randrange(4, len(damaged))] = dice.randrange(256)
        file.write_bytes(damaged)
        try:
            read_header(file, lambda _: True)
        except GgufError:
            continue


def test_arrays_in_arrays_without_end_are_told(file: Path) -> None:
    nested = struct.pack("<IQ", 9, 1) * 5000
    key = struct.pack("<Q", 1) + b"a" + struct.pack("<I", 9)
    file.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + key + nested)
    for wanted in (True, False):
        with pytest.raises(GgufError, match="truncated or corrupted"):
            read_header(file, lambda _, wanted=wanted: wanted)  # type: ignore[misc]
