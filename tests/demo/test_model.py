"""The demo model: a file that any GGUF reader opens, the same for the same arguments; and its template."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFReader

from promptweave.compiler.profile.profile import profile
from promptweave.compiler.styles import hermes
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.compiler.template.from_gguf import NoTemplateError, template_from_gguf
from promptweave.demo.model import CONTROL_TOKENS, TAG_TOKENS, VocabularyError, demo_template, write_demo_model

VOCABULARIES = Path(__file__).parents[3] / "shared" / "corpus" / "vocab"


def test_any_reader_opens_it(demo_model: Path) -> None:
    reader = GGUFReader(demo_model)
    said = {key: field.contents() for key, field in reader.fields.items()}
    assert said["general.architecture"] == "llama"
    assert said["llama.vocab_size"] == len(said["tokenizer.ggml.tokens"]) == 257 + len(CONTROL_TOKENS) + len(TAG_TOKENS)
    assert said["tokenizer.ggml.tokens"][said["tokenizer.ggml.eos_token_id"]] == "<|im_end|>"
    assert said["tokenizer.chat_template"] == demo_template()
    shapes = {tensor.name: tuple(map(int, tensor.shape)) for tensor in reader.tensors}
    assert shapes["token_embd.weight"] == (said["llama.embedding_length"], said["llama.vocab_size"])
    assert len(shapes) == 3 + 9 * said["llama.block_count"]
    assert all(np.isfinite(tensor.data).all() for tensor in reader.tensors)


def test_there_is_a_token_for_every_byte_and_each_tag_is_one(demo_model: Path) -> None:
    tokens = GGUFReader(demo_model).fields["tokenizer.ggml.tokens"].contents()
    assert len(set(tokens)) == len(tokens)
    assert set(CONTROL_TOKENS) | set(TAG_TOKENS) <= set(tokens)
    assert sum(len(token) == 1 for token in tokens) == 256


def test_the_same_arguments_give_the_same_file(tmp_path: Path, demo_model: Path) -> None:
    write_demo_model(tmp_path / "again.gguf")
    write_demo_model(tmp_path / "other.gguf", seed=1)
    assert (tmp_path / "again.gguf").read_bytes() == demo_model.read_bytes()
    assert (tmp_path / "other.gguf").read_bytes() != demo_model.read_bytes()


def test_takes_any_template(tmp_path: Path) -> None:
    write_demo_model(tmp_path / "m.gguf", template="{{ 'é\n' }}")
    assert template_from_gguf(tmp_path / "m.gguf").source == "{{ 'é\n' }}"


@pytest.mark.skipif(not VOCABULARIES.is_dir(), reason="shared/corpus/vocab is not here")
def test_takes_the_tokenizer_of_another_model(tmp_path: Path) -> None:
    vocab = VOCABULARIES / "ggml-vocab-llama-spm.gguf"
    write_demo_model(tmp_path / "m.gguf", vocab=vocab)
    given, made = GGUFReader(vocab).fields, GGUFReader(tmp_path / "m.gguf").fields
    keys = [key for key in given if key.startswith("tokenizer.") and not key.startswith("tokenizer.chat_template")]
    assert "tokenizer.ggml.tokens" in keys
    for key in keys:
        assert made[key].types == given[key].types
        assert made[key].contents() == given[key].contents()
    # The template is the demo's, whatever the other model had.
    assert made["tokenizer.chat_template"].contents() == demo_template()


@pytest.mark.parametrize(
    "content", [pytest.param(b"", id="empty"), pytest.param(b"no model", id="no-gguf"), pytest.param(None, id="cut")]
)
def test_a_bad_vocabulary_leaves_nothing_behind(tmp_path: Path, demo_model: Path, content: bytes | None) -> None:
    bad, folder = tmp_path / "vocab.gguf", tmp_path / "models"
    bad.write_bytes(demo_model.read_bytes()[:3000] if content is None else content)
    with pytest.raises(VocabularyError, match=r"vocab\.gguf: (not a GGUF file|the GGUF file is truncated or corrupted)"):
        write_demo_model(folder / "m.gguf", vocab=bad)
    assert list(folder.iterdir()) == []


def test_a_model_without_a_tokenizer_is_no_vocabulary(tmp_path: Path) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(tmp_path / "bare.gguf", "llama")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    with pytest.raises(VocabularyError, match="contains no tokenizer"):
        write_demo_model(tmp_path / "m.gguf", vocab=tmp_path / "bare.gguf")
    with pytest.raises(NoTemplateError, match="contains no chat template"):
        template_from_gguf(tmp_path / "bare.gguf")


def test_a_damaged_file_is_told_from_one_without_a_template(tmp_path: Path, demo_model: Path) -> None:
    whole = demo_model.read_bytes()
    for length in (0, 3, 4, 20, 100, 1000, 3000, 5000):
        (tmp_path / "cut.gguf").write_bytes(whole[:length])
        with pytest.raises(NoTemplateError, match="not a GGUF file" if length < 4 else "truncated or corrupted"):
            template_from_gguf(tmp_path / "cut.gguf")


# -- the template --


def test_calls_are_derived_and_verified() -> None:
    found = profile(ChatTemplate(demo_template()))
    assert found.style == "native"
    assert found.calls == hermes.SYNTAX
    assert "and verified by a round trip" in found.notes[-1]
    assert (found.system_role, found.tools_published, found.tool_results) == (True, True, True)
    assert (found.consecutive_users, found.arguments_as_object) == (True, True)
    assert (found.generation_prompt, found.turn_end) == ("<|im_start|>assistant\n", "<|im_end|>\n")


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}


TURNS = [
    pytest.param([{"role": "user", "content": "hi"}], "<|im_start|>user\nhi<|im_end|>\n", id="user"),
    pytest.param(
        [{"role": "system", "content": "be"}, {"role": "user", "content": "hi"}],
        "<|im_start|>system\nbe<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n",
        id="system",
    ),
    pytest.param(
        [{"role": "assistant", "content": "ok", "tool_calls": [call("f", a="é")]}],
        '<|im_start|>assistant\nok\n<tool_call>\n{"name": "f", "arguments": {"a": "é"}}\n</tool_call><|im_end|>\n',
        id="text-and-call",
    ),
    pytest.param(
        [{"role": "assistant", "content": "", "tool_calls": [call("f"), call("g", n=[1])]}],
        '<|im_start|>assistant\n<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>\n'
        '<tool_call>\n{"name": "g", "arguments": {"n": [1]}}\n</tool_call><|im_end|>\n',
        id="two-calls",
    ),
    pytest.param(
        [{"role": "tool", "content": "1"}, {"role": "tool", "content": "2"}, {"role": "user", "content": "so?"}],
        "<|im_start|>user\n<tool_response>\n1\n</tool_response>\n<tool_response>\n2\n</tool_response><|im_end|>\n"
        "<|im_start|>user\nso?<|im_end|>\n",
        id="results",
    ),
    pytest.param(
        [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}],
        "<|im_start|>user\na<|im_end|>\n<|im_start|>system\nb<|im_end|>\n",
        id="system-later",
    ),
]


@pytest.mark.parametrize(("messages", "expected"), TURNS)
def test_renders(messages: list[dict[str, Any]], expected: str) -> None:
    template = ChatTemplate(demo_template())
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert template.render(messages, add_generation_prompt=False, now=now) == expected
    assert template.render(messages, now=now) == f"{expected}<|im_start|>assistant\n"


def test_shows_tools_and_how_to_call_them() -> None:
    tool = {"type": "function", "function": {"name": "f", "description": "é", "parameters": {"type": "object"}}}
    user = {"role": "user", "content": "hi"}
    now = datetime(2026, 1, 1, tzinfo=UTC)
    shown = ChatTemplate(demo_template()).render([{"role": "system", "content": "be"}, user], tools=[tool, tool], now=now)
    system = shown.partition("<|im_end|>")[0]
    line = '{"type": "function", "function": {"name": "f", "description": "é", "parameters": {"type": "object"}}}'
    assert system.startswith("<|im_start|>system\nbe\n\n")
    assert f"<tools>\n{line}\n{line}\n</tools>" in system
    assert '<tool_call>\n{"name": "...", "arguments": {...}}\n</tool_call>' in system
