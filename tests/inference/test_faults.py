"""Every fault of docs/faults.md, injected for real."""

from pathlib import Path

import pytest

from tests.inference.fault_table import PAGE, cells
from tests.inference.faults import FAULTS
from tests.support.inference.fault_injection import Fault, Place

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.run.__name__)
async def test_what_is_seen(demo_model: Path, fake: str, tmp_path_factory: pytest.TempPathFactory, fault: Fault) -> None:
    # Its name is short: a socket's path has hardly 100 characters.
    seen = await fault.run(Place(demo_model, fake, tmp_path_factory.mktemp("f")))
    fault.check(seen)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.run.__name__)
def test_the_page_says_so(fault: Fault) -> None:
    before, after = cells(fault)
    assert any(line.startswith(before) and line.endswith(after) for line in PAGE.read_text().splitlines())
