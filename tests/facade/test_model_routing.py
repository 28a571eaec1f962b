"""Several models behind one facade: real engines with two vocabularies, and an unreachable route."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from promptweave.demo import shipped_model
from promptweave.demo.embedding_model import write_embedding_model
from tests.support.inference.processes import free_port
from tests.support.serving import COMMAND, running

LISTENING = "listening on (.*)"
PATIENCE_S = 120.0
PLAIN = "{% for message in messages %}({{ message.role }}) {{ message.content }}\n{% endfor %}(assistant) "
ASKED = [{"role": "user", "content": "Hello <there>"}]


def started(stack: ExitStack, *arguments: str | Path) -> str:
    """Where the service listens that was started."""
    _, said = stack.enter_context(running(*map(str, arguments), until=LISTENING))
    found = re.search(LISTENING, said)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def places(demo_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Addresses: of a compiler, and of two inference services; the model of one is random, the other one's is trained."""
    embedder = tmp_path_factory.mktemp("embedder") / "embedder.gguf"
    write_embedding_model(embedder)
    anywhere = ("--listen", "127.0.0.1:0")
    with ExitStack() as stack:
        yield {
            "compiler": started(stack, "compiler", *anywhere),
            "random": started(stack, "inference", *anywhere, "--model", demo_model, "--embedding-model", embedder),
            "trained": started(stack, "inference", *anywhere, "--model", shipped_model()),
        }


def written(file: Path, places: dict[str, str], more: str = "") -> None:
    """A routes file."""
    file.with_name("plain.jinja").write_text(PLAIN)
    file.write_text(
        f"""
        [models.random]
        inference = "{places["random"]}"
        aliases = ["gpt-4o-mini", "gpt-4o*"]

        [models."acme/trained"]
        inference = "{places["trained"]}"
        aliases = ["gpt-4o-large"]

        [models.plain]
        inference = "{places["trained"]}"
        template = "plain.jinja"

        [models.embedder]
        role = "embedding"
        inference = "{places["random"]}"

        {more}
        """
    )


@contextmanager
def fronted(places: dict[str, str], file: Path, *more: str) -> Iterator[httpx.Client]:
    """A facade with these routes."""
    arguments = ("facade", "--port", "0", "--compiler", places["compiler"], "--routes", file, *more)
    with ExitStack() as stack:
        address = started(stack, *arguments)
        yield stack.enter_context(httpx.Client(base_url=f"http://{address}", timeout=PATIENCE_S))


def until(done: Callable[[], Any]) -> Any:
    """What it comes to, once it is true."""
    end = time.monotonic() + PATIENCE_S
    while not (found := done()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return found


@pytest.fixture(scope="module")
def front(places: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    file = tmp_path_factory.mktemp("routes") / "routes.toml"
    written(file, places)
    with fronted(places, file) as client:
        until(lambda: client.get("/ready").json()["waiting_for"] == [])
        yield client


def told(answer: httpx.Response) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()["error"]
    return {"status": answer.status_code, **error}


def test_the_list_has_all_models_and_their_plain_names(front: httpx.Client) -> None:
    names = [model["id"] for model in front.get("/v1/models").json()["data"]]
    assert names == ["random", "gpt-4o-mini", "acme/trained", "gpt-4o-large", "plain", "embedder"]
    for name in (*names, "gpt-4o-2024-08-06", "text-embedding-3-small"):
        assert front.get(f"/v1/models/{name}").json()["id"] == name
    error = told(front.get("/v1/models/gpt-3.5-turbo"))
    assert (error["status"], error["code"]) == (404, "model_not_found")
    assert (
        "'random' (also gpt-4o-mini, gpt-4o*), 'acme/trained' (also gpt-4o-large), 'plain', 'embedder'" in error["message"]
    )


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("random", "random"),
        ("gpt-4o-mini", "random"),
        ("gpt-4o-2024-08-06", "random"),
        ("acme/trained", "acme/trained"),
        # The pattern of another one would fit, too: names come first.
        ("gpt-4o-large", "acme/trained"),
        ("plain", "plain"),
    ],
)
def test_the_name_picks_the_model(front: httpx.Client, asked: str, meant: str) -> None:
    with openai.OpenAI(base_url=str(front.base_url) + "/v1", api_key="none", max_retries=0) as client:
        answer = client.chat.completions.create(model=asked, messages=ASKED, max_tokens=3)  # type: ignore[arg-type]
        assert answer.model == meant
        assert client.completions.create(model=asked, prompt="a", max_tokens=2).model == meant
        assert client.responses.create(model=asked, input="a", max_output_tokens=3).model == meant
    message = {"model": asked, "messages": ASKED, "max_tokens": 3}
    assert front.post("/v1/messages", json=message).json()["model"] == meant


