"""What the middleware and the application attach to each request."""

from fastapi import Request

from promptweave.facade.options import FacadeOptions


def request_id(request: Request) -> str:
    """Return the id of a request, as in the headers of its response."""
    return str(request.state.request_id)


def owner(request: Request) -> str | None:
    """Return the owner of a request: the name of its key; None if no keys are configured."""
    found: str | None = request.state.owner
    return found


def options_of(request: Request) -> FacadeOptions:
    """Return the options of the application."""
    options: FacadeOptions = request.app.state.options
    return options
