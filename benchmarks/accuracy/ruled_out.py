"""What the grammar changed: tokens whose place the model would have given to another one.

promptweave reports the probabilities before the grammar (`"explain": true`), at temperature 0: if the first choice is not
the token that was taken, the grammar ruled it out. Text that the prompt already ends with is not counted.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from benchmarks.accuracy.tools import Json

Row = dict[str, Any]
_BEFORE = 24


def ruled_out(tokens: list[Json]) -> Row:
    """Return the fields for a row: how many tokens there were, and those that replaced the model's first choice."""
    changed, text = [], ""
    for place, token in enumerate(tokens):
        first = token["top_logprobs"][0]
        if first["id"] != token["id"]:
            region = token["region"] or "syntax"
            changed.append(
                {
                    "place": f"{region}, first token" if place == 0 else region,
                    "before": text[-_BEFORE:],
                    "wanted": first["token"],
                    "got": _text(token),
                    "logprob": round(token["logprob"], 2),
                }
            )
        text += _text(token)
    return {"read_tokens": len(tokens), "ruled_out": changed}


def share(rows: Iterable[Row]) -> tuple[int, int]:
    """Return how many tokens were ruled out, and how many were read."""
    read = [row for row in rows if "ruled_out" in row]
    return sum(len(row["ruled_out"]) for row in read), sum(row["read_tokens"] for row in read)


def most_frequent(rows: Iterable[Row], number: int) -> Iterator[tuple[int, str, str, str, str]]:
    """Yield the most frequent places: how often, where, the wanted token, the token that was taken, an example's text."""
    found, example = Counter[tuple[str, str, str]](), dict[tuple[str, str, str], str]()
    for row in rows:
        for change in row.get("ruled_out", []):
            key = (change["place"], change["wanted"], change["got"])
            found[key] += 1
            example.setdefault(key, change["before"])
    for key, times in found.most_common(number):
        yield times, *key, example[key]


def _text(token: Json) -> str:
    """Return the token's text. It is that of the candidate, where promptweave withheld a part of the token."""
    same = [one["token"] for one in token["top_logprobs"] if one["id"] == token["id"]]
    return str(same[0] if same else token["token"])
