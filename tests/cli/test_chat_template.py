"""`serve` with a model that has no chat template: chats are refused with what to do, until a template is given."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from promptweave.demo.model import write_demo_model
from promptweave.facade.backend.routes_file import watch_chat_template
from promptweave.facade.errors import TemplateFileError
from promptweave.facade.options import FacadeOptions
from tests.support.serving import FREE_PORTS, running, serving

CHAT = {"messages": [{"role": "user", "content": "How far is it?"}], "max_tokens": 4}
SIMPLE = "{% for message in messages %}<{{ message.role }}>{{ message.content }}\n{% endfor %}<assistant>"


@pytest.fixture(scope="module")
def bare_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "bare.gguf"
    write_demo_model(path, template="")
    return path


def _post(url: str, route: str, body: dict[str, Any]) -> httpx.Response:
    return httpx.post(url + route, json=body, timeout=60)


def test_a_model_without_a_template_serves_prompts_and_refuses_chats(bare_model: Path, tmp_path: Path) -> None:
    screen = tmp_path / "stderr"
    with (
        screen.open("w") as stderr,
        running("serve", "--model", str(bare_model), *FREE_PORTS, until="Ctrl-C", stderr=stderr) as (_, said),
    ):
        url = re.findall(r"OpenAI API +(\S+)", said)[0]
        refused = _post(url, "/chat/completions", CHAT)
        asked = _post(url, "/messages", CHAT)
        completed = _post(url, "/completions", {"prompt": "How far is it?", "max_tokens": 4})
    for response in (refused, asked):
        assert response.status_code == 400
        assert "--chat-template FILE" in response.json()["error"]["message"]
        assert "/v1/completions" in response.json()["error"]["message"]
    assert refused.json()["error"]["param"] == "model"
    assert completed.status_code == 200
    lines = [line for line in (said + screen.read_text()).splitlines() if "no chat template" in line]
    assert len(lines) == 1
    assert "--chat-template FILE" in lines[0]


def test_a_template_of_its_own_makes_it_chat(bare_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "chat.jinja"
    file.write_text(SIMPLE)
    with serving("--model", str(bare_model), "--chat-template", str(file)) as served:
        url, said = served.url, served.screen
        assert _post(url, "/chat/completions", CHAT).status_code == 200
        prompt = _post(url.removesuffix("/v1"), "/apply-template", CHAT).json()["prompt"]
    assert prompt == "<user>How far is it?\n<assistant>"
    assert "no chat template" not in said


@pytest.mark.parametrize(
    ("content", "routes", "why"),
    [(None, None, "cannot read"), (b"\xff\xfe", None, "not valid UTF-8"), (b"x", Path("models.toml"), "--routes")],
)
def test_an_unusable_template_file_says_why(tmp_path: Path, content: bytes | None, routes: Path | None, why: str) -> None:
    file = tmp_path / "chat.jinja"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TemplateFileError, match=f"^--chat-template: .*{why}"):
        watch_chat_template(FacadeOptions(chat_template=file, routes=routes))
