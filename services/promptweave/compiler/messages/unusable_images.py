"""Images that cannot be used: an error, or a text in their place."""

from collections.abc import Mapping
from dataclasses import replace

from promptweave.compiler.errors import RequestError
from promptweave.compiler.request import ChatRequest, Message, Picture
from promptweave.compiler.warnings import CompileWarning

MAX_PICTURES = 100
"""Maximum number of images in one request."""

PLACEHOLDER = "[image left out]"

_OPTION = "or leave such images out with --unusable-images placeholder"


def usable_images(request: ChatRequest) -> tuple[ChatRequest, list[CompileWarning]]:
    """Return the request with images that can be used, and warnings of the others. Raises RequestError for the first of
    them, unless the request says that a text replaces them."""
    faults = _faults(request)
    if not faults:
        return request, []
    if not request.replace_unusable_images:
        pointer, why = next(iter(faults.items()))
        raise RequestError(f"{why}; {_OPTION}", path=pointer)
    messages = tuple(_without(message, faults) for message in request.messages)
    warnings = [CompileWarning("image_left_out", pointer, f"an image is left out: {why}") for pointer, why in faults.items()]
    return replace(request, messages=messages), warnings


def _faults(request: ChatRequest) -> dict[str, str]:
    """Return what is wrong with images, by their pointers."""
    pictures = [picture for message in request.messages for picture in message.pictures]
    if not pictures:
        return {}
    # Imported only if needed: it takes a moment to load, and most requests have no images.
    from promptweave.common.images import PictureError, check_picture

    faults: dict[str, str] = {}
    beyond = len(pictures) - MAX_PICTURES
    # An error is about the first image beyond the limit; a conversation that goes on needs the newest ones.
    excess = pictures[: max(beyond, 0)] if request.replace_unusable_images else pictures[MAX_PICTURES:]
    for picture in excess:
        faults[picture.pointer] = f"the request has {len(pictures)} images; at most {MAX_PICTURES} are allowed"
    for picture in pictures:
        if picture.pointer not in faults and (request.replace_unusable_images or not faults):
            try:
                check_picture(picture.data)
            except PictureError as error:
                faults[picture.pointer] = str(error)
    return faults


def _without(message: Message, faults: Mapping[str, str]) -> Message:
    """Return the message with a text in place of the images that are in `faults`."""
    if all(picture.pointer not in faults for picture in message.pictures):
        return message
    content, shift = message.content or "", 0
    places: list[tuple[int, int]] = []
    stay: list[Picture] = []
    for picture in message.pictures:
        place = picture.place + shift
        if picture.pointer in faults:
            content, shift = content[:place] + PLACEHOLDER + content[place:], shift + len(PLACEHOLDER)
            places.append((picture.place, shift))
        else:
            stay.append(replace(picture, place=place))
    references = tuple(replace(one, place=one.place + _shift(one.place, places)) for one in message.references)
    return replace(message, content=content, pictures=tuple(stay), references=references)


def _shift(place: int, places: list[tuple[int, int]]) -> int:
    """Return how far a text moved that was at `place`: `places` has how far those after each of them did."""
    return next((shift for before, shift in reversed(places) if before < place), 0)
