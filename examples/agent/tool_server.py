"""Serves the functions of a Python module as tools: each is `POST /NAME`, with its arguments as JSON; see /openapi.json.

    python tool_server.py MODULE.py [--host 127.0.0.1] [--port 0]

Every public function of the module becomes a tool: its docstring is the tool's description for the model, its annotations
are the schema of its parameters (`Annotated[str, Field(description=...)]` describes one). It needs FastAPI and uvicorn, and
no part of the agent, so it can run separately: in a container (see Containerfile), as another user, on another machine.

With the environment variable TOOL_SERVER_TOKEN, calls need `Authorization: Bearer TOKEN`: on a shared machine, or with a
browser open, 127.0.0.1 alone does not protect them.
"""

import argparse
import hmac
import importlib.util
import inspect
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, create_model

Function = Callable[..., Any]


def loaded(path: Path) -> ModuleType:
    """Load a file as a module. Imports from its own folder work."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise SystemExit(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def functions(module: ModuleType) -> list[Function]:
    """Return the public functions that the module itself defines, in its order."""
    found = [each for name, each in vars(module).items() if inspect.isfunction(each) and not name.startswith("_")]
    return [each for each in found if each.__module__ == module.__name__]


def parameters(function: Function) -> type[BaseModel]:
    """Return the arguments of a function as a pydantic model: a closed object."""
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise SystemExit(f"{function.__name__}: tools are called with named arguments, which {parameter} is not")
        if name not in hints:
            raise SystemExit(f"{function.__name__}: {name} has no annotation, which a schema could be made of")
        fields[name] = (hints[name], ... if parameter.default is parameter.empty else parameter.default)
    return create_model(function.__name__, __config__=ConfigDict(extra="forbid"), **fields)


def application(module: ModuleType, token: str | None = None) -> FastAPI:
    """Create an HTTP server for the functions. An exception becomes status 500 with its text: the model reads it."""

    def authorized(request: Request) -> None:
        given = request.headers.get("authorization", "")
        if token and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise HTTPException(401, "the tools' token is needed: Authorization: Bearer TOKEN")

    app = FastAPI(title=module.__name__, description=module.__doc__ or "", dependencies=[Depends(authorized)])
    for function in functions(module):
        _serve(app, function)
    return app


def _serve(app: FastAPI, function: Function) -> None:
    model = parameters(function)

    async def call(arguments: BaseModel) -> Any:
        given = {name: getattr(arguments, name) for name in model.model_fields}
        try:
            if inspect.iscoroutinefunction(function):
                return await function(**given)
            return await run_in_threadpool(function, **given)
        except Exception as error:
            raise HTTPException(500, f"{type(error).__name__}: {error}") from error

    # FastAPI reads the body's type from the annotation.
    call.__annotations__["arguments"] = model
    name = function.__name__
    app.post(f"/{name}", operation_id=name, description=inspect.getdoc(function) or "", response_model=None)(call)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("module", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    given = parser.parse_args()
    app = application(loaded(given.module), os.environ.pop("TOOL_SERVER_TOKEN", None))
    listening = socket.create_server((given.host, given.port))
    # The process that started this one waits for the line; nothing else is printed on stdout.
    host, port = listening.getsockname()[:2]
    print(f"http://{host}:{port}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])


if __name__ == "__main__":
    main()
