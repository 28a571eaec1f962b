"""examples/agent, as its README says it, against the default model; and its parts where something goes wrong."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import openai
import psutil
import pytest

from tests.support.serving import Serving

AGENT = Path(__file__).parents[2] / "examples" / "agent"
ASKED = "What's the weather in Oslo?"
WEATHER = str(AGENT / "weather.py")
CALL = """→ get_current_weather {"location": "Oslo", "format": "celsius"}"""


@pytest.fixture(scope="module", autouse=True)
def parts() -> Iterator[None]:
    """The agent's files import each other by name, as they do where the folder is run."""
    sys.path.insert(0, str(AGENT))
    yield
    sys.path.remove(str(AGENT))


def agent(served: Serving, *arguments: str, status: int = 0) -> tuple[str, str]:
    """The answer, and the transcript."""
    environment = {**os.environ, "OPENAI_BASE_URL": served.url, "OPENAI_API_KEY": "none"}
    done = subprocess.run(
        [sys.executable, str(AGENT), *arguments], capture_output=True, text=True, timeout=280, check=False, env=environment
    )
    assert done.returncode == status, done.stderr
    return done.stdout, done.stderr


def test_a_module_of_tools_and_an_answer_of_a_type(default_served: Serving) -> None:
    report = str(AGENT / "report.py") + ":Report"
    answer, transcript = agent(default_served, ASKED, "--tools", WEATHER, "--answer", report, "--greedy")
    written = json.loads(answer)
    assert sorted(written) == ["city", "sky", "temperature"]
    assert -90 <= written["temperature"] <= 140
    assert written["sky"] in ("sunny", "cloudy", "foggy", "rain", "snow")
    assert transcript.splitlines()[:2] == [CALL, """← get_current_weather {"temperature":-2,"sky":"snow"}"""]
    assert not [each for each in psutil.process_iter(["cmdline"]) if str(AGENT) in " ".join(each.info["cmdline"] or [])]


def test_an_error_of_a_tool_is_a_result_and_the_model_goes_on(default_served: Serving, tmp_path: Path) -> None:
    # An answer of a few tokens: of free text the demo model does not always find the end.
    known = tmp_path / "known.json"
    known.write_text(
        '{"type": "object", "properties": {"known": {"type": "boolean"}}, "required": ["known"]}', encoding="utf-8"
    )
    asked = ("What's the weather in Bergen?", "--tools", WEATHER, "--only", "get_current_weather", "--greedy")
    answer, transcript = agent(default_served, *asked, "--answer", str(known), "--max-iterations", "1")
    assert json.loads(answer)["known"] in (True, False)
    assert '← get_current_weather {"error": "LookupError: no weather is known for Bergen' in transcript
    # No more calls are admitted: the model answers from what it knows.
    answer, transcript = agent(default_served, *asked, "--answer", str(known), "--max-iterations", "0")
    assert json.loads(answer)["known"] in (True, False)
    assert "→" not in transcript


def test_what_is_wrong_is_said_in_a_line(default_served: Serving, tmp_path: Path) -> None:
    _, said = agent(default_served, ASKED, "--answer", "report.txt", status=1)
    assert said.strip() == "Error: report.txt is neither schema.json nor module.py:Type"
    bare = tmp_path / "bare.py"
    bare.write_text("def shout(text): ...\n", encoding="utf-8")
    _, said = agent(default_served, ASKED, "--tools", str(bare), status=1)
    assert "shout: text has no annotation" in said
    strict = tmp_path / "strict.json"
    strict.write_text('{"type": "array", "items": {}, "uniqueItems": true}', encoding="utf-8")
    _, said = agent(default_served, ASKED, "--answer", str(strict), status=1)
    assert "uniqueItems" in said
    assert "Traceback" not in said


OF_PET = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.3",
    "servers": [{"url": "/v2"}],
    "paths": {
        "/pets/{id}": {
            "parameters": [{"$ref": "#/components/parameters/Id"}],
            "get": {
                "operationId": "find pet",
                "summary": "Finds a pet.",
                "parameters": [
                    {"name": "tag", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                    {"name": "deep", "in": "query", "schema": {"type": "boolean"}, "description": "With its owner"},
                    {"name": "X-Trace", "in": "header", "schema": {"type": "integer"}},
                    {"name": "session", "in": "cookie", "schema": {"type": "string"}},
                ],
            },
            "put": {"requestBody": {"required": True, **OF_PET}},
        },
        "/pets": {"post": {"operationId": "add", "requestBody": OF_PET}},
    },
    "components": {
        "parameters": {"Id": {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}},
        "schemas": {
            "Pet": {
                "title": "Pet",
                "type": "object",
                "required": ["title"],
                "properties": {
                    "title": {"type": "string", "title": "Title"},
                    "parent": {"$ref": "#/components/schemas/Pet"},
                    "chip": {"type": "integer", "nullable": True},
                },
            },
            "Unused": {"type": "string"},
        },
    },
}


