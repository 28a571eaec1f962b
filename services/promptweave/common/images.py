"""Pictures that callers send: what they may be, and the forms that llama.cpp's server reads.

The server decodes with stb_image (builds b11434 to b11549): PNG and JPEG, but no WebP. It knows nothing of how a camera was
held, and drops transparency, so that what was drawn on nothing stands on black. What it would read otherwise than a person
sees it is given to it as another PNG.
"""

import io

from PIL import Image, ImageOps

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
"""By Pillow's names."""

MAX_PIXELS = 50_000_000
"""Of one picture. Decoded, it takes three to four bytes a pixel, wherever it is looked at."""

_ENGINE_FORMATS = ("PNG", "JPEG", "MPO")
"""What the engine reads itself. An MPO is a JPEG with more pictures behind it, as telephones write them."""

_ORIENTATION = 0x0112

# Pillow only warns of what is a little too large; `_opened` says no.
Image.MAX_IMAGE_PIXELS = None


class PictureError(ValueError):
    """It is no picture, or none that is taken. The text says why, and what to do."""


def check_picture(data: bytes) -> None:
    """Decodes it, whole. Raises PictureError."""
    _load(_opened(data))


def for_engine(data: bytes) -> bytes:
    """The picture as the engine reads it: the same bytes, or a PNG of what they show. Raises PictureError."""
    image = _opened(data)
    turned = image.getexif().get(_ORIENTATION, 1) != 1
    if image.format in _ENGINE_FORMATS and not turned and not image.has_transparency_data:
        return data
    _load(image)
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
    written = io.BytesIO()
    image.convert("RGB").save(written, "PNG", compress_level=1)
    return written.getvalue()


def _opened(data: bytes) -> Image.Image:
    """The picture, of which only the beginning was read."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Exception:  # Each of its readers has its own.
        raise PictureError("this is no picture: a PNG, JPEG, WebP or GIF is needed") from None
    if image.width * image.height > MAX_PIXELS:
        raise PictureError(
            f"the picture has {image.width} x {image.height} pixels; at most {MAX_PIXELS // 10**6} million are taken"
        )
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise PictureError("the picture is animated: send one frame of it")
    return image


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # Each of its readers has its own.
        raise PictureError(f"the picture is damaged, or cut off: {error}") from None
