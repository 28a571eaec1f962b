"""Runs validbutwrong on both sides: `python -m benchmarks.accuracy.valid_but_wrong --model FILE --out FOLDER --number 20`.

validbutwrong (PyPI) asks for the arguments of BFCL's simple calls in four ways, without and with a schema, and reports what
the schema costs or buys in answers that are right. Its own engines load the model with llama-cpp-python; here the same
prompts go to promptweave and to the engine's own endpoint, with the schema in `response_format`. It needs
`pip install validbutwrong==0.1.1` (without extras) in this environment.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.accuracy.modes import ENGINE, PROMPTWEAVE
from benchmarks.speed.sides import Side, ours, peer
from validbutwrong import cli, engines, run

TASK = "bfcl-simple"


class HttpEngine(engines.Engine):  # type: ignore[misc] # it has no types
    """An engine of validbutwrong that asks a chat endpoint."""

    side: Side

    def __init__(self, model_path: str, **_: Any) -> None:
        self.model_path = model_path

    def info(self) -> dict[str, Any]:
        """Return what its report says of the engine."""
        return {"engine": self.name, "model_file": Path(self.model_path).name}

    def generate(self, messages: list[dict[str, str]], schema: dict[str, Any] | None, max_tokens: int) -> Any:
        """Return an answer, which complies with the schema if there is one."""
        body: dict[str, Any] = {"model": "gpt-4o", "messages": messages, "temperature": 0, "max_tokens": max_tokens}
        if schema is not None:
            wanted = {"name": "arguments", "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
        start = time.perf_counter()
        response = self.side.http.post("/v1/chat/completions", json=body)
        seconds = time.perf_counter() - start
        if not response.is_success:
            raise engines.UnsupportedSchema(response.text[:200])
        found = response.json()
        text = found["choices"][0]["message"]["content"] or ""
        return engines.Generation(text, seconds, 0.0, found["usage"]["completion_tokens"])


def main() -> None:
    """Run both sides, and let validbutwrong score them."""
    reader = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy.valid_but_wrong",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    reader.add_argument("--model", type=Path, required=True, help="GGUF file")
    reader.add_argument("--out", type=Path, required=True, help="folder for answers and reports")
    reader.add_argument("--number", type=int, default=20, help="questions (default: %(default)s)")
    reader.add_argument("--context", type=int, default=4096, help="context of each side, in tokens (default: %(default)s)")
    given = reader.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for name in (PROMPTWEAVE, ENGINE):
        with ExitStack() as stack:
            start: Any = ours if name == PROMPTWEAVE else peer
            side = stack.enter_context(start(given.model, 1, given.context))
            engines.ENGINES[name] = type(name, (HttpEngine,), {"name": name, "side": side})
            answers = given.out / f"{name}.jsonl"
            run.generate(cli.make_task(TASK), str(given.model), str(answers), given.number, engine=name)
        _score(answers, given.out / name)


def _score(answers: Path, out: Path) -> None:
    """Score in another process, as a user would."""
    program = "import sys; from validbutwrong.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "run", "--task", TASK, "--replay", str(answers), "--out", str(out)]
    subprocess.run(command, check=True, env=dict(os.environ))  # noqa: S603 - this Python
    print(json.dumps({"report": str(out)}))


if __name__ == "__main__":
    main()
