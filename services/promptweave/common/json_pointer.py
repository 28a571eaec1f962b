"""JSON pointers (RFC 6901): positions in JSON documents, such as `/tools/0/function/name`."""


def pointer_token(key: str | int) -> str:
    """Return a key, or a list index, as a token of a JSON pointer, with its slash."""
    return "/" + str(key).replace("~", "~0").replace("/", "~1")


def pointer_keys(pointer: str) -> list[str]:
    """Return the keys of a JSON pointer. List indexes are decimal digits."""
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]
