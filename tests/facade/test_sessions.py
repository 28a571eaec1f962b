"""A conversation with a session, through the OpenAI API."""

import httpx
import pytest

from tests.support.facade.openai_errors import check
from tests.support.serving import Serving, running

USER = [{"role": "user", "content": "tell me something " * 20}]


def turn(url: str, key: str = "none", **fields: str) -> dict[str, int]:
    """How many tokens of the prompt were evaluated, and how many were there."""
    body = {"messages": USER, "max_tokens": 4, **fields}
    response = httpx.post(f"{url}/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}, timeout=60)
    assert response.status_code == 200, response.text
    usage = response.json()["usage"]
    return {"prompt": usage["prompt_tokens"], "cached": usage["prompt_tokens_details"]["cached_tokens"]}


def test_a_session_goes_on_and_is_forked(served: Serving) -> None:
    first = turn(served.url, session_id="talk")
    for fields in ({"session_id": "talk"}, {"session_id": "fork", "parent_session_id": "talk"}):
        assert turn(served.url, **fields)["cached"] >= first["prompt"] - 1
    body = {"messages": USER, "session_id": "new", "parent_session_id": "nothing"}
    check(httpx.post(f"{served.url}/chat/completions", json=body, timeout=60), 404, "parent_session_id", "session_not_found")


def test_each_key_has_sessions_of_its_own(served: Serving) -> None:
    where = ("--port", "0", "--compiler", served.compiler, "--inference", served.inference)
    with running("facade", *where, "--api-key", "a", "--api-key", "b", until="listening") as (_, said):
        url = "http://" + said.split()[-1] + "/v1"
        turn(url, "a", session_id="mine")
        with pytest.raises(AssertionError, match="session_not_found"):
            turn(url, "b", session_id="theirs", parent_session_id="mine")
        turn(url, "a", session_id="ours", parent_session_id="mine")
