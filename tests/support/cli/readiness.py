"""Waits for services that run as separate processes."""

import time

import httpx

TIMEOUT_S = 60


def until_ready(url: str) -> None:
    """Wait until `/ready` of the server at `url` succeeds."""
    end = time.monotonic() + TIMEOUT_S
    while not httpx.get(f"{url}/ready").is_success:
        assert time.monotonic() < end, httpx.get(f"{url}/ready").text
        time.sleep(0.05)
