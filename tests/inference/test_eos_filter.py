"""The end of a turn: its token's text is no output, and everything else is."""

import pytest

from promptweave.inference.client.counts import Counts
from promptweave.inference.client.llama_client import Chunk
from promptweave.inference.generation.eos_filter import EosFilter


def chunk(text: str, written: int, stop_type: str | None = None) -> Chunk:
    return Chunk(text, Counts(1, 0, written, 0, 0), stop_type)


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param([("a", 1), ("b", 2), ("</s>", 3), ("", 3, "eos")], ["a", "b", "", ""], id="shown"),
        pytest.param([("a", 1), ("", 2), ("", 2, "eos")], ["a", "", ""], id="hidden"),
        pytest.param([("a", 1), ("<|eot|>", 2), ("", 2, "eos")], ["a", "", ""], id="another-end-token"),
        pytest.param([("a", 1), ("[END]", 2), ("", 2, "eos")], ["a", "", ""], id="in-brackets"),
        pytest.param([("a", 1), ("<tool>", 2), ("b", 3), ("", 3, "limit")], ["a", "", "<tool>b", ""], id="a-tag"),
        pytest.param([("a", 1), ("</tool>", 2), ("</s>", 3), ("", 3, "eos")], ["a", "", "</tool>", ""], id="a-tag-last"),
        pytest.param([("a", 1), ("</tool>", 2), ("", 3), ("", 3, "eos")], ["a", "", "</tool>", ""], id="a-tag-then-hidden"),
        pytest.param([("a", 1), ("</tool>", 2), ("", 2, "limit")], ["a", "", "</tool>"], id="cut-after-a-tag"),
        pytest.param([("a", 1), ("</tool>", 2), ("", 2, "none")], ["a", "", "</tool>"], id="cut-for-no-reason"),
        pytest.param([("a<b>", 1), ("c", 2), ("", 3), ("", 3, "eos")], ["", "a<b>c", "", ""], id="text-with-a-tag-before"),
        # The end is not written where it follows half a character: the chunk before was another token's.
        pytest.param([("</tool>", 1), ("", 3, "eos")], ["", "</tool>"], id="half-a-character-before-the-end"),
        pytest.param([("\ufffd</s>", 2), ("", 2, "eos")], ["", "\ufffd"], id="half-a-character-with-the-end"),
        pytest.param([("\ufffd<|eot|>", 2), ("", 2, "eos")], ["", "\ufffd"], id="half-a-character-with-another-end"),
        pytest.param([("", 0, "eos")], [""], id="nothing"),
        pytest.param([("a", 1), ("b", 2, "eos")], ["a", "b"], id="text-in-the-last-chunk"),
    ],
)
def test_takes_only_the_end_away(chunks: list[tuple[str, int] | tuple[str, int, str]], expected: list[str]) -> None:
    end = EosFilter("</s>")
    assert [end.feed(chunk(*each)) for each in chunks] == expected
