"""JSON pointers, as RFC 6901 has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptweave.common.json_pointer import pointer_keys, pointer_token


@pytest.mark.parametrize(
    ("pointer", "keys"),
    [
        ("", []),
        ("/", [""]),
        ("/foo/0", ["foo", "0"]),
        ("/a~1b", ["a/b"]),
        ("/m~0n", ["m~n"]),
        ("/~01", ["~1"]),
        ("#/a", ["a"]),
    ],
)
def test_examples_of_the_rfc(pointer: str, keys: list[str]) -> None:
    assert pointer_keys(pointer) == keys


@given(st.lists(st.text("ab~/01", max_size=4)))
def test_what_is_escaped_is_read_back(keys: list[str]) -> None:
    assert pointer_keys("".join(map(pointer_token, keys))) == keys


def test_indexes_are_tokens() -> None:
    assert pointer_token(3) == "/3"
