"""`promptweave demo-model`: writes a tiny model with random weights."""

import shlex
from pathlib import Path

import click

from promptweave.cli.jsonl import give_up
from promptweave.demo.model import VocabularyError, write_demo_model

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("demo-model")
@click.argument("path", type=_FILE)
@click.option("--template", type=_FILE, help="File with a Jinja chat template.  [default: one like that of Hermes models]")
@click.option("--vocab", type=_FILE, help="GGUF file to take the tokenizer from.  [default: one token per byte]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the random weights.")
@click.option("--force", is_flag=True, help="Overwrite PATH if it exists.")
def command(path: Path, template: Path | None, vocab: Path | None, seed: int, force: bool) -> None:
    """Write a tiny GGUF model with random weights to PATH.

    It generates noise, so all structure in its output comes from the grammar: a model for tests that loads in a second.
    The same options produce the same file.

    \b
    Examples:
      promptweave demo-model demo.gguf && promptweave serve --model demo.gguf
      promptweave demo-model mine.gguf --template chat.jinja --vocab model.gguf
    """
    if path.exists() and not force:
        give_up(f"invalid: {path} already exists; overwrite it with --force")
    source = None
    if template is not None:
        try:
            source = template.read_text(encoding="utf-8")
        except OSError as error:
            give_up(f"invalid: {template}: {error.strerror or error}")
        except UnicodeDecodeError as error:
            give_up(f"invalid: {template}: not UTF-8: {error}")
        _warn_of(source)
    try:
        write_demo_model(path, template=source, vocab=vocab, seed=seed)
    except VocabularyError as error:
        give_up(f"invalid: {error}")
    except OSError as error:
        place = vocab if vocab and error.filename == str(vocab) else path
        give_up(f"invalid: {place}: {error.strerror or error}")
    click.echo(f"Wrote {path}: {path.stat().st_size / 1e6:.1f} MB, random weights.", err=True)
    click.echo(f"To serve it: promptweave serve --model {shlex.quote(str(path))}", err=True)


def _warn_of(source: str) -> None:
    """Warn about a template that fails; the model is written anyway."""
    from promptweave.compiler.errors import TemplateError
    from promptweave.compiler.profile.profile import profile
    from promptweave.compiler.template.chat_template import ChatTemplate

    try:
        profile(ChatTemplate(source))
    except TemplateError as error:
        click.echo(f"warning: {error.message}", err=True)
