"""Builds the web application: the front, and FastAPI behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from fastapi import FastAPI

from driftwatch import __version__
from driftwatch.web.alertmanager import alertmanager_router
from driftwatch.web.alerts import alerts_router
from driftwatch.web.cached_page import CachedPage
from driftwatch.web.cloudevents import CloudEventsRoute
from driftwatch.web.documentation import documentation_router
from driftwatch.web.events import events_router
from driftwatch.web.front import Front
from driftwatch.web.guard import Guard
from driftwatch.web.health import health_router
from driftwatch.web.ingest import IngestRoutes
from driftwatch.web.metrics import CONTENT_TYPE, ServiceCollector, render_with
from driftwatch.web.models import models_router
from driftwatch.web.openapi import document_front_routes
from driftwatch.web.outbox import outbox_router
from driftwatch.web.page import page_router
from driftwatch.web.parts import ServiceParts, WebSettings
from driftwatch.web.problems import add_problem_handlers
from driftwatch.web.retrains import retrains_router
from driftwatch.web.windows import windows_router

_DESCRIPTION = (
    "Watches machine-learning models in production. Register a baseline, send predictions and the labels that come "
    "late; read what drifted, how good the model still is, and which retrains were asked for. Every error is an "
    "`application/problem+json` document that names the field."
)


def build_app(service: ServiceParts, settings: WebSettings) -> Front:
    """The ASGI application of a service.

    The metrics page is rendered by a thread that lives as long as the application's lifespan.
    """
    operations, telemetry = service.operations, service.telemetry
    collector = ServiceCollector(
        operations.metrics_facts,
        telemetry.snapshot,
        operations.readiness,
        settings.max_series,
        service.pairing.room if service.pairing is not None else lambda: None,
        measures=settings.measures,
    )
    metrics = CachedPage(render_with(collector), lambda: telemetry.revision, CONTENT_TYPE)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        metrics.start()
        try:
            yield
        finally:
            metrics.stop()

    app = FastAPI(
        title="driftwatch",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    add_problem_handlers(app)
    for router in (
        models_router(operations, settings.max_body_bytes),
        windows_router(operations),
        alerts_router(operations, settings.max_body_bytes),
        alertmanager_router(operations, telemetry, settings.max_body_bytes),
        retrains_router(operations, settings.max_body_bytes),
        outbox_router(operations),
        events_router(operations, settings.data),
        health_router(operations, says_why=not settings.tokens),
        page_router(operations),
        documentation_router(),
    ):
        app.include_router(router)
    document_front_routes(app)
    return Front(
        app,
        _guard(service, settings),
        IngestRoutes(service.ingest, telemetry),
        CloudEventsRoute(service.pairing, telemetry),
        metrics,
        settings.max_body_bytes,
    )


def _guard(service: ServiceParts, settings: WebSettings) -> Guard:
    named = urlsplit(settings.public_url).hostname
    hosts = None if settings.insecure else frozenset({named} if named else ())
    return Guard([one.token() for one in settings.tokens], service.telemetry, hosts)


__all__ = ["build_app"]
