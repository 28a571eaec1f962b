"""The Prompt Explorer in a real browser: Chromium of the system, without a window, driven by playwright."""

import base64
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.serving import Serving

PATIENCE_MS = 120_000
"""For a busy machine: everything is waited for by what it shows, and this is when to give up."""
SCREENSHOTS = os.environ.get("PROMPTWEAVE_TEST_SCREENSHOTS")
"""The folder for screenshots, such as docs/explorer. If unset, none are taken."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Not for the whole session: while playwright runs, its loop runs in this thread, and no asynchronous test can."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not here: pip install -e '.[browser]'")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("Chromium is not here: apt-get install chromium")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield started
        started.close()


Opening = Callable[..., Any]


@pytest.fixture
def opening(browser: Any, served: Serving) -> Iterator[Opening]:
    """Opens the page in a fresh profile. What goes wrong in the page fails the test."""
    faults: list[str] = []
    contexts: list[Any] = []

    def open_page(fragment: str = "", *, root: str | None = None, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
        page.goto((root or served.url.removesuffix("/v1")) + "/" + fragment)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults


@pytest.fixture
def picture() -> Callable[[Any, str], None]:
    """Take a screenshot of a page, if they are wanted."""

    def take(page: Any, name: str) -> None:
        if not SCREENSHOTS:
            return
        page.evaluate("document.activeElement.blur()")
        asked = {"format": "webp", "quality": 80}
        shot = page.context.new_cdp_session(page).send("Page.captureScreenshot", asked)
        Path(SCREENSHOTS, f"{name}.webp").write_bytes(base64.b64decode(shot["data"]))

    return take
