"""How long parsing takes, in random pieces: the time should grow linearly with the length. Prints; asserts nothing.

python benchmarks/parser.py
"""

import json
import random
import time

from promptweave.output.parse.parser import OutputParser
from promptweave.output.tree import (
    EMPTY,
    Branch,
    JsonNode,
    LiteralNode,
    Node,
    Region,
    RegionNode,
    RepeatNode,
    SequenceNode,
    Syntax,
    TextNode,
    Transform,
)

KB = 1000
LENGTHS = (250 * KB, 500 * KB, 1000 * KB)
SEED = 1

_CALL = RegionNode(
    Region.TOOL_CALL,
    SequenceNode(
        (
            RegionNode(Region.TOOL_NAME, LiteralNode("f")),
            LiteralNode(" "),
            RegionNode(Region.TOOL_ARGUMENTS, JsonNode("{")),
            LiteralNode("</call>"),
        )
    ),
)
CASES: dict[str, tuple[Node, str, str, str]] = {
    "text that is full of beginnings of a marker": (
        TextNode(Region.CONTENT, (Branch(("<call>",), EMPTY),)),
        "",
        "a <ca < <call b",
        "",
    ),
    "one call with long arguments": (
        SequenceNode((LiteralNode("<call>"), _CALL)),
        '<call>f {"a": [0',
        ', {"k\\u00e9": "some \\"text\\"", "n": -1.5e3}',
        "]}</call>",
    ),
    "many calls": (
        RepeatNode(SequenceNode((LiteralNode("<call>"), _CALL)), "\n"),
        "",
        '<call>f {"a": 1}</call>\n',
        '<call>f {"a": 1}</call>',
    ),
    "a string that is decoded": (
        RegionNode(Region.CONTENT, JsonNode('"'), Transform.JSON_STRING_DECODE),
        '"',
        "line\\n\\ud83d\\ude00 \\\\ ",
        '"',
    ),
    "raw text that becomes JSON": (
        RegionNode(
            Region.TOOL_CALL,
            SequenceNode(
                (
                    RegionNode(Region.TOOL_NAME, LiteralNode("f")),
                    RegionNode(
                        Region.TOOL_ARGUMENTS,
                        TextNode(None, (Branch(("</x>",), EMPTY),), may_end=False),
                        Transform.JSON_STRING_ENCODE,
                    ),
                )
            ),
        ),
        "f",
        'if a < b: print("</")\n',
        "</x>",
    ),
}


def read(root: Node, text: str, mean: int) -> float:
    """Return the milliseconds to parse `text` in pieces of about `mean` characters."""
    rng = random.Random(SEED)  # noqa: S311 - no secret
    pieces, place = [], 0
    while place < len(text):
        length = rng.randint(1, 2 * mean - 1)
        pieces.append(text[place : place + length])
        place += length
    start = time.perf_counter()
    parser = OutputParser(Syntax(root))
    parser.start()
    for piece in pieces:
        parser.feed(piece)
    parser.finish()
    took = (time.perf_counter() - start) * 1e3
    assert parser.complete, json.dumps(text[:80])
    return took


def main() -> None:
    """Print all results."""
    print(f"{'ms to read':46}" + "".join(f"{length // KB:>8} KB" for length in LENGTHS))
    for name, (root, head, body, tail) in CASES.items():
        for mean in (5, 500):
            row = []
            for length in LENGTHS:
                text = head + body * (length // len(body)) + tail
                row.append(min(read(root, text, mean) for _ in range(2)))
            print(f"{name + f', pieces of {mean}':<54}"[:58] + "".join(f"{value:11.0f}" for value in row))


if __name__ == "__main__":
    main()
