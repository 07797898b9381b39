"""The status page: models, windows, alerts, retrains. Rendered on the server, without scripts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse, Response

from driftwatch.core.alert_lives import HEARD
from driftwatch.core.episodes import FINISHED
from driftwatch.core.performance import LOSS_MEASURE
from driftwatch.core.records import Alert, AlertKind, AlertState, Status, Verdict, WindowRecord, WindowStage
from driftwatch.errors import UnknownModel
from driftwatch.pipeline.operations import MetricsFacts, ModelSummary, Operations
from driftwatch.pipeline.quality import quality_notices
from driftwatch.pipeline.shadow import ShadowComparison
from driftwatch.web.html import html, number, span, style, words
from driftwatch.web.parameters import OneModel
from driftwatch.web.sparkline import Sparkline

WINDOWS = 53
ALERTS = 12
RETRAINS = 10
REFRESH_SECONDS = 15

_LOSSES = tuple(dict.fromkeys(LOSS_MEASURE.values()))
_ATTENTION = {Status.DRIFT: 0, Status.ERROR: 1, Status.WARNING: 2}


@dataclass(frozen=True, slots=True)
class Bar:
    """How near the evidence of one kind is to its limit: ``share`` from 0 to 1, on a scale of orders.

    ``named`` are the columns to blame, where there is a choice of them.
    """

    kind: str
    share: float
    status: Status
    named: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class WindowRow:
    """A window as it is shown."""

    window: WindowRecord
    span: str
    loss: float | None
    reference: float | None
    ratio: float | None
    coverage: float | None
    provisional: bool
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model as it is shown."""

    summary: ModelSummary
    status: Status | None
    chosen: bool
    address: str


@dataclass(frozen=True, slots=True)
class Detail:
    """The chosen model: its windows, newest first, its quality over them, and each segment's newest window."""

    summary: ModelSummary
    measure: str
    rows: tuple[WindowRow, ...]
    segments: tuple[WindowRow, ...]
    latest: WindowRow | None
    sparkline: Sparkline | None
    notices: tuple[str, ...]
    shadows: tuple[ShadowComparison, ...]


