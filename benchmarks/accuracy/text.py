"""Comparison of texts as in BFCL."""

import re


def plain(text: str) -> str:
    """Return a text in lower case, without spaces and the punctuation that BFCL ignores."""
    return re.sub(r"[ ,./\-_*^]", "", text).lower().replace("'", '"')
