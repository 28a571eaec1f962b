"""Which images are accepted, and what the engine is given."""

import io

import pytest
from PIL import Image

from promptweave.common.images import PictureError, check_picture, for_engine
from tests.support.images import BLUE, RED, image_file


def seen(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(for_engine(data)), formats=("PNG", "JPEG")).convert("RGB")


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_what_the_engine_reads_stays_as_it_is(form: str) -> None:
    data = image_file(RED, form)
    check_picture(data)
    assert for_engine(data) == data


@pytest.mark.parametrize("form", ["WEBP", "GIF"])
def test_what_it_does_not_read_becomes_a_png(form: str) -> None:
    data = image_file(BLUE, form)
    check_picture(data)
    red, _, blue = seen(data).getpixel((5, 5))  # type: ignore[misc] # three colours
    assert blue > 150 > red


def test_what_lets_through_stands_on_white() -> None:
    assert seen(image_file((0, 0, 0, 0))).getpixel((5, 5)) == (255, 255, 255)
    assert seen(image_file((10, 20, 30, 255))).getpixel((5, 5)) == (10, 20, 30)


def test_an_image_is_turned_as_the_camera_was_held() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = image_file(RED, "JPEG", (40, 20), exif=exif)
    assert seen(turned).size == (20, 40)


def frames(form: str) -> bytes:
    written = io.BytesIO()
    first, second = (Image.new("RGB", (8, 8), color) for color in (RED, BLUE))
    first.save(written, form, save_all=True, append_images=[second])
    return written.getvalue()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(b"", "is not an image", id="empty"),
        pytest.param(b"hello", "is not an image", id="text"),
        pytest.param(image_file(RED, "BMP"), "is not an image; a PNG, JPEG, WebP or GIF is required", id="bmp"),
        pytest.param(image_file(RED, size=(400, 400))[:60], "corrupted or truncated", id="cut-png"),
        pytest.param(image_file(RED, "JPEG", (400, 400))[:700], "corrupted or truncated", id="cut-jpeg"),
        pytest.param(frames("GIF"), "animated", id="gif"),
        pytest.param(frames("PNG"), "animated", id="png"),
        pytest.param(frames("WEBP"), "animated", id="webp"),
        pytest.param(image_file(RED, "GIF", (9000, 9000)), "9000 x 9000 pixels; at most 50 million", id="bomb"),
    ],
)
def test_what_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(PictureError, match=why):
        check_picture(data)


def test_more_images_behind_a_jpeg_are_no_animation() -> None:
    data = frames("MPO")
    check_picture(data)
    assert for_engine(data) == data
