"""Every column as a card: what was found, what changed, and both distributions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from driftwatch.core.baseline import ColumnBaseline
from driftwatch.core.compare import Report
from driftwatch.core.moments import Moments
from driftwatch.core.profile import ColumnProfile
from driftwatch.core.records import Finding, Status
from driftwatch.reports.density import density
from driftwatch.reports.figure import Figure
from driftwatch.reports.order import ColumnFindings, ordered
from driftwatch.reports.shares import Share, of_absent, of_apart, of_few_values, of_names

UNFOLDED = 12
"""With up to so many columns no card is folded."""

_ASK_FOR_A_LOOK = frozenset({Status.DRIFT, Status.WARNING, Status.ERROR})


@dataclass(frozen=True, slots=True)
class Side:
    """The values of one side in numbers; ``nan`` where there are none."""

    name: str
    rows: int
    mean: float
    std: float
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Card:
    """A column as it is shown.

    ``importance`` is None where the baseline was not given it. ``figure`` is None for names and for numbers of which
    there are few. ``shares`` are those of names or of few values, or what the figure leaves out; those of missing ones
    come last. Where nothing was measured there are no findings, and ``note`` says why. ``full`` is the share that a
    bar of full length stands for.
    """

    anchor: str
    name: str
    role: str
    kind: str
    importance: float | None
    status: Status
    change: str
    note: str
    findings: tuple[Finding, ...]
    figure: Figure | None
    shares: tuple[Share, ...]
    full: float
    sides: tuple[Side, ...]
    unfolded: bool


def cards(report: Report) -> tuple[Card, ...]:
    """A card for every column that has findings, in their order.

    Parameters
    ----------
    report
        With a baseline and a profile, or without: then cards have no figures.
    """
    columns = ordered(report)
    names = report.baseline.columns if report.baseline is not None else sorted(one.name for one in columns)
    anchors = {name: f"column-{at}" for at, name in enumerate(names, 1)}
    few = len(columns) <= UNFOLDED
    return tuple(_card(report, column, anchors[column.name], unfolded=few) for column in columns)


def _card(report: Report, found: ColumnFindings, anchor: str, *, unfolded: bool) -> Card:
    figure: Figure | None = None
    shares: tuple[Share, ...] = ()
    sides: tuple[Side, ...] = ()
    role = kind = ""
    if report.baseline is not None and report.profile is not None:
        column, live = report.baseline.columns[found.name], report.profile.columns[found.name]
        role, kind = column.column.role.value, column.column.kind_text
        shares = of_names(column, live.counts) or of_few_values(column, live.counts)
        drawn = None if shares else density(column, live.counts)
        if drawn is not None:
            figure, shares = Figure.of(drawn), of_apart(drawn.apart)
        shares += of_absent(column, live.counts)
        sides = _sides(column, live)
    return Card(
        anchor=anchor,
        name=found.name,
        role=role,
        kind=kind,
        importance=report.baseline.importance.get(found.name) if report.baseline is not None else None,
        status=found.status,
        change=found.findings[0].change.text,
        note="; ".join(one.note for one in found.findings if not one.statistic),
        findings=tuple(one for one in found.findings if one.statistic),
        figure=figure,
        shares=shares,
        full=1.0 if figure is not None else max((max(one.reference, one.live) for one in shares), default=0.0) or 1.0,
        sides=sides,
        unfolded=unfolded or found.status in _ASK_FOR_A_LOOK,
    )


def _sides(column: ColumnBaseline, live: ColumnProfile) -> tuple[Side, ...]:
    if column.moments is None or live.moments is None:
        return ()
    return (_side("reference", column.n, column.moments), _side("live", live.n, live.moments))


def _side(name: str, rows: int, moments: Moments) -> Side:
    if moments.count == 0:
        return Side(name, rows, *(math.nan,) * 4)
    with np.errstate(all="ignore"):
        return Side(name, rows, moments.mean, moments.std, moments.minimum, moments.maximum)