def page_router(operations: Operations) -> APIRouter:
    """``/`` and its style sheet."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def page(model: OneModel = None, refresh: Annotated[int, Query(ge=0, le=3_600)] = REFRESH_SECONDS) -> HTMLResponse:
        facts = operations.metrics_facts()
        alerts = operations.alerts(limit=ALERTS)
        retrains = operations.retrains(limit=RETRAINS)
        ready, why = operations.readiness()
        chosen = _chosen(facts.models, alerts, model)
        return html(
            "status.html",
            cards=[_card(one, one is chosen, refresh) for one in facts.models],
            detail=_detail(operations, facts, chosen) if chosen else None,
            alerts=alerts,
            firing=sum(one.state is not AlertState.SILENCED for one in facts.firing),
            silenced=sum(one.state is AlertState.SILENCED for one in facts.firing),
            retrains=retrains,
            open_retrains=sum(one.state not in FINISHED for one in retrains),
            headline=_headline(facts),
            ready=ready,
            why=why,
            pending=facts.models[0].pending_rows if facts.models else 0,
            undelivered=facts.outbox_pending,
            refresh=refresh,
            refresh_address=_address(model, 0 if refresh else REFRESH_SECONDS),
        )

    @router.get("/static/style.css")
    async def style_sheet() -> Response:
        return style()

    return router


def _chosen(models: Sequence[ModelSummary], alerts: Sequence[Alert], asked: str | None) -> ModelSummary | None:
    """The model asked for; else the one that needs attention most."""
    if asked is not None:
        for one in models:
            if one.model == asked:
                return one
        raise UnknownModel(asked)
    firing = {alert.model for alert in alerts if alert.state in HEARD}
    return min(models, key=lambda one: (one.model not in firing, _urgency(one), one.model), default=None)


def _urgency(model: ModelSummary) -> int:
    return _ATTENTION.get(model.latest_window.status, 3) if model.latest_window is not None else 4


def _card(summary: ModelSummary, chosen: bool, refresh: int) -> ModelCard:
    status = summary.latest_window.status if summary.latest_window is not None else None
    if summary.firing_alerts:
        status = Status.DRIFT
    return ModelCard(summary, status, chosen, _address(summary.model, refresh))


def _address(model: str | None, refresh: int) -> str:
    given: dict[str, str | int] = {} if model is None else {"model": model}
    if refresh != REFRESH_SECONDS:
        given["refresh"] = refresh
    return f"/?{urlencode(given)}" if given else "/"


def _headline(facts: MetricsFacts) -> str:
    if not facts.models:
        return "No model is registered yet"
    firing = len({alert.model for alert in facts.firing if alert.state in HEARD})
    count = len(facts.models)
    if firing:
        return f"{firing} of {count} models need attention" if count > 1 else f"{facts.models[0].model} needs attention"
    if all(one.latest_window is None for one in facts.models):
        return "Waiting for the first window to close"
    return f"All {count} models are within their budget" if count > 1 else "Nothing fires"


def _detail(operations: Operations, facts: MetricsFacts, summary: ModelSummary) -> Detail:
    found = operations.performances(operations.windows(summary.model, limit=WINDOWS))
    windows = [one.window for one in found]
    references = {one.model_version: one.reference for one in facts.versions if one.model == summary.model}
    measure = _measure(windows, [name for one in references.values() for name in one])
    rows = []
    for window in windows:
        known = references.get(window.key.model_version, {}).get(measure)
        rows.append(_row(window, window.performance.get(measure), known.value if known is not None else None))
    segments = tuple(_segment_rows(facts, summary.model, measure))
    latest = next((row for row in rows if row.loss is not None), None)
    shown = next((one for one in found if latest is not None and one.window is latest.window), None)
    notices = tuple(quality_notices(shown.window, shown.source)) if shown is not None else ()
    line = Sparkline.of(
        [(row.window.key.model_version, row.span, row.loss) for row in reversed(rows) if row.loss is not None],
        latest.reference if latest else None,
    )
    shadows = tuple(one for one in facts.shadows if one.model == summary.model)
    return Detail(summary, words(measure), tuple(rows), segments, latest, line, notices, shadows)


def _segment_rows(facts: MetricsFacts, model: str, measure: str) -> Iterator[WindowRow]:
    """The newest window of each segment of the current version, one whose labels had their time if there is any."""
    for one in facts.segments:
        newest = one.quality or one.inputs
        if one.model == model and newest is not None:
            known = one.reference.get(measure)
            yield _row(newest, newest.performance.get(measure), known.value if known is not None else None)


def _measure(windows: Sequence[WindowRecord], referenced: Sequence[str]) -> str:
    """The measure that stands for the model's quality."""
    present = {name for window in windows for name in window.performance} | set(referenced)
    return next((name for name in _LOSSES if name in present), _LOSSES[0])


def _row(window: WindowRecord, loss: float | None, reference: float | None) -> WindowRow:
    if loss is not None and not math.isfinite(loss):
        loss = None
    ratio = loss / reference if loss is not None and reference else None
    return WindowRow(
        window=window,
        span=span(window.key.start, window.key.end),
        loss=loss,
        reference=reference,
        ratio=ratio,
        coverage=window.labels / window.rows if window.rows else None,
        provisional=window.stage is not WindowStage.COMPLETE,
        bars=tuple(_bar(verdict) for verdict in window.verdicts),
    )


def _bar(verdict: Verdict) -> Bar:
    limit = verdict.limit.value
    share = 0.0
    if verdict.evidence > 0 and limit > 0:
        share = math.log1p(min(verdict.evidence, limit)) / math.log1p(limit)
    return Bar(
        kind=words(verdict.kind.value),
        share=share if math.isfinite(share) else 0.0,
        status=verdict.status,
        named=verdict.columns if verdict.kind is AlertKind.FEATURE_DRIFT and verdict.status is Status.DRIFT else (),
        text=verdict.text or f"evidence {number(verdict.evidence)} of {number(limit)}",
    )


__all__ = ["Bar", "Detail", "ModelCard", "WindowRow", "page_router"]
