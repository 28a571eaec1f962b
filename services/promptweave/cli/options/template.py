"""`--model` and `--template`: the options of commands that need a chat template."""

from collections.abc import Callable
from pathlib import Path

import click

from promptweave.cli.jsonl import give_up
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.compiler.template.from_gguf import NoTemplateError, template_from_gguf
from promptweave.demo import shipped_model

TO_TRY = f"promptweave's demo model is {shipped_model()}"

FILE = click.Path(dir_okay=False, path_type=Path)


def template_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--model`, `--template`, `--bos` and `--eos`."""
    for option in (
        click.option("--eos", default="", help="End-of-sequence token, with --template."),
        click.option("--bos", default="", help="Beginning-of-sequence token, with --template."),
        click.option("--template", type=FILE, help="File with a Jinja chat template."),
        click.option("--model", type=FILE, help="GGUF file to take the chat template and special tokens from."),
    ):
        command = option(command)
    return command


def read_template(model: Path | None, template: Path | None, bos: str, eos: str) -> ChatTemplate | None:
    """Return the template that the options name, or None if they name none. Exits if it cannot be read."""
    if model is not None and template is not None:
        give_up("invalid: --model and --template cannot be combined")
    if model is not None and (bos or eos):
        give_up("invalid: --bos and --eos require --template; --model has its own")
    try:
        if template is not None:
            return ChatTemplate(template.read_text(encoding="utf-8"), bos, eos)
        if model is not None:
            return template_from_gguf(model)
    except OSError as error:
        give_up(f"invalid: {template or model}: {error.strerror or error}")
    except UnicodeDecodeError as error:
        give_up(f"invalid: {template}: not UTF-8: {error}")
    except NoTemplateError as error:
        give_up(f"invalid: {model}: {error}")
    return None
