"""Images that callers send: the accepted formats, and conversion to those that llama.cpp's server reads.

The server decodes with stb_image (builds b11434 to b11549): PNG and JPEG, but not WebP. It ignores the camera's orientation,
and drops transparency, so that a transparent background becomes black. Images that it would show differently from what a
person sees are re-encoded as PNG.
"""

import io

from PIL import Image, ImageOps

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
"""Pillow's format names."""

MAX_PIXELS = 50_000_000
"""Per image. Decoding takes three to four bytes per pixel in every process that decodes it."""

_ENGINE_FORMATS = ("PNG", "JPEG", "MPO")
"""Formats that the engine decodes itself. An MPO is a JPEG followed by more images, as written by phones."""

_ORIENTATION = 0x0112

# Pillow only warns about slightly oversized images; `_opened` enforces the limit.
Image.MAX_IMAGE_PIXELS = None


class PictureError(ValueError):
    """The data is not an image, or not one of an accepted kind. The text says why, and what to do."""


def check_picture(data: bytes) -> None:
    """Decode the image completely. Raises PictureError."""
    _load(_opened(data))


def for_engine(data: bytes) -> bytes:
    """Return the image as the engine must get it: the same bytes, or a re-encoded PNG. Raises PictureError."""
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
    """Open an image, reading only its header. Raises PictureError."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Exception:  # Each of Pillow's decoders raises its own exceptions.
        raise PictureError("the data is not an image; a PNG, JPEG, WebP or GIF is required") from None
    if image.width * image.height > MAX_PIXELS:
        raise PictureError(
            f"the image has {image.width} x {image.height} pixels; at most {MAX_PIXELS // 10**6} million are accepted"
        )
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise PictureError("the image is animated; send a single frame")
    return image


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # Each of Pillow's decoders raises its own exceptions.
        raise PictureError(f"the image is corrupted or truncated: {error}") from None
