"""Writes docs/faults.md: injects every fault, and measures. Run it after a change of what is seen, on a quiet machine:

python -m tests.inference.fault_table
"""

import asyncio
import logging
import tempfile
from pathlib import Path

from promptweave.demo.model import write_demo_model

from ..fake_llama_server import install
from .fault_kit import Fault, Place
from .faults import FAULTS

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"

HEAD = """# What happens when something breaks

Written by `python -m tests.inference.fault_table`, which injects each fault for real and measures;
`tests/inference/test_faults.py` does the same at every run of the tests, and asserts what is seen. *Back after*: from the
fault to the next whole answer, with the demo model, which loads in a fraction of a second, on two cores that had other work;
a real model adds the time that it takes to load. Errors of calls are gRPC's code and the reason in its details; the facade's
clients see the same as HTTP status, or as the last event of a stream. UNAVAILABLE from a living service says when to try
again.

| fault | how it is injected | what is seen | back after | what is lost |
|---|---|---|---|---|
"""


async def table() -> str:
    """The page."""
    return HEAD + "\n".join([await _row(fault) for fault in FAULTS]) + "\n"


def cells(fault: Fault) -> tuple[str, str]:
    """What its row says before and after the time."""
    return f"| {fault.name} | {fault.injected} | {fault.seen} | ", f" | {fault.lost} |"


async def _row(fault: Fault) -> str:
    with tempfile.TemporaryDirectory() as kit, tempfile.TemporaryDirectory() as folder:
        model = Path(kit) / "demo.gguf"
        write_demo_model(model)
        seen = await fault.run(Place(model, install(Path(kit)), Path(folder)))
    fault.check(seen)
    before, after = cells(fault)
    return f"{before}{'' if seen.back_s is None else f'{seen.back_s:.1f} s'}{after}"


if __name__ == "__main__":
    logging.disable()
    PAGE.write_text(asyncio.run(table()))
