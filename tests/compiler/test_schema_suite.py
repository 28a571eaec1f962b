"""The official JSON-Schema-Test-Suite as a ratchet: worse than `schema_suite.json` is a failure, better asks to update it.

Our verdict on each schema: exact (every valid instance is accepted, every invalid one rejected), tight (valid ones are
missing) or refused. An invalid instance that is accepted is never expected.
`python -m tests.compiler.test_schema_suite` rewrites the file and prints the counts.
"""

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from promptweave.compiler import SchemaError
from promptweave.compiler.json_schema.compile import embed_schema
from promptweave.output.grammar.expr import Rules
from promptweave.output.grammar.gbnf import to_gbnf
from promptweave.output.grammar.safety import check_safe
from tests.support.output.engine_grammar import engine_or_reader

SUITE = Path(__file__).parents[3] / "shared" / "corpus" / "json-schema-test-suite" / "tests"
EXPECTED = Path(__file__).with_name("schema_suite.json")
DRAFTS = {
    "draft2020-12": ("https://json-schema.org/draft/2020-12/schema", jsonschema.Draft202012Validator),
    "draft7": ("http://json-schema.org/draft-07/schema#", jsonschema.Draft7Validator),
}
OPTIONAL = ("format/date", "format/ipv4", "format/ipv6", "format/uuid", "format/duration", "format/json-pointer")
OPTIONAL += ("format/time", "format/date-time", "format/email", "format/hostname", "format/uri", "format/uri-reference")
OPTIONAL += ("format/relative-json-pointer", "ecmascript-regex", "bignum", "non-bmp-regex", "id", "anchor", "float-overflow")
RANK = {"refused": 0, "tight": 1, "exact": 2}
MOST_SPELLINGS = 120

pytestmark = pytest.mark.skipif(not SUITE.exists(), reason="shared/corpus/json-schema-test-suite is not here")


def cases(draft: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of a draft with its instances, by file and place."""
    names = [*sorted(path.stem for path in (SUITE / draft).glob("*.json")), *(f"optional/{name}" for name in OPTIONAL)]
    for name in names:
        path = SUITE / draft / f"{name}.json"
        for place, case in enumerate(json.loads(path.read_text()) if path.exists() else []):
            if isinstance(case["schema"], dict) and "$schema" not in case["schema"]:
                case["schema"] = {"$schema": DRAFTS[draft][0], **case["schema"]}
            yield f"{name}/{place}", case


def spellings(value: Any) -> list[str]:
    """The instance in our separators, its keys in every order (up to a number)."""
    match value:
        case list():
            parts = itertools.islice(itertools.product(*map(spellings, value)), MOST_SPELLINGS)
            return [f"[{', '.join(part)}]" for part in parts]
        case dict():
            pairs = [
                [f"{json.dumps(key, ensure_ascii=False)}: {text}" for text in spellings(inner)]
                for key, inner in value.items()
            ]
            orders = (order for chosen in itertools.product(*pairs) for order in itertools.permutations(chosen))
            return [f"{{{', '.join(order)}}}" for order in itertools.islice(orders, MOST_SPELLINGS)]
        case float() if value == int(value):
            return [json.dumps(value), str(int(value))]
    return [json.dumps(value, ensure_ascii=False)]


def tricks(valid: list[Any], invalid: list[Any]) -> Iterator[str]:
    """Texts that try to get an invalid object past the grammar: respelled keys, keys that come twice."""
    for bad in invalid:
        if not isinstance(bad, dict) or not bad:
            continue
        pairs = [f"{json.dumps(key)}: {json.dumps(inner)}" for key, inner in bad.items()]
        for key, inner in bad.items():
            if key:
                respelled = f'"\\u{ord(key[0]):04x}{json.dumps(key[1:])[1:-1]}": {json.dumps(inner)}'
                yield (
                    "{"
                    + ", ".join([respelled, *(pair for pair in pairs if not pair.startswith(json.dumps(key) + ":"))])
                    + "}"
                )
        for good in valid:
            if isinstance(good, dict) and good:
                others = [f"{json.dumps(key)}: {json.dumps(inner)}" for key, inner in good.items()]
                yield "{" + ", ".join([*others, *pairs]) + "}"


def is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def verdict(engine: Any, case: dict[str, Any], validator: Any) -> str:
    """exact, tight or refused; or what was wrong."""
    tests, rules = case["tests"], Rules()
    try:
        root, _ = embed_schema(case["schema"], rules)
    except SchemaError as refusal:
        if refusal.kind != "unsatisfiable":
            return "refused"
        return "WRONG: not unsatisfiable" if any(test["valid"] for test in tests) else "exact"
    grammar = rules.grammar(root)
    check_safe(grammar)
    texts = [(number, text) for number, test in enumerate(tests) for text in spellings(test["data"]) if is_text(text)]
    hostile = list(
        tricks([test["data"] for test in tests if test["valid"]], [test["data"] for test in tests if not test["valid"]])
    )
    answers = engine(grammar, [*(text for _, text in texts), *hostile])
    accepted = {number for (number, _), answer in zip(texts, answers, strict=False) if answer}
    wrong = [tests[number]["description"] for number in accepted if not tests[number]["valid"]]
    wrong += [
        text
        for text, answer in zip(hostile, answers[len(texts) :], strict=True)
        if answer and not validator(case["schema"]).is_valid(json.loads(text))
    ]
    if wrong:
        return f"WRONG: {wrong}"
    assert len(to_gbnf(grammar)) <= 2_000_000
    return "exact" if all(number in accepted for number, test in enumerate(tests) if test["valid"]) else "tight"


def verdicts(engine: Any, draft: str) -> dict[str, str]:
    return {name: verdict(engine, case, DRAFTS[draft][1]) for name, case in cases(draft)}


@pytest.mark.parametrize("draft", DRAFTS)
def test_suite(draft: str) -> None:
    expected = json.loads(EXPECTED.read_text())[draft]
    with engine_or_reader() as engine:
        found = verdicts(engine, draft)
    wrong = {name: how for name, how in found.items() if how not in RANK}
    assert not wrong
    worse = {
        name: (expected.get(name), how) for name, how in found.items() if RANK[how] < RANK[expected.get(name, "refused")]
    }
    assert not worse
    better = {name: how for name, how in found.items() if how != expected.get(name)}
    assert not better, "better than expected: run `python -m tests.compiler.test_schema_suite`"


def main() -> None:
    """Writes what is expected from now on."""
    with engine_or_reader() as engine:
        found = {draft: verdicts(engine, draft) for draft in DRAFTS}
    wrong = {name: how for each in found.values() for name, how in each.items() if how not in RANK}
    assert not wrong, wrong
    EXPECTED.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n")
    for draft, each in found.items():
        print(draft, dict(Counter(how for name, how in each.items() if not name.startswith("optional/"))))
        by_file: dict[str, Counter[str]] = {}
        for name, how in each.items():
            by_file.setdefault(name.rpartition("/")[0], Counter())[how] += 1
        for name, counts in by_file.items():
            print(f"| {name} | {counts['exact']} | {counts['tight']} | {counts['refused']} |")


if __name__ == "__main__":
    main()
