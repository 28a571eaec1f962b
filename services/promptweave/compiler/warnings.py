"""Warnings about how a request was compiled."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CompileWarning:
    """A warning for the caller: a short stable code, a JSON pointer into the request, and a sentence."""

    code: str
    path: str
    message: str
