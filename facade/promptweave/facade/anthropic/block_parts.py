"""Blocks of Anthropic's API as content parts of a chat message: text, images and references to tools."""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.anthropic.body import (
    DocumentBlock,
    ImageBlock,
    SearchResultBlock,
    Source,
    TextBlock,
    ToolReferenceBlock,
)
from promptweave.facade.bodies.body import Body, Kind, read_body
from promptweave.facade.errors import RequestError
from promptweave.facade.openai.chat.request.translated import Notes
from promptweave.facade.policy import messages
from promptweave.facade.policy.rules import Warn, apply_field_rules, known_fields, warn_of_unknown_fields


@dataclass(frozen=True, slots=True)
class BlockPart:
    """A content part of a chat message, and the position of the block that it is made from."""

    value: JsonObject
    path: str


def block_kind(block: Mapping[str, Any], path: str) -> str:
    """Return the type of a block. Raises RequestError if it has none."""
    kind = block.get("type")
    if not isinstance(kind, str):
        raise RequestError("a block requires a type, which must be a string", path=f"{path}/type")
    return kind


def read_block(kind: type[Kind], block: JsonObject, path: str, warn: Warn) -> Kind:
    """Parse a block, and warn of fields that its type does not have. Raises RequestError."""
    body = read_body(kind, block, path)
    warn_of_unknown_part_fields(body, warn, path)
    return body


def warn_of_unknown_part_fields(body: Body, warn: Warn, path: str, *, more: Iterable[str] = ()) -> None:
    """Warn of fields that a part of a request, such as a tool, does not have. `more`: others that it has."""
    known = known_fields(type(body)) | messages.PART_HOUSEKEEPING | frozenset(more)
    warn_of_unknown_fields(body.model_extra or {}, known, warn, path)


def parts_of(block: JsonObject, path: str, notes: Notes) -> Iterable[BlockPart]:
    """Return the parts that a block becomes, which may be none. Raises RequestError.

    A text says what was left out, if the user or a tool sent something that cannot be read.
    """
    kind = block_kind(block, path)
    if kind in messages.BLOCKS:
        leave_out(kind, path, notes, messages.BLOCKS[kind].why)
        return ()
    return _PARTS.get(kind, _unknown)(block, path, notes)


def is_known(kind: str) -> bool:
    """Return whether the type of a block is known."""
    return kind in messages.BLOCKS or kind in _PARTS


def leave_out(kind: str, path: str, notes: Notes, why: str) -> None:
    """Warn of a block that is left out."""
    notes.warn("part_left_out", path, f"a block of type {kind!r} is left out: {why}")


def _left_out_part(block: JsonObject, path: str, notes: Notes, why: str) -> BlockPart:
    leave_out(block["type"], path, notes, why)
    return _text_part(f"[{block['type']} left out]", path)


def _text_part(text: str, path: str) -> BlockPart:
    return BlockPart({"type": "text", "text": text}, path)


def _unknown(block: JsonObject, path: str, notes: Notes) -> Iterator[BlockPart]:
    if isinstance(text := block.get("text"), str) and text:
        notes.warn("part_as_text", path, f"the type {block['type']!r} is unknown; the block's text is used")
        yield _text_part(text, path)
    else:
        yield _left_out_part(block, path, notes, "this type is unknown")


def _text(block: JsonObject, path: str, notes: Notes) -> Iterator[BlockPart]:
    yield _text_part(read_block(TextBlock, block, path, notes.warn).text, path)


def _image(block: JsonObject, path: str, notes: Notes) -> Iterator[BlockPart]:
    source = read_block(ImageBlock, block, path, notes.warn).source
    if source.type not in ("url", "base64"):
        yield _left_out_part(block, path, notes, "files are not stored; send the image as base64")
        return
    url = source.url if source.type == "url" else f"data:{source.media_type};base64,{source.data}"
    yield BlockPart({"type": "image_url", "image_url": {"url": url}}, path)


