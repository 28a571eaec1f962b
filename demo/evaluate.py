"""Asks for what was held out, through `promptweave serve`: `python demo/evaluate.py --data DIR --model FILE`.

Twice, at temperature 0: as chat completions, with our grammar; and as plain completions of the same prompt, without any.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

CALL = re.compile(r"<tool_call>\n(.*?)\n</tool_call>", re.DOTALL)
Outcome = dict[str, bool]
FORMATTED = ("JSON answer", "result as JSON")
"""Categories that ask for a form of the answer."""


def schema_of(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        members = {key: schema_of(each) for key, each in value.items()}
        return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}
    if isinstance(value, list):
        return {"type": "array", "items": {"type": "string"}}
    return {"type": "integer" if isinstance(value, int) else "number" if isinstance(value, float) else "string"}


def request_of(case: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"model": "gpt-demo", "temperature": 0, "max_tokens": 400, "messages": case["messages"][:-1]}
    if case.get("tools"):
        body["tools"] = case["tools"]
    if case["category"] in FORMATTED:
        schema = schema_of(json.loads(case["messages"][-1]["content"]))
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": schema},
        }
    return body


def calls_of(message: dict[str, Any]) -> list[tuple[str, Any]]:
    found = []
    for call in message.get("tool_calls") or []:
        try:
            found.append((call["function"]["name"], json.loads(call["function"]["arguments"])))
        except ValueError:
            found.append((call["function"]["name"], None))
    return found


def free_message(text: str) -> dict[str, Any]:
    """What a plain reader makes of text that no grammar held."""
    calls = []
    for inside in CALL.findall(text):
        try:
            call = json.loads(inside)
            calls.append({"function": {"name": str(call["name"]), "arguments": json.dumps(call["arguments"])}})
        except (ValueError, KeyError, TypeError):
            calls.append({"function": {"name": "", "arguments": ""}})
    return {"content": CALL.sub("", text).removesuffix("<|im_end|>").strip(), "tool_calls": calls}


def judged(case: dict[str, Any], message: dict[str, Any]) -> Outcome:
    wanted, found = calls_of(case["messages"][-1]), calls_of(message)
    content, expected = message.get("content") or "", case["messages"][-1].get("content") or ""
    if case["category"] in FORMATTED:
        try:
            return {"exact": json.loads(content) == json.loads(expected)}
        except ValueError:
            return {"exact": False}
    if not wanted:
        return {"exact": not found and content == expected, "no call": not found}
    return {
        "exact": wanted == found,
        "right tools": Counter(name for name, _ in wanted) == Counter(name for name, _ in found),
        "right number": len(wanted) == len(found),
    }


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--data", type=Path, required=True)
    reader.add_argument("--model", type=Path, required=True)
    reader.add_argument("--most", type=int, default=10_000, help="cases of each category")
    reader.add_argument("--out", type=Path, help="a file for the failures, one on each line")
    given = reader.parse_args()
    cases: list[dict[str, Any]] = []
    for line in (given.data / "evaluation.jsonl").read_text(encoding="utf-8").split("\n")[:-1]:
        case = json.loads(line)
        if sum(each["category"] == case["category"] for each in cases) < given.most:
            cases.append(case)
    ports = ["--port", "0", "--compiler-listen", "127.0.0.1:0", "--inference-listen", "127.0.0.1:0"]
    command = [
        sys.executable,
        "-m",
        "promptweave.cli.main",
        "serve",
        "--model",
        str(given.model),
        "--parallel",
        "2",
        "--ctx-size",
        "4096",
        *ports,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            url = next(match[1] for line in process.stdout if (match := re.search(r"OpenAI API +(\S+)", line)))
            with httpx.Client(timeout=120) as client, ThreadPoolExecutor(2) as pool:
                ask(client, pool, url, cases, given.out)
        finally:
            process.terminate()


def ask(client: httpx.Client, pool: ThreadPoolExecutor, url: str, cases: list[dict[str, Any]], out: Path | None) -> None:
    root = url.removesuffix("/v1")

    def with_grammar(case: dict[str, Any]) -> dict[str, Any]:
        answer = client.post(f"{url}/chat/completions", json=request_of(case)).json()
        return answer["choices"][0]["message"] if "choices" in answer else {"content": json.dumps(answer)}

    def without(case: dict[str, Any]) -> dict[str, Any]:
        body = request_of(case)
        body.pop("response_format", None)
        prompt = client.post(f"{root}/apply-template", json=body).json()["prompt"]
        asked = {"model": "gpt-demo", "prompt": prompt, "temperature": 0, "max_tokens": 400, "stop": ["<|im_end|>"]}
        return free_message(client.post(f"{url}/completions", json=asked).json()["choices"][0]["text"])

    for name, way in (("with the grammar", with_grammar), ("without", without)):
        start = time.monotonic()
        sums: dict[str, Counter[str]] = defaultdict(Counter)
        for case, message in zip(cases, pool.map(way, cases), strict=True):
            outcome = judged(case, message)
            sums[case["category"]].update({"cases": 1, **{key: int(value) for key, value in outcome.items()}})
            if out and not outcome["exact"]:
                with open(out, "a", encoding="utf-8") as file:
                    file.write(
                        json.dumps(
                            {
                                "way": name,
                                "category": case["category"],
                                "asked": case["messages"][-2]["content"],
                                "wanted": case["messages"][-1],
                                "found": message,
                            },
                            ensure_ascii=False,
                        )
                        + "\n"
                    )
        print(f"\n{name} ({time.monotonic() - start:.0f} s)")
        for category, counts in sums.items():
            said = ", ".join(f"{key} {value / counts['cases']:.1%}" for key, value in counts.items() if key != "cases")
            print(f"  {category:14} {counts['cases']:4}  {said}", flush=True)


if __name__ == "__main__":
    main()
