"""Positions of errors: from a request to a service back to the client's request."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from promptweave.errors import PromptweaveError


@contextmanager
def error_paths(place: Callable[[str], str]) -> Iterator[None]:
    """Map the path of an error that is raised inside. `place`: JSON pointer into a service's request → into the body."""
    try:
        yield
    except PromptweaveError as error:
        raise at_path(error, place) from None


def at_path(error: PromptweaveError, place: Callable[[str], str]) -> PromptweaveError:
    """Return the error with its path mapped by `place`."""
    if error.path is not None:
        error.path = place(error.path)
    return error
