"""Measures natural variation: cuts the reference into windows of event time and compares each with the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, kolmogi

from driftwatch.core.cells import NumericCells, cell_codes
from driftwatch.core.natural import (
    DURATIONS_SECONDS,
    LARGEST_WINDOWS,
    MIN_WINDOW_ROWS,
    MIN_WINDOWS,
    PART_MISSING,
    QUANTILE_WINDOWS,
    UPPER_SHARE,
    LossVariation,
    NaturalVariation,
    tail_probability,
)
from driftwatch.core.records import ColumnRole
from driftwatch.core.statistics.binned import binned_reference, over_bins
from driftwatch.core.table import Numbers, Table, Values
from driftwatch.core.windows import FIRST_MONDAY, MICROSECONDS

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline


class _Windows(NamedTuple):
    """Windows of one duration: each row's window, -1 where it is in none."""

    duration: int
    of_row: NDArray[np.intp]
    n_windows: int


def natural_variation(
    times: NDArray[np.float64],
    table: Table,
    columns: Mapping[str, ColumnBaseline],
    losses: Sequence[tuple[NDArray[np.float64], Numbers]] = (),
) -> NaturalVariation:
    """Measure how much the reference's windows differ from each other.

    Parameters
    ----------
    times
        Microseconds since 1970-01-01 UTC of each row of ``table``; rows with ``nan`` are left out.
    table
        The reference.
    columns
        Its baselines by name.
    losses
        Sets of rows with their times and losses (``nan`` where unknown), the best set first.

    Returns
    -------
    NaturalVariation
        Of those durations for which `MIN_WINDOWS` windows of `MIN_WINDOW_ROWS` rows exist. From PSI and from the
        square of KS, what sampling alone reaches is taken off: its 95 % point (chi-square; Kolmogorov's
        distribution) where the 95 % point of the windows is kept, and the point that one of so many windows
        exceeds where their maximum is. Windows that are random samples of the reference so get about 0, at every
        number of rows.
    """
    plans = [plan for duration in DURATIONS_SECONDS if (plan := _windows(times, duration)) is not None]
    distances: dict[int, dict[str, dict[str, float]]] = {plan.duration: {} for plan in plans}
    if plans:
        for name, column in columns.items():
            for duration, found in _column_distances(column, table[name], plans).items():
                distances[duration][name] = found
    return NaturalVariation(
        distances={duration: found for duration, found in distances.items() if found},
        windows={plan.duration: plan.n_windows for plan in plans if distances[plan.duration]},
        loss=_loss_variation(losses),
    )


def _windows(times: NDArray[np.float64], duration: int) -> _Windows | None:
    """Cut times into windows; those with too few rows are left out, and of very many an even choice is kept.

    So are a first and a last one that the reference covers in part only: three days of a week are no week.
    """
    known = np.flatnonzero(np.isfinite(times))
    position_in_time = (times[known] - FIRST_MONDAY) / (duration * MICROSECONDS)
    index = np.floor(position_in_time).astype(np.int64)
    found, inverse, counts = np.unique(index, return_inverse=True, return_counts=True)
    if len(found) == 0:
        return None
    begun, ended = float(position_in_time.min()), float(position_in_time.max())
    whole = (found >= begun - PART_MISSING) & (found + 1 <= ended + PART_MISSING)
    kept = np.flatnonzero((counts >= MIN_WINDOW_ROWS) & whole)
    if len(kept) > LARGEST_WINDOWS:
        kept = kept[np.linspace(0, len(kept) - 1, LARGEST_WINDOWS).astype(np.intp)]
    if len(kept) < MIN_WINDOWS:
        return None
    position = np.full(len(counts), -1, dtype=np.intp)
    position[kept] = np.arange(len(kept))
    of_row = np.full(len(times), -1, dtype=np.intp)
    of_row[known] = position[inverse]
    return _Windows(duration, of_row, len(kept))


