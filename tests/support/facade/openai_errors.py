"""Checks of OpenAI's error body."""

import httpx


def check(response: httpx.Response, status: int, param: str | None, code: str | None) -> str:
    """Assert that a response is an error of this status and code; returns its message."""
    assert response.status_code == status, response.text
    assert response.headers["x-request-id"].startswith("req_")
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["param"], error["code"]) == (param, code)
    assert error["type"] == ("invalid_request_error" if status < 429 else "server_error")
    assert "Traceback" not in error["message"]
    message: str = error["message"]
    return message