def _document(block: JsonObject, path: str, notes: Notes) -> Iterator[BlockPart]:
    document = read_block(DocumentBlock, block, path, notes.warn)
    _warn_of_citations(block, path, notes)
    for text in (document.title, document.context):
        if text:
            yield _text_part(f"{text}\n", path)
    parts = _document_parts(document.source, f"{path}/source", notes)
    if parts is None:
        yield _left_out_part(block, path, notes, "only documents of text can be read; send its text")
    else:
        yield from parts


def _document_parts(source: Source, path: str, notes: Notes) -> Iterable[BlockPart] | None:
    """Return the parts of a document; None if it is not text."""
    match source.type:
        case "text":
            return [_text_part(source.data, path)]
        case "content" if isinstance(source.content, str):
            return [_text_part(source.content, path)]
        case "content":
            return _all_parts(source.content, f"{path}/content", notes)
        case "base64" if source.media_type.startswith("text/"):
            text = _decoded(source.data)
            return None if text is None else [_text_part(text, path)]
    return None


def _decoded(data: str) -> str | None:
    try:
        return base64.b64decode(data, validate=True).decode()
    except ValueError:
        return None


def _all_parts(blocks: object, path: str, notes: Notes) -> Iterator[BlockPart]:
    for number, block in enumerate(blocks if isinstance(blocks, list) else [blocks]):
        if isinstance(block, dict):
            yield from parts_of(block, f"{path}/{number}" if isinstance(blocks, list) else path, notes)


def _search_result(block: JsonObject, path: str, notes: Notes) -> Iterator[BlockPart]:
    result = read_block(SearchResultBlock, block, path, notes.warn)
    _warn_of_citations(block, path, notes)
    for text in (result.title, result.source):
        if text:
            yield _text_part(f"{text}\n", path)
    yield from _all_parts(result.content, f"{path}/content", notes)


def _tool_reference(block: JsonObject, path: str, notes: Notes) -> Iterator[BlockPart]:
    name = read_block(ToolReferenceBlock, block, path, notes.warn).tool_name
    yield BlockPart({"type": "tool_reference", "tool_name": name}, path)


def _warn_of_citations(block: JsonObject, path: str, notes: Notes) -> None:
    def warn(code: str, place: str, message: str) -> None:
        notes.warn(code, f"{path}{place}", message)

    apply_field_rules(block, [messages.NO_CITATIONS], warn)


def _found_tools(block: JsonObject, path: str, notes: Notes) -> Iterator[BlockPart]:
    return _all_parts(block.get("tool_references", []), f"{path}/tool_references", notes)


def _fields(block: JsonObject, path: str, notes: Notes, names: Sequence[str]) -> Iterator[BlockPart]:
    """Yield the texts of fields, each on a line of its own; values that are blocks are parts as usual."""
    is_empty = True
    for name in names:
        value = block.get(name)
        if isinstance(value, int):
            value = f"{name}: {value}"
        lines = value if isinstance(value, list) else [value]
        parts = [_text_part(f"{line}\n", f"{path}/{name}") for line in lines if isinstance(line, str) and line]
        parts += _all_parts(value, f"{path}/{name}", notes)
        yield from parts
        is_empty = is_empty and not parts
    if is_empty:
        yield _left_out_part(block, path, notes, "it has no text")


def _error(block: JsonObject, path: str, notes: Notes) -> Iterator[BlockPart]:
    reasons = [reason for name in ("error_code", "error_message") if isinstance(reason := block.get(name), str)]
    yield _text_part(": ".join(["Error", *reasons]), path)


MakeParts = Callable[[JsonObject, str, Notes], Iterable[BlockPart]]

_PARTS: Mapping[str, MakeParts] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "tool_reference": _tool_reference,
    "tool_search_tool_search_result": _found_tools,
    **{kind: partial(_fields, names=names) for kind, names in messages.RESULT_FIELDS.items()},
    **dict.fromkeys(messages.RESULT_ERRORS, _error),
}
"""Type of a block → the parts that it becomes."""