def _column_distances(column: ColumnBaseline, values: Values, plans: Sequence[_Windows]) -> dict[int, dict[str, float]]:
    codes = cell_codes(column.cells, values)
    n_counts = column.cells.n_counts
    result: dict[int, dict[str, float]] = {}
    for plan in plans:
        rows = np.flatnonzero(plan.of_row >= 0)
        flat = np.bincount(plan.of_row[rows] * n_counts + codes[rows], minlength=plan.n_windows * n_counts)
        windows = flat.reshape(plan.n_windows, n_counts)
        if column.column.role is ColumnRole.LABEL:
            # A label's baseline counts present values only.
            windows[:, column.cells.n_cells :] = 0
        found = {"psi": _upper(_psi(column, windows))}
        if isinstance(column.cells, NumericCells):
            found["ks"] = _upper(_ks(column, windows))
        known = {statistic: value for statistic, value in found.items() if value is not None}
        if known:
            result[plan.duration] = known
    return result


def _upper(distances: NDArray[np.float64]) -> float | None:
    known = distances[~np.isnan(distances)]
    if len(known) < MIN_WINDOWS:
        return None
    return float(np.quantile(known, UPPER_SHARE) if len(known) >= QUANTILE_WINDOWS else known.max())


def _ks(column: ColumnBaseline, windows: NDArray[np.int64]) -> NDArray[np.float64]:
    """The distance of each window from the rest, noise taken off; ``nan`` where one of them is too small."""
    inside = np.cumsum(windows[:, : column.cells.n_cells], axis=1)
    total = np.cumsum(column.counts[: column.cells.n_cells])
    n, m, enough = _sizes(inside[:, -1], int(total[-1]))
    squared = (np.abs(inside / n[:, None] - (total - inside) / m[:, None]).max(axis=1)) ** 2
    noise = float(kolmogi(tail_probability(len(windows)))) ** 2 * (1 / n + 1 / m)
    return np.where(enough, np.sqrt(np.maximum(squared - noise, 0.0)), math.nan)


def _psi(column: ColumnBaseline, windows: NDArray[np.int64]) -> NDArray[np.float64]:
    """The index of each window against the rest, noise taken off; ``nan`` where one of them is too small."""
    inside, total = over_bins(column, windows), binned_reference(column).counts
    rest = total - inside
    n, m, enough = _sizes(inside.sum(axis=1), int(total.sum()))
    # As in the statistic itself: a bin that is empty on one side counts as half a row there.
    q, p = np.maximum(inside, 0.5) / n[:, None], np.maximum(rest, 0.5) / m[:, None]
    used = total > 0
    index = ((q - p) * np.log(q / p))[:, used].sum(axis=1)
    degrees = max(int(np.count_nonzero(used)) - 1, 1)
    noise = float(chdtri(degrees, tail_probability(len(windows)))) * (1 / n + 1 / m)
    return np.where(enough, np.maximum(index - noise, 0.0), math.nan)


def _sizes(inside: NDArray[np.int64], total: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Rows in each window, rows in the rest (both at least 1), and whether both are enough."""
    rest = total - inside
    enough = (inside >= MIN_WINDOW_ROWS) & (rest >= MIN_WINDOW_ROWS)
    return np.maximum(inside, 1).astype(np.float64), np.maximum(rest, 1).astype(np.float64), enough


def _loss_variation(losses: Sequence[tuple[NDArray[np.float64], Numbers]]) -> dict[int, LossVariation]:
    result: dict[int, LossVariation] = {}
    for times, loss in losses:
        known = np.isfinite(loss.values)
        largest = float(loss.values[known].max(initial=0.0))
        if largest <= 0.0:
            continue
        values = loss.values[known] / largest
        for duration in DURATIONS_SECONDS:
            plan = _windows(times[known], duration)
            if plan is not None and duration not in result:
                deviation = _relative_deviation(plan, values)
                result[duration] = LossVariation(
                    deviation=deviation,
                    of_reference=deviation / math.sqrt(plan.n_windows),
                    windows=plan.n_windows,
                    duration_seconds=float(duration),
                )
    return dict(sorted(result.items()))


def _relative_deviation(plan: _Windows, values: NDArray[np.float64]) -> float:
    rows = plan.of_row >= 0
    window = plan.of_row[rows]
    n = np.bincount(window, minlength=plan.n_windows)
    means = np.bincount(window, values[rows], plan.n_windows) / n
    variances = np.bincount(window, (values[rows] - means[window]) ** 2, plan.n_windows) / (n - 1)
    beyond = float(means.var(ddof=1) - (variances / n).mean())
    return math.sqrt(max(beyond, 0.0)) / float(values.mean())
