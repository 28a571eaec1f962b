"""From the command line to the options of a service."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest

from promptweave.cli.main import main
from promptweave.cli.options.facade import to_facade
from promptweave.cli.options.inference import to_inference
from promptweave.facade.options import FacadeOptions
from promptweave.inference.errors import StartError
from promptweave.inference.options import InferenceOptions

CONVERTED = {
    # Parameters that `to_inference` and `to_facade` convert, and those that other modules use.
    "inference": {"hf_repo", "hf_file", "tls_cert", "tls_key", "tls_client_ca", "token_file", "log_format"},
    "facade": {"no_explorer", "services_ca", "services_cert", "services_key", "services_token_file", "log_format"},
}
NOT_OPTIONS = {
    # Fields that no option sets by name. `pooling` is for auxiliary engines.
    "inference": {"security", "pooling"},
    "facade": {"security", "explorer"},
}


def parsed(name: str, *args: str) -> dict[str, Any]:
    """Return the values of a command's parameters."""
    command = main.get_command(click.Context(main), name)
    assert command
    # With its group, as on the command line: click keeps the help option that the first context gives a command.
    group = click.Context(main, info_name="promptweave", **main.context_settings)
    return command.make_context(name, [*args], parent=group).params


def inference(*args: str) -> InferenceOptions:
    given = parsed("inference", *args)
    return to_inference(given, listen=given["listen"], metrics=given["metrics"])


def facade(*args: str) -> FacadeOptions:
    given = parsed("facade", *args)
    return to_facade(given, compiler=given["compiler"], inference=given["inference"])


@pytest.mark.parametrize(("name", "kind"), [("inference", InferenceOptions), ("facade", FacadeOptions)])
def test_every_field_has_an_option_and_every_option_a_field(name: str, kind: type[Any]) -> None:
    command = main.get_command(click.Context(main), name)
    assert command
    params = {str(param.name) for param in command.params}
    names = {field.name for field in fields(kind)}
    assert params - names == CONVERTED[name]
    assert names - params == NOT_OPTIONS[name]


def test_the_defaults_are_those_of_the_services(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    sessions = tmp_path / "sessions"
    expected = InferenceOptions(model=model.resolve(), session_dir=sessions)
    assert inference("--model", str(model), "--session-dir", str(sessions)) == expected
    assert facade() == FacadeOptions()


def test_units_are_converted() -> None:
    endpoint = ("--endpoint", "http://127.0.0.1:1")
    engine = inference(*endpoint, "--session-max-gib", "0.5", "--session-max-days", "0.5")
    assert (engine.session_max_bytes, engine.session_max_age_s) == (512 * 1024**2, 43_200.0)
    api = facade("--max-body-mib", "0.5", "--responses-max-mib", "2", "--responses-max-days", "0.5")
    assert (api.max_body_bytes, api.responses_bytes, api.responses_age_s) == (512 * 1024, 2 * 1024**2, 43_200.0)


def test_arguments_of_the_whisper_server_are_split_as_a_shell_does() -> None:
    model = ("--endpoint", "http://127.0.0.1:1", "--whisper-model", "whisper.bin")
    assert inference(*model, "--whisper-args", "--threads 8 --x 'a b'").whisper_args == ("--threads", "8", "--x", "a b")
    with pytest.raises(StartError, match="--whisper-args"):
        inference(*model, "--whisper-args", "'")


def test_a_routes_file_keeps_its_symbolic_link(tmp_path: Path) -> None:
    """Kubernetes replaces the link of a mounted ConfigMap, and removes what it pointed to."""
    (tmp_path / "version1").write_text("", encoding="utf-8")
    link = tmp_path / "routes.toml"
    link.symlink_to("version1")
    assert facade("--routes", str(link)).routes == link
