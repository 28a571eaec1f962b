"""Request bodies that carry a file: multipart/form-data, of bounded size."""

from collections.abc import AsyncGenerator
from typing import Any

from fastapi import Request
from pydantic import ConfigDict
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from promptweave.facade.bodies.body import Body
from promptweave.facade.errors import RequestError
from promptweave.facade.http.json_body import read_bytes

FILE = "file"
"""The only field that is a file."""

FORM = "multipart/form-data"
"""The media type of a form."""
_MAX_FIELDS = 64
_MAX_FIELD_BYTES = 64 * 1024
"""For text fields; files are limited by the size of the body alone."""


class FormBody(Body):
    """The fields of a form. All of them are text, so "0.5" is a number."""

    model_config = ConfigDict(strict=False)


async def read_form(request: Request, max_bytes: int) -> dict[str, Any]:
    """Return the request's fields: text, and bytes for a file. Repeated fields, and those named `name[]`, become lists.

    Raises RequestError and TooLargeError.
    """
    data = await read_bytes(request, max_bytes)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise RequestError(f"request body: not {FORM}; send a form with the file", path="")

    async def whole() -> AsyncGenerator[bytes, None]:
        yield data

    parser = MultiPartParser(request.headers, whole(), max_files=1, max_fields=_MAX_FIELDS, max_part_size=_MAX_FIELD_BYTES)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise RequestError(f"request body: not valid {FORM}: {error.message}", path="") from None
    except (KeyError, ValueError, LookupError):
        # No boundary; or a charset that does not exist, or that the text is not valid in.
        raise RequestError(f"request body: not valid {FORM}", path="") from None
    fields: dict[str, Any] = {}
    try:
        for name, given in form.multi_items():
            value: str | bytes = await given.read() if isinstance(given, UploadFile) else given
            plain = name.removesuffix("[]")
            if (plain == FILE) is not isinstance(value, bytes):
                expected = "must be a file, with a filename" if plain == FILE else "must be text, not a file"
                raise RequestError(f"{plain[:60]!r} {expected}", path=f"/{plain}")
            if plain not in fields:
                fields[plain] = [value] if plain != name else value
            elif isinstance(there := fields[plain], list):
                there.append(value)
            else:
                fields[plain] = [there, value]
    finally:
        await form.close()
    return fields