async def pets(handler: Callable[[httpx.Request], Any], **options: Any) -> Any:
    """The tools of a server that answers so."""
    from openapi_tools import Tools  # type: ignore[import-not-found]

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/openapi.json":
            return httpx.Response(200, json=DOCUMENT)
        return handler(request)

    found = Tools(transport=httpx.MockTransport(answer), **options)
    await found.add("http://pets.example", headers={"Authorization": "Bearer x"})
    return found


@pytest.mark.anyio
async def test_operations_become_tools() -> None:
    found = {each["function"]["name"]: each["function"] for each in (await pets(httpx.Response)).definitions}
    assert list(found) == ["find_pet", "put_pets_id", "add"]
    assert found["find_pet"]["description"] == "Finds a pet."
    parameters = found["find_pet"]["parameters"]
    assert list(parameters["properties"]) == ["id", "tag", "deep", "X-Trace"]
    assert parameters["properties"]["deep"] == {"type": "boolean", "description": "With its owner"}
    assert parameters["required"] == ["id"]
    assert found["put_pets_id"]["parameters"]["properties"]["body"] == {"$ref": "#/$defs/Pet"}
    pet = found["add"]["parameters"]
    assert list(pet["$defs"]) == ["Pet"]
    assert pet["properties"] == {
        "title": {"type": "string"},
        "parent": {"$ref": "#/$defs/Pet"},
        "chip": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    }


@pytest.mark.anyio
async def test_these_tools_compile_strictly(served: Serving) -> None:
    for definition in (await pets(httpx.Response)).definitions:
        body = {"messages": [{"role": "user", "content": "Go"}], "tools": [definition], "tool_choice": "required"}
        async with httpx.AsyncClient(timeout=120) as client:
            answer = await client.post(served.url.removesuffix("/v1") + "/apply-template", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["warnings"] == []


@pytest.mark.anyio
async def test_calls_become_requests() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"ok": 1})

    found = await pets(answer)
    given = {"id": "a/ü?", "tag": ["x", "y&z"], "deep": True, "X-Trace": 7}
    assert json.loads(await found.call("find_pet", json.dumps(given))) == {"ok": 1}
    await found.call("put_pets_id", '{"id": "1", "body": {"title": "Rex"}}')
    await found.call("add", '{"title": "Rex"}')
    assert str(seen[0].url) == "http://pets.example/v2/pets/a%2F%C3%BC%3F?tag=x&tag=y%26z&deep=true"
    assert (seen[0].headers["x-trace"], seen[0].headers["authorization"]) == ("7", "Bearer x")
    assert [(each.method, each.url.path, json.loads(each.content)) for each in seen[1:]] == [
        ("PUT", "/v2/pets/1", {"title": "Rex"}),
        ("POST", "/v2/pets", {"title": "Rex"}),
    ]


def refuses(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def hangs(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("handler", "name", "arguments", "error"),
    [
        pytest.param(refuses, "add", "{}", "add cannot be reached: refused", id="no server"),
        pytest.param(hangs, "add", "{}", "add gave no answer within 9 s", id="a timeout"),
        pytest.param(
            refuses,
            "sing",
            "{}",
            "the tool sing does not exist; available: find_pet, put_pets_id, add",
            id="an unknown tool",
        ),
        pytest.param(refuses, "add", '{"ti', "the arguments cannot be read: Unterminated string", id="cut arguments"),
        pytest.param(refuses, "add", "[]", "the arguments cannot be read: they are not an object", id="no object"),
        pytest.param(lambda _: httpx.Response(404), "add", "{}", "status 404 Not Found", id="a status"),
        pytest.param(lambda _: httpx.Response(500, json={"detail": "Oh: no"}), "add", "{}", "Oh: no", id="a detail"),
    ],
)
async def test_what_goes_wrong_is_a_result(handler: Callable[..., Any], name: str, arguments: str, error: str) -> None:
    result = json.loads(await (await pets(handler, timeout_s=9)).call(name, arguments))
    assert result["error"].startswith(error)


@pytest.mark.anyio
async def test_long_results_are_cut_and_say_so() -> None:
    result = await (await pets(lambda _: httpx.Response(200, text="x" * 20_007))).call("add", "{}")
    assert result.endswith("x\n[cut: 7 more characters]")


@contextmanager
def tool_server(module: Path, token: str) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, str(AGENT / "tool_server.py"), str(module)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TOOL_SERVER_TOKEN": token},
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout:
            process.stdout.close()


def test_the_tool_server(tmp_path: Path) -> None:
    module = tmp_path / "mine.py"
    module.write_text(
        "import os\nfrom pathlib import Path\n"
        "async def add(a: int, b: int = 2) -> int:\n    'Adds.'\n    return a + b\n"
        "def token() -> str | None:\n    return os.environ.get('TOOL_SERVER_TOKEN')\n"
        "def _helper() -> None: ...\n",
        encoding="utf-8",
    )
    with tool_server(module, "secret") as url, httpx.Client(base_url=url, timeout=60) as client:
        assert client.post("/add", json={"a": 1}).status_code == 401
        client.headers["Authorization"] = "Bearer secret"
        described = client.get("/openapi.json").json()
        assert list(described["paths"]) == ["/add", "/token"]
        assert described["paths"]["/add"]["post"]["description"] == "Adds."
        assert client.post("/add", json={"a": 1}).json() == 3
        assert client.post("/add", json={"a": 1, "c": 1}).status_code == 422
        assert client.post("/token", json={}).json() is None


class Watching:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []

    def wrote(self, text: str) -> None:
        self.told.append(("wrote", text))

    def called(self, name: str, arguments: str) -> None:
        self.told.append(("called", name))

    def got(self, name: str, result: str) -> None:
        self.told.append(("got", name))

    def warned(self, text: str) -> None:
        self.told.append(("warned", text))


class Obstinate:
    """A model that calls as long as it may, and then answers with what it was told last. What it was asked is kept."""

    def __init__(self, finish: str = "stop", **message: Any) -> None:
        self.asked: list[dict[str, Any]] = []
        self.finish, self.message = finish, message

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        self.asked.append(asked)
        calls = [
            {"index": i, "id": f"c{i}", "type": "function", "function": {"name": f"t{i}", "arguments": "{}"}} for i in (0, 1)
        ]
        may = asked.get("tool_choice") == "auto"
        delta = {"role": "assistant", **({"tool_calls": calls} if may else self.message)}
        chunk = {
            "id": "1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "warnings": [{"path": "/tools/0", "message": "is not enforced"}],
            "choices": [{"index": 0, "delta": delta, "finish_reason": "tool_calls" if may else self.finish}],
        }
        body = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n"
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=body)


