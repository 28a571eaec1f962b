"""What a caller should know of how a request was compiled."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CompileWarning:
    """Something that the caller should know: a short stable name, a JSON pointer into the request, a sentence."""

    code: str
    path: str
    message: str
