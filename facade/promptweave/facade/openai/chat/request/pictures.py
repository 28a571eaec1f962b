"""Images in a request to a model that accepts none: an error, or a text in their place."""

from promptweave.facade.errors import UnsupportedError
from promptweave.v1 import inference_pb2, prompt_compiler_pb2

PLACEHOLDER = "[image left out]"


def check_pictures(
    request: prompt_compiler_pb2.CompileRequest, model: inference_pb2.ModelInfo, *, leave_out: bool
) -> list[prompt_compiler_pb2.Warning]:
    """Replace the images by a text if the model accepts none; return warnings with positions in `request`.

    `leave_out`: False raises UnsupportedError for the first image instead.
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
            if not leave_out:
                raise UnsupportedError(why, path=path)
            part.text = PLACEHOLDER
            warnings.append(prompt_compiler_pb2.Warning(code="image_left_out", path=path, message=why))
    return warnings
