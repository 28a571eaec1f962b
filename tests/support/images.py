"""Images of one or two colors, as files."""

import base64
import io
from typing import Any

from PIL import Image

RED, BLUE = (200, 20, 20), (20, 20, 200)


def image_file(color: tuple[int, ...] = RED, form: str = "PNG", size: tuple[int, int] = (28, 28), **given: Any) -> bytes:
    """A picture of one colour. Four numbers: the last is how much is seen of it."""
    written = io.BytesIO()
    Image.new("RGBA" if len(color) == 4 else "RGB", size, color).save(written, form, **given)
    return written.getvalue()


def data_url(data: bytes, form: str = "png") -> str:
    """As OpenAI's requests carry it."""
    return f"data:image/{form};base64,{base64.b64encode(data).decode()}"