def test_each_model_has_its_own_vocabulary_and_template(front: httpx.Client) -> None:
    def tokens(model: str) -> list[int]:
        found: list[int] = front.post("/tokenize", json={"model": model, "content": "weather in Glasgow"}).json()["tokens"]
        return found

    assert tokens("random") != tokens("acme/trained") == tokens("plain")
    for model in ("random", "acme/trained"):
        text = front.post("/detokenize", json={"model": model, "tokens": tokens(model)}).json()["content"]
        assert text.strip() == "weather in Glasgow"

    def prompt(model: str) -> str:
        text: str = front.post("/apply-template", json={"model": model, "messages": ASKED}).json()["prompt"]
        return text

    assert prompt("plain") == "(user) Hello <there>\n(assistant) "
    assert prompt("acme/trained") != prompt("plain") != prompt("random")
    counts = {
        model: front.post("/v1/messages/count_tokens", json={"model": model, "messages": ASKED}).json()["input_tokens"]
        for model in ("random", "acme/trained", "plain")
    }
    assert len({*counts.values()}) > 1
    described = front.post("/describe-template", json={"model": "plain"}).json()
    assert described["template"] == PLAIN
    assert front.post("/describe-template", json={"model": "acme/trained"}).json()["template"] != PLAIN


def test_calls_are_valid_on_both(front: httpx.Client) -> None:
    schema = {"type": "object", "properties": {"city": {"enum": ["Oslo", "Rome"]}}, "required": ["city"]}
    tools = [{"type": "function", "function": {"name": "go", "parameters": schema}}]
    for model in ("random", "acme/trained", "plain"):
        body = {"model": model, "messages": ASKED, "tools": tools, "tool_choice": "required", "max_tokens": 800}
        (choice,) = front.post("/v1/chat/completions", json={**body, "parallel_tool_calls": False}).json()["choices"]
        (call,) = choice["message"]["tool_calls"]
        assert call["function"]["arguments"] in ('{"city": "Oslo"}', '{"city": "Rome"}')


WHERE = {
    "/v1/chat/completions": {"messages": ASKED},
    "/v1/completions": {"prompt": "a"},
    "/v1/responses": {"input": "a"},
    "/tokenize": {"content": "a"},
    "/detokenize": {"tokens": [1]},
    "/apply-template": {"messages": ASKED},
    "/describe-template": {},
}


@pytest.mark.parametrize("path", WHERE)
def test_a_name_is_needed_and_has_to_be_one(front: httpx.Client, path: str) -> None:
    error = told(front.post(path, json={**WHERE[path]}))
    assert (error["status"], error["param"]) == (400, "model")
    assert "'acme/trained'" in error["message"]
    # No OpenAI name means all models, as it would with one.
    error = told(front.post(path, json={**WHERE[path], "model": "gpt-3.5-turbo"}))
    assert (error["status"], error["code"], error["param"]) == (404, "model_not_found", "model")
    assert "available models: 'random'" in error["message"]
    assert "embedder" not in error["message"]


def test_other_roles_follow(front: httpx.Client) -> None:
    # The only one of its role: it has the names that clients have built in, and needs none.
    for body in ({"model": "embedder"}, {"model": "text-embedding-3-small"}, {}):
        assert front.post("/v1/embeddings", json={**body, "input": "a"}).json()["model"] == "embedder"
    error = told(front.post("/v1/embeddings", json={"model": "random", "input": "a"}))
    assert (error["status"], error["code"]) == (404, "model_not_found")
    assert error["message"].startswith("embedding model ")
    assert "does not exist; available models: 'embedder'" in error["message"]
    error = told(front.post("/v1/rerank", json={"query": "a", "documents": ["b"]}))
    assert (error["status"], error["message"]) == (501, "no rerank model is configured; add one to the routes file")
    error = told(front.post("/v1/chat/completions", json={"model": "embedder", "messages": ASKED}))
    assert error["status"] == 404


def test_a_conversation_stays_with_its_model(front: httpx.Client) -> None:
    first = front.post("/v1/responses", json={"model": "gpt-4o-large", "input": "a", "max_output_tokens": 3}).json()
    body = {"previous_response_id": first["id"], "input": "b", "max_output_tokens": 3}
    assert front.post("/v1/responses", json=body).json()["model"] == "acme/trained"
    assert front.post("/v1/responses", json={**body, "model": "random"}).json()["model"] == "random"


