"""What the examples are run against."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..serving import Serving, serving


@pytest.fixture(scope="session")
def default_served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """What a new user has: `promptweave serve` with the model that comes with it."""
    with serving("--session-dir", str(tmp_path_factory.mktemp("sessions"))) as everything:
        yield everything


@pytest.fixture(scope="session")
def examples() -> Path:
    return Path(__file__).parents[2] / "examples"
