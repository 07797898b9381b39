"""A stream as a picture: the evidence of each kind of alert over its windows, alerts, triggers and known changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from driftwatch.core.history import AlertPoint, History, WindowPoint
from driftwatch.core.records import AlertKind
from driftwatch.reports.axis import Tick
from driftwatch.reports.time_axis import StreamAxis

WIDTH, HEIGHT = 1000, 64
_TOP = 8.0
"""Above the limit there is room for evidence beyond it."""
_MOST_STEPS = 500
_ORDERS = 100.0
"""Evidence is drawn on a scale of orders: a hundredth of what alarms is at a seventh of the height."""


@dataclass(frozen=True, slots=True)
class Span:
    """Something that lasts: from ``x``, so ``wide``, in the units of the picture; with words."""

    x: float
    wide: float
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happens at ``x``; with words."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Lane:
    """What happened of one kind.

    ``area`` is a path of the evidence, empty where there is none; ``limit`` is the height of what alarms.
    """

    kind: str
    area: str
    limit: float
    firing: tuple[Span, ...]
    fired: tuple[Mark, ...]
    peak: str


@dataclass(frozen=True, slots=True)
class LossLane:
    """The mean loss over windows as a line, between 0 and ``largest``; ``reference`` is a height, or None."""

    name: str
    line: str
    reference: float | None
    largest: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """All lanes over one axis."""

    lanes: tuple[Lane, ...]
    loss: LossLane | None
    triggers: tuple[Mark, ...]
    changes: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    timed: bool

    @classmethod
    def of(cls, history: History) -> Timeline:
        """Draw a stream."""
        axis = StreamAxis.of(history)
        return cls(
            lanes=tuple(_lane(history, axis, kind) for kind in history.kinds),
            loss=_loss(history, axis),
            triggers=tuple(
                Mark(_across(axis.position(one.at, one.row)), f"retrain asked for at row {one.row:,}: {one.reason}")
                for one in history.triggers
            ),
            changes=tuple(
                Mark(_across(axis.position(one.at, one.row)), f"known change before row {one.row:,}")
                for one in history.changes
            ),
            ticks=axis.ticks(),
            timed=axis.first is not None,
        )


def _lane(history: History, axis: StreamAxis, kind: AlertKind) -> Lane:
    alerts = [one for one in history.alerts if one.kind is kind and not one.segment]
    heights = [
        (*_extent(history, axis, one), _filled(one.evidence[kind])) for one in history.windows if kind in one.evidence
    ]
    peak = max((one.evidence.get(kind, 0.0) for one in history.windows), default=0.0)
    return Lane(
        kind=kind.value,
        area=steps(heights),
        limit=_TOP,
        firing=tuple(_firing(axis, one) for one in alerts),
        fired=tuple(
            Mark(_across(axis.position(one.at, one.row)), f"alert at row {one.row:,}: {one.reason}") for one in alerts
        ),
        peak=f"at most {100.0 * peak:,.3g} % of what alarms" if peak < 1.0 else "",
    )


def _firing(axis: StreamAxis, alert: AlertPoint) -> Span:
    first = axis.position(alert.at, alert.row)
    last = 1.0
    if alert.resolved_at is not None and alert.resolved_row is not None:
        last = axis.position(alert.resolved_at, alert.resolved_row)
    return Span(_across(first), round((last - first) * WIDTH, 1), f"fires from row {alert.row:,}")


def _extent(history: History, axis: StreamAxis, window: WindowPoint) -> tuple[float, float]:
    """From where to where a window lies, between 0 and 1."""
    if axis.first is None and window.first_row is not None and window.end_row is not None:
        return window.first_row / max(history.rows, 1), min(window.end_row / max(history.rows, 1), 1.0)
    return axis.position(window.start, 0), axis.position(window.end, 0)


def _filled(evidence: float) -> float:
    """The height of evidence, 1 for what alarms."""
    return math.log1p(_ORDERS * min(max(evidence, 0.0), 1.0)) / math.log1p(_ORDERS)


def steps(heights: Sequence[tuple[float, float, float]]) -> str:
    """Steps as a closed path over the bottom of a lane.

    Parameters
    ----------
    heights
        Ascending: from, to and height, all between 0 and 1. Where there are many, the highest of neighbours stands
        for them.

    Examples
    --------
    >>> steps([(0.0, 0.5, 0.25), (0.5, 1.0, 1.0)])
    'M0 64V50H500V8H1000V64Z'
    """
    if not any(height for *_, height in heights):
        return ""
    every = -(-len(heights) // _MOST_STEPS)
    merged = [
        (part[0][0], part[-1][1], max(height for *_, height in part))
        for part in (heights[at : at + every] for at in range(0, len(heights), every))
    ]
    path = [f"M{_text(merged[0][0] * WIDTH)} {HEIGHT}"]
    before = merged[0][0]
    for first, last, height in merged:
        if first > before:
            path.append(f"V{HEIGHT}H{_text(first * WIDTH)}")
        path.append(f"V{_text(HEIGHT - height * (HEIGHT - _TOP))}H{_text(last * WIDTH)}")
        before = last
    return "".join([*path, f"V{HEIGHT}Z"])


def _loss(history: History, axis: StreamAxis) -> LossLane | None:
    known = [one for one in history.windows if math.isfinite(one.loss)]
    if len(known) < 2:
        return None
    reference = history.reference_loss
    every = -(-len(known) // _MOST_STEPS)
    groups = [known[at : at + every] for at in range(0, len(known), every)]
    points = []
    for group in groups:
        middle = sum(_extent(history, axis, group[0])[:1]) / 2.0 + _extent(history, axis, group[-1])[1] / 2.0
        points.append((middle, sum(one.loss for one in group) / len(group)))
    largest = max(loss for _, loss in points)
    largest = max(largest, reference) if math.isfinite(reference) else largest
    scale = (HEIGHT - _TOP) / (largest or 1.0)
    line = " ".join(f"{_text(x * WIDTH)},{_text(HEIGHT - loss * scale)}" for x, loss in points)
    at = round(HEIGHT - reference * scale, 1) if math.isfinite(reference) else None
    return LossLane(history.loss, line, at, largest)


def _across(position: float) -> float:
    return round(position * WIDTH, 1)


def _text(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


__all__ = ["HEIGHT", "WIDTH", "Lane", "LossLane", "Mark", "Span", "Timeline", "steps"]