def test_what_needs_no_model(front: httpx.Client) -> None:
    body = {"messages": ASKED, "template": PLAIN}
    assert front.post("/apply-template", json=body).json()["prompt"] == "(user) Hello <there>\n(assistant) "
    assert front.post("/describe-template", json={"template": PLAIN}).json()["template"] == PLAIN


def test_requests_are_counted_by_their_model(front: httpx.Client) -> None:
    front.post("/tokenize", json={"model": "gpt-4o-large", "content": "a"})
    text = front.get("/metrics").text
    assert 'promptweave_model_requests_total{model="acme/trained",status="200"}' in text
    assert "gpt-4o-large" not in text


def test_a_route_that_leads_nowhere_holds_up_no_other(places: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "routes.toml"
    written(file, places, f'[models.gone]\ninference = "127.0.0.1:{free_port()}"')
    with fronted(places, file) as front:
        ready = until(lambda: (found := front.get("/ready")).json()["waiting_for"] == ["gone: inference"] and found)
        assert ready.status_code == 200
        assert "gone" not in [model["id"] for model in front.get("/v1/models").json()["data"]]
        assert told(front.get("/v1/models/gone"))["status"] == 503
        error = told(front.post("/v1/chat/completions", json={"model": "gone", "messages": ASKED}))
        assert (error["status"], error["type"]) == (503, "server_error")
        assert front.post("/v1/chat/completions", json={"model": "plain", "messages": ASKED, "max_tokens": 2}).is_success


def test_none_is_ready(places: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "routes.toml"
    file.write_text(
        f'[models.gone]\ninference = "127.0.0.1:{free_port()}"\n[models.away]\ninference = "unix:{tmp_path}/none"\n'
    )
    with fronted(places, file) as front:
        answer = front.get("/ready")
        assert answer.status_code == 503
        assert answer.json() == {"status": "waiting", "waiting_for": ["gone: inference", "away: inference"]}
        assert told(front.get("/v1/models"))["status"] == 503
        # A name that is none is told at once, whoever is away.
        assert told(front.post("/v1/chat/completions", json={"model": "x", "messages": ASKED}))["status"] == 404


def test_the_file_is_read_again_when_it_changes(places: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "routes.toml"
    written(file, places)
    with fronted(places, file) as front:
        until(lambda: front.get("/ready").json()["waiting_for"] == [])

        def names() -> list[str]:
            return [model["id"] for model in front.get("/v1/models").json()["data"]]

        long = {"type": "array", "items": {"type": "integer"}, "minItems": 200, "maxItems": 200}
        form = {"type": "json_schema", "json_schema": {"name": "long", "schema": long}}
        body = {"model": "random", "messages": ASKED, "stream": True, "response_format": form, "max_tokens": 1500}
        with front.stream("POST", "/v1/chat/completions", json=body) as answer:
            lines = answer.iter_lines()
            assert "chunk" in next(lines)
            # The model that is writing goes from the file; what it writes comes to its end.
            file.write_text(f'[models.one]\ninference = "{places["trained"]}"\n')
            until(lambda: names() == ["one"])
            assert list(filter(None, lines))[-1] == "data: [DONE]"
        assert told(front.post("/v1/chat/completions", json={"model": "random", "messages": ASKED}))["status"] == 404
        # One model: names that clients have built in mean it, and none is needed.
        for more in ({}, {"model": "gpt-3.5-turbo"}):
            answer = front.post("/v1/chat/completions", json={**more, "messages": ASKED, "max_tokens": 2})
            assert answer.json()["model"] == "one"
        file.write_text("[models.one")
        time.sleep(1.5)
        assert names() == ["one"]
        # The template is looked at on its own.
        (tmp_path / "own.jinja").write_text("old")
        file.write_text(f'[models.two]\ninference = "{places["trained"]}"\ntemplate = "own.jinja"\n')
        until(lambda: names() == ["two"])
        (tmp_path / "own.jinja").write_text(PLAIN)
        until(lambda: front.post("/describe-template", json={}).json()["template"] == PLAIN)


def test_a_file_of_no_use_keeps_the_facade_from_starting(tmp_path: Path) -> None:
    (tmp_path / "routes.toml").write_text("[models.a]\ninferense = 'x:1'\n")
    ended = subprocess.run(
        [*COMMAND, "facade", "--port", "0", "--routes", tmp_path / "routes.toml"], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "models.a.inferense" in ended.stderr
