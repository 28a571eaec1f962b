"""Signatures of thinking blocks: opaque texts that clients return with the block.

Nothing has to be verified here, but clients drop thinking without a signature. If the client wants the thinking omitted from
the answer, the signature contains it, so that the model has it in the next request.
"""

import base64
import hashlib
import zlib

_PREFIX = "pw1."
"""Begins signatures that contain the thinking."""

_MAX_BYTES = 16 * 2**20
"""More than any context holds; a few bytes could otherwise expand to any size."""


def signature_of(thinking: str, *, omitted: bool) -> str:
    """Return the signature of a block. `omitted`: whether the answer does not have its thinking."""
    if omitted:
        return _PREFIX + base64.urlsafe_b64encode(zlib.compress(thinking.encode())).decode()
    return base64.urlsafe_b64encode(hashlib.sha256(thinking.encode()).digest()).decode()


def omitted_thinking(signature: str) -> str | None:
    """Return the thinking in the signature; None if it has none, such as one of another server."""
    if not signature.startswith(_PREFIX):
        return None
    try:
        packed = base64.urlsafe_b64decode(signature.removeprefix(_PREFIX))
        return zlib.decompressobj().decompress(packed, _MAX_BYTES).decode()
    except (ValueError, zlib.error):
        return None
