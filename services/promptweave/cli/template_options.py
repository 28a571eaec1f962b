"""`--model` and `--template`: where the commands that need a chat template take it from."""

from pathlib import Path

import click

from promptweave.cli.jsonl import give_up
from promptweave.compiler.gguf_template import NoTemplateError, template_from_gguf
from promptweave.compiler.template import ChatTemplate

FILE = click.Path(dir_okay=False, path_type=Path)


def read_template(model: Path | None, template: Path | None, bos: str, eos: str) -> ChatTemplate:
    """The template that the options name; ends the command where they name none that can be read."""
    try:
        if template is not None:
            return ChatTemplate(template.read_text(), bos, eos)
        if model is not None:
            return template_from_gguf(model)
    except NoTemplateError as error:
        give_up(f"invalid: {model}: {error}")
    except (OSError, UnicodeDecodeError) as error:
        give_up(f"invalid: {template or model}: {error}")
    raise click.UsageError("Give --model FILE (a GGUF) or --template FILE (its Jinja text).")
