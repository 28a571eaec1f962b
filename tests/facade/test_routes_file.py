"""The routes file: what it says, and how it is told what is wrong with it."""

from pathlib import Path

import pytest

from promptweave.facade.backend.routes_file import read_routes
from promptweave.facade.errors import RoutesFileError

WHOLE = """
[models.small]
inference = "small:50052"
aliases = ["gpt-4o-mini", "gpt-3.5*"]

[models."acme/large.v2"]
inference = "unix:/run/large"
compiler = "compilers:50051"
template = "large.jinja"

[models.embedder]
role = "embedding"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "routes.toml"
    file.write_text(text)
    return file


def test_it_names_models_and_says_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "large.jinja").write_text("{{ messages }}")
    small, large, embedder = read_routes(written(tmp_path, WHOLE))
    assert (small.name, small.role, small.inference) == ("small", "chat", "small:50052")
    assert (small.compiler, small.aliases, small.template) == (None, ("gpt-4o-mini", "gpt-3.5*"), None)
    assert (large.name, large.inference, large.compiler) == ("acme/large.v2", "unix:/run/large", "compilers:50051")
    assert large.template is not None
    assert large.template.value() == "{{ messages }}"
    assert (embedder.name, embedder.role, embedder.inference, embedder.aliases) == ("embedder", "embedding", None, None)


WRONG = {
    "no TOML": ("[models.a]\ninference: x", "line 2, column 10"),
    "a table twice": ("[models.a]\n[models.a]\n", "line 2"),
    "no model": ("", "no models; add a table"),
    "another key": ("model = 1\n[models.a]\n", "model: unknown key"),
    "no table": ("[models]\na = 1\n", "models.a: not a table"),
    "a list": ("[[models]]\nname = 'a'\n", "no models; add a table"),
    "no name": ('[models.""]\n', 'models."": the model\'s name is empty'),
    "a key that is not known": ("[models.a]\ninferense = 'x:1'\n", "models.a.inferense: unknown key; valid keys: "),
    "a wrong type": ("[models.a]\ninference = 50052\n", "models.a.inference: input should be a valid string"),
    "a role": ("[models.a]\nrole = 'image'\n", "models.a.role: input should be 'chat', 'embedding', 'rerank' or"),
    "an alias that is no text": ("[models.a]\naliases = ['x', 1]\n", "models.a.aliases[1]: input should be a valid string"),
    "an empty alias": ("[models.a]\naliases = ['']\n", "models.a.aliases[0]: must not be empty"),
    "aliases as text": ("[models.a]\naliases = 'x'\n", "models.a.aliases: input should be a valid list"),
    "no address": ("[models.'a b']\ninference = 'here'\n", 'models."a b".inference: \'here\' is not a valid address'),
    "no port": ("[models.a]\ninference = 'localhost:http'\n", "models.a.inference: 'localhost:http' is not a valid address"),
    "no such port": (
        "[models.a]\ncompiler = 'localhost:65536'\n",
        "models.a.compiler: 'localhost:65536' is not a valid address",
    ),
    "an alias of two": (
        "[models.a]\naliases = ['x']\n[models.b]\naliases = ['y', 'x']\n",
        "models.b.aliases[1]: 'x' already selects the model 'a'",
    ),
    "an alias that is a name": (
        "[models.a]\n[models.b]\naliases = ['a']\n",
        "models.b.aliases[0]: 'a' already selects the model 'a'",
    ),
    "a template that is not there": ("[models.a]\ntemplate = 'none.jinja'\n", "models.a.template: cannot read"),
    "a template where none is read": (
        "[models.a]\nrole = 'rerank'\ntemplate = 'x'\n",
        "models.a.template: only allowed for chat models, but this model's role is 'rerank'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_by_line_or_key(tmp_path: Path, text: str, told: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(RoutesFileError) as error:
        read_routes(file)
    assert str(file) in error.value.message
    assert told in error.value.message


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RoutesFileError, match="No such file"):
        read_routes(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(RoutesFileError, match=r"not valid TOML: .*utf-8"):
        read_routes(tmp_path / "binary.toml")


def test_the_example_can_be_read() -> None:
    routes = read_routes(Path(__file__).parents[2] / "deploy" / "routes.toml")
    assert {route.role for route in routes} == {"chat", "embedding"}