class Slow:
    """Two tools, of which the first takes longer."""

    definitions = ({"type": "function", "function": {"name": "t0"}}, {"type": "function", "function": {"name": "t1"}})

    async def call(self, name: str, arguments: str) -> str:
        await anyio.sleep(0.2 if name == "t0" else 0)
        return f"of {name}"


async def looped(model: Obstinate, **options: Any) -> tuple[str, Watching]:
    from loop import run  # type: ignore[import-not-found]

    watching = Watching()
    http = httpx.AsyncClient(transport=httpx.MockTransport(model))
    async with openai.AsyncOpenAI(base_url="http://model.example/v1", api_key="none", http_client=http) as client:
        question = [{"role": "user", "content": "Go"}]
        return await run(client, question, Slow(), watching, model="m", **options), watching


@pytest.mark.anyio
async def test_the_rounds_end_and_results_keep_the_order_of_calls() -> None:
    model = Obstinate(content="Enough.")
    answer, watching = await looped(model, max_iterations=2, temperature=0)
    assert answer == "Enough."
    assert [each["tool_choice"] for each in model.asked] == ["auto", "auto", "none"]
    assert {each["temperature"] for each in model.asked} == {0}
    said = [(each["role"], each.get("tool_call_id"), each.get("content")) for each in model.asked[1]["messages"]]
    assert said == [("user", None, "Go"), ("assistant", None, None), ("tool", "c0", "of t0"), ("tool", "c1", "of t1")]
    assert watching.told[:5] == [
        ("warned", "/tools/0: is not enforced"),
        ("called", "t0"),
        ("called", "t1"),
        ("got", "t1"),
        ("got", "t0"),
    ]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("model", "error"),
    [
        pytest.param(Obstinate("length", content="En"), "the model was cut by max_tokens", id="cut"),
        pytest.param(Obstinate(refusal="the value violates /items"), "the value violates /items", id="refused"),
        pytest.param(Obstinate(), "the model ended without an answer", id="nothing"),
    ],
)
async def test_no_half_answer_is_an_answer(model: Obstinate, error: str) -> None:
    from loop import AgentError

    with pytest.raises(AgentError, match=error):
        await looped(model, max_iterations=0)


def test_a_tool_that_hangs_ends_with_the_agent(default_served: Serving, tmp_path: Path) -> None:
    module = tmp_path / "slow.py"
    source = (
        Path(WEATHER)
        .read_text(encoding="utf-8")
        .replace("    celsius, sky = _look_up", "    import time; time.sleep(3600)\n    celsius, sky = _look_up")
    )
    module.write_text(source, encoding="utf-8")
    began = time.monotonic()
    answer, transcript = agent(default_served, ASKED, "--tools", str(module), "--greedy", "--tool-timeout", "2")
    assert answer.strip()
    assert '← get_current_weather {"error": "get_current_weather gave no answer within 2 s"}' in transcript
    assert time.monotonic() - began < 250
    assert not [each for each in psutil.process_iter(["cmdline"]) if str(module) in (each.info["cmdline"] or [])]
