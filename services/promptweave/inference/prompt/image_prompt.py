"""Prompts with images, in the engine's form: one text with a marker at the position of each image, and the images.

The engine (builds b11434 to b11549) tokenizes each piece of such a prompt between the markers with special tokens enabled,
and takes no token ids. So untrusted text that would be a special token or a marker gets an invisible character inserted. A
prompt that ends with an image crashes the engine once it is in the cache, and is refused here.
"""

import asyncio
import base64
from collections.abc import Sequence

from promptweave.common.images import PictureError, for_engine
from promptweave.common.json_object import JsonObject
from promptweave.inference.client.llama_client import EngineClient
from promptweave.inference.engine.model_info import ModelInfo
from promptweave.inference.errors import RequestError, UnsupportedError
from promptweave.inference.prompt.request import Ids, Picture, PlainText, PromptSegment, TemplateText

JOINER = "\u2060"
"""The word joiner: it has no width, and no meaning between letters."""


def pictures_refused(model_info: ModelInfo, segments: Sequence[PromptSegment]) -> UnsupportedError | None:
    """Return why the model cannot take the prompt. None: it can."""
    place = next((place for place, segment in enumerate(segments) if isinstance(segment, Picture)), None)
    if place is None or model_info.media_marker:
        return None
    return UnsupportedError(
        "the model does not accept images; start the engine with the model's projector (--mmproj FILE)",
        path=f"/prompt/segments/{place}",
    )


async def picture_prompt(client: EngineClient, model_info: ModelInfo, segments: Sequence[PromptSegment]) -> JsonObject:
    """Return the prompt for `/completion`. Raises RequestError and UnsupportedError."""
    if refused := pictures_refused(model_info, segments):
        raise refused
    texts, pictures = [""], list[str]()
    before: PromptSegment | None = None
    for place, segment in enumerate(segments):
        path = f"/prompt/segments/{place}"
        match segment:
            case Picture(data):
                pictures.append(await _picture(data, f"{path}/image"))
                texts.append("")
            case Ids():
                raise UnsupportedError("token ids cannot be combined with images; send text instead", path=path)
            case TemplateText("") | PlainText(""):
                continue
            case TemplateText(text) | PlainText(text):
                if isinstance(segment, PlainText):
                    text = await _plain(client, model_info, text, path)
                if isinstance(before, PlainText) or isinstance(segment, PlainText):
                    both_plain = isinstance(before, PlainText) and isinstance(segment, PlainText)
                    if both_plain or _spelled_across(model_info, texts[-1], text):
                        text = JOINER + text
                texts[-1] += text
        before = segment
    if model_info.adds_bos:
        # The engine adds it before every prompt; half of the known templates print it, too.
        texts[0] = texts[0].removeprefix(model_info.bos)
    if not texts[-1]:
        raise RequestError("the prompt ends with an image; the engine requires text after it", path="/prompt/segments")
    marker = model_info.media_marker or ""
    whole = marker.join(text.replace(marker, _broken(marker)) for text in texts)
    return {"prompt_string": whole, "multimodal_data": pictures}


async def _picture(data: bytes, path: str) -> str:
    try:
        read = await asyncio.to_thread(for_engine, data)
    except PictureError as error:
        raise RequestError(str(error), path=path) from None
    return base64.b64encode(read).decode()


async def _plain(client: EngineClient, model_info: ModelInfo, text: str, path: str) -> str:
    """Return untrusted text with a joiner inside each special token that it spells."""
    for special in model_info.special_tokens or model_info.hidden:
        if len(special) > 1:
            text = text.replace(special, _broken(special))
    # Not all special tokens of an external server are known.
    special_ids = await client.tokenize(text, parse_special=True, add_special=False)
    if special_ids != await client.tokenize(text, parse_special=False, add_special=False):
        raise RequestError(
            "in a prompt with images, text must not spell a special token; split it into two segments", path=path
        )
    return text


def _spelled_across(model_info: ModelInfo, before: str, after: str) -> bool:
    """Return whether the end of one text and the beginning of the next spell a special token."""
    return any(
        before.endswith(special[:cut]) and after.startswith(special[cut:])
        for special in model_info.special_tokens or model_info.hidden
        for cut in range(1, len(special))
    )


def _broken(spelling: str) -> str:
    return spelling[0] + JOINER + spelling[1:]
