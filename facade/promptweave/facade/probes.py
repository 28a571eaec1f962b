"""Health checks and metrics: `/health`, `/ready`, `/metrics`."""

from typing import Annotated, Literal

from fastapi import Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import Field
from typing_extensions import TypedDict

from promptweave.facade.backend.lookup import models_of
from promptweave.facade.http.router import ApiRouter
from promptweave.facade.telemetry.metrics import metrics_response

router = ApiRouter()


class Health(TypedDict):
    """The process is alive."""

    status: Annotated[Literal["ok"], Field(description="Always `ok`")]


class Readiness(TypedDict):
    """Whether requests can be answered."""

    status: Annotated[Literal["ok", "waiting"], Field(description="`waiting`: something is missing")]
    waiting_for: Annotated[list[str], Field(description="Services and models that are not ready")]


@router.get("/health", response_model=Health, summary="Liveness check")
async def get_health() -> JSONResponse:
    """Report that the process is alive."""
    return JSONResponse({"status": "ok"})


@router.get(
    "/ready",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "No model is ready"}},
    summary="Readiness check for load balancers: whether the model is loaded",
)
async def get_readiness(request: Request) -> JSONResponse:
    """Report whether a model is loaded and its services are ready. Models for only some requests may be missing."""
    ready_for_some, missing = await models_of(request).readiness()
    status = 200 if ready_for_some else 503
    return JSONResponse({"status": "waiting" if missing else "ok", "waiting_for": missing}, status)


@router.get("/metrics", response_class=PlainTextResponse, summary="Prometheus metrics of the facade")
async def get_metrics(request: Request) -> Response:
    """Return the facade's metrics, for Prometheus."""
    return metrics_response(request.app.state.metrics)
