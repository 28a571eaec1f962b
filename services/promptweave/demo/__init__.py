"""The demo model: a tiny GGUF with random weights. Its words are noise, so its structure comes from the grammar alone."""

import hashlib
from importlib.resources import files


def file_name() -> str:
    """A name that changes with whatever decides the model's contents."""
    digest = hashlib.sha256()
    for source in ("model.py", "chat_template.jinja"):
        digest.update(files("promptweave.demo").joinpath(source).read_bytes())
    return f"promptweave-demo-{digest.hexdigest()[:8]}.gguf"
