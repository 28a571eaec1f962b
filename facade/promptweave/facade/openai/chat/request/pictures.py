"""Images: their data, and what becomes of those that cannot be used: an error, or a text in their place."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import replace

from promptweave.facade.errors import UnsupportedError
from promptweave.facade.openai.chat.request.body import ContentPart, Message
from promptweave.facade.openai.chat.request.translated import Translation
from promptweave.facade.options import UnusableImages
from promptweave.facade.policy.chat import IMAGE_OPTION, REMOTE_IMAGE
from promptweave.v1 import chat_pb2, inference_pb2, prompt_compiler_pb2

PLACEHOLDER = "[image left out]"

_WARNING = "image_left_out"


def read_image(part: ContentPart) -> chat_pb2.Image | str:
    """Return the image of a part; or why it cannot be read."""
    head, comma, data = (part.image_url.url if part.image_url else "").partition(",")
    if not (head.startswith("data:image/") and head.endswith(";base64") and comma):
        return REMOTE_IMAGE
    try:
        decoded = base64.b64decode(data, validate=True)
    except binascii.Error as error:
        return f"the data URL is not valid base64: {error}"
    return chat_pb2.Image(data=decoded, mime_type=head.removeprefix("data:").partition(";")[0])


def with_readable_images(asked: Translation, unusable: UnusableImages) -> Translation:
    """Return the request with a text in place of the images that cannot be read, and warnings; or, with `error`, as it is.

    Only the compiler reads the data of images: `UNUSABLE_IMAGES` makes it treat them in the same way.
    """
    if unusable == "error":
        return asked
    warnings = list(asked.warnings)
    messages = [
        _message(message, f"/messages/{number}", asked, warnings) for number, message in enumerate(asked.body.messages)
    ]
    return replace(asked, body=asked.body.model_copy(update={"messages": messages}), warnings=warnings)


def _message(message: Message, path: str, asked: Translation, warnings: list[prompt_compiler_pb2.Warning]) -> Message:
    parts: Sequence[ContentPart] = message.content if isinstance(message.content, list) else ()
    if not any(part.type == "image_url" for part in parts):
        return message
    made = list(parts)
    for number, part in enumerate(parts):
        if part.type == "image_url" and isinstance(why := read_image(part), str):
            made[number] = ContentPart(type="text", text=PLACEHOLDER)
            place = asked.places.original(f"{path}/content/{number}")
            warnings.append(_warning(place, why))
    return message.model_copy(update={"content": made})


def _warning(path: str, why: str) -> prompt_compiler_pb2.Warning:
    return prompt_compiler_pb2.Warning(code=_WARNING, path=path, message=f"an image is left out: {why}")


UNUSABLE_IMAGES = {
    "error": prompt_compiler_pb2.UNUSABLE_IMAGES_ERROR,
    "placeholder": prompt_compiler_pb2.UNUSABLE_IMAGES_PLACEHOLDER,
}


def check_pictures(
    request: prompt_compiler_pb2.CompileRequest, model: inference_pb2.ModelInfo, unusable: UnusableImages
) -> list[prompt_compiler_pb2.Warning]:
    """Replace the images by a text if the model accepts none; return warnings with positions in `request`.

    Raises UnsupportedError for the first image instead, with `error`.
    """
    if model.images:
        return []
    warnings = []
    for number, message in enumerate(request.messages):
        for place, part in enumerate(message.content):
            if not part.HasField("image"):
                continue
            path = f"/messages/{number}/content/{place}"
            why = f"the model {model.id!r} does not accept images; load its projector with --mmproj FILE"
            if unusable == "error":
                raise UnsupportedError(f"{why}, {IMAGE_OPTION}", path=path)
            part.text = PLACEHOLDER
            warnings.append(_warning(path, why))
    return warnings
