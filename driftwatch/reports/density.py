"""The distribution of a numeric column, reference and live over the same bins, from counts over the baseline's cells.

An area is a share of the values: bins and what is set apart (beyond the ends of the axis, a value that repeats so
often that nothing else would be seen) add up to 1 on each side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.baseline import ColumnBaseline
from driftwatch.core.cells import NumericCells
from driftwatch.reports.axis import Axis, Spacing, quantiles

FEWEST_BINS, MOST_BINS = 12, 48

MOST_APART = 4
"""Repeated values that are set apart."""

_DOMINATES = 3.0
_INNER = (0.005, 0.995)
_FAR_ENDS = 2.2
"""Ends that make a linear axis so many times longer than the middle 99 % are cut off."""
_REFERENCE_AT_LEAST = 0.4
"""The part of the axis that is the reference's, however far the live values reach."""
_OPEN_GAPS = 4.0
_NO_WIDTH = 1e-9
"""Cells narrower than this part of the axis are points."""


@dataclass(frozen=True, slots=True)
class Apart:
    """What is not in the bins: shares of the values on both sides, with words for them."""

    text: str
    reference: float
    live: float


@dataclass(frozen=True, slots=True, eq=False)
class Density:
    """Both distributions over the bins of an axis.

    Attributes
    ----------
    axis, lower, upper
        What is drawn, in the axis' coordinates. Bins are equally wide.
    reference, live
        Shares of the values in each bin; all 0 where a side has no value.
    below, above, repeated
        What is in no bin: beyond the ends of the axis, and values that are set apart.
    medians
        Positions from 0 to 1, None where there is none on the axis.
    """

    axis: Axis
    lower: float
    upper: float
    reference: NDArray[np.float64]
    live: NDArray[np.float64]
    below: Apart
    above: Apart
    repeated: tuple[Apart, ...]
    medians: tuple[float | None, float | None]

    @property
    def apart(self) -> tuple[Apart, ...]:
        """Everything that is in no bin and not nothing."""
        return tuple(one for one in (self.below, self.above, *self.repeated) if one.reference or one.live)

    @property
    def heights(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both sides between 0 and 1, on the same scale."""
        highest = max(float(self.reference.max()), float(self.live.max())) or 1.0
        return self.reference / highest, self.live / highest


def density(column: ColumnBaseline, live: NDArray[np.int64]) -> Density | None:
    """Spread counts over bins.

    Parameters
    ----------
    column
        Of numbers.
    live
        Counts over its cells, as a profile has them; zeros where there was nothing to count.

    Returns
    -------
    Density or None
        None for a column of names, and where the reference has fewer than two different values.
    """
    if not isinstance(column.cells, NumericCells) or np.count_nonzero(column.counts[: column.cells.n_cells]) < 2:
        return None
    edges, last = column.cells.edges, column.cells.n_cells - 1
    ours, theirs = column.counts[1:last], live[1:last]
    axis = Axis.of(edges[1:], ours)
    at = axis.coordinates(edges)
    starts, ends = _intervals(edges, at, ours)
    lower, upper = _ends(axis, starts, ends, ours, theirs)
    if not upper > lower:
        return None
    totals = (max(int(column.counts[: last + 1].sum()), 1), max(int(live[: last + 1].sum()), 1))
    n_bins = _number_of_bins(int(ours.sum()), int(theirs.sum()))
    # The share of each inner cell that lies left of each bound: 0 to 1, and 1 at the end for what ends on the axis.
    bounds = np.linspace(lower, upper, n_bins + 1)
    left_of = _left_of(starts, ends, bounds)
    own = np.nextafter(edges[:-1], np.inf) == edges[1:]
    apart: list[int] = []
    while True:
        shown = np.ones(len(ours), dtype=bool)
        shown[apart] = False
        both = [np.where(shown, counts, 0) / total for counts, total in zip((ours, theirs), totals, strict=True)]
        bins = [np.diff(share @ left_of) for share in both]
        repeated = _repeated(np.maximum(*bins), np.maximum(*both), own, left_of) if len(apart) < MOST_APART else None
        if repeated is None:
            break
        apart.append(repeated)
    beyond = [
        (float(share @ left_of[:, 0]) + counts[0] / total, float(share @ (1.0 - left_of[:, -1])) + counts[last] / total)
        for share, counts, total in zip(both, (column.counts, live), totals, strict=True)
    ]
    lowest, highest = (
        max(axis.value(lower), float(np.nextafter(edges[0], np.inf)) + 0.0),
        min(axis.value(upper), float(edges[-1])),
    )
    return Density(
        axis=axis,
        lower=lower,
        upper=upper,
        reference=bins[0],
        live=bins[1],
        below=Apart(f"below {lowest:.4g}", beyond[0][0], beyond[1][0]),
        above=Apart(f"above {highest:.4g}", beyond[0][1], beyond[1][1]),
        repeated=tuple(
            Apart(f"exactly {edges[cell + 1]:.6g}", ours[cell] / totals[0], theirs[cell] / totals[1]) for cell in apart
        ),
        medians=(
            _median(column.counts[: last + 1], starts, ends, lower, upper),
            _median(live[: last + 1], starts, ends, lower, upper),
        ),
    )


def _intervals(
    edges: NDArray[np.float64], at: NDArray[np.float64], ours: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where each inner cell begins and ends.

    A cell of a single value takes half of the empty gaps beside it: whole numbers would look like a comb.
    """
    starts, ends = at[:-1].copy(), at[1:].copy()
    own = np.flatnonzero(np.nextafter(edges[:-1], np.inf) == edges[1:])
    gaps = np.where(ours == 0, ends - starts, 0.0)
    gaps[own] = 0.0
    before = np.where(own > 0, gaps[own - 1], 0.0) / 2.0
    after = np.where(own < len(gaps) - 1, gaps[np.minimum(own + 1, len(gaps) - 1)], 0.0) / 2.0
    # Outside the first and the last value there is no gap to share: as far as inside.
    before = np.where(own == 0, after, before)
    after = np.where(own == len(gaps) - 1, before, after)
    wide = np.concatenate([before, after])
    if wide.any():
        largest = _OPEN_GAPS * float(np.median(wide[wide > 0.0]))
        starts[own] -= np.minimum(before, largest)
        ends[own] += np.minimum(after, largest)
    return starts, ends


def _ends(
    axis: Axis,
    starts: NDArray[np.float64],
    ends: NDArray[np.float64],
    ours: NDArray[np.int64],
    theirs: NDArray[np.int64],
) -> tuple[float, float]:
    """What the axis shows."""
    held = np.flatnonzero(ours)
    full = float(starts[held[0]]), float(ends[held[-1]])
    inner = _inner(starts, ends, ours)
    if axis.spacing is not Spacing.LINEAR or full[1] - full[0] <= _FAR_ENDS * (inner[1] - inner[0]):
        return full
    margin = 0.04 * (inner[1] - inner[0])
    shown = max(inner[0] - margin, full[0]), min(inner[1] + margin, full[1])
    if theirs.any():
        others = _inner(starts, ends, theirs)
        both = min(shown[0], others[0]), max(shown[1], others[1])
        if inner[1] - inner[0] >= _REFERENCE_AT_LEAST * (both[1] - both[0]):
            return both
    return shown


def _inner(starts: NDArray[np.float64], ends: NDArray[np.float64], counts: NDArray[np.int64]) -> tuple[float, float]:
    return quantiles(starts, counts, _INNER)[0], quantiles(ends, counts, _INNER)[1]


def _number_of_bins(n: int, m: int) -> int:
    """Twice the cube root of the smaller side's rows (Rice's rule), within limits."""
    smaller = min(n, m) if m else n
    return int(min(max(2.0 * smaller ** (1.0 / 3.0), FEWEST_BINS), MOST_BINS))


def _left_of(
    starts: NDArray[np.float64], ends: NDArray[np.float64], bounds: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The share of each interval (row) to the left of each bound (column)."""
    widths = ends - starts
    points = widths <= _NO_WIDTH * (bounds[-1] - bounds[0])
    with np.errstate(over="ignore"):
        parts = (bounds - starts[:, np.newaxis]) / np.where(points, 1.0, widths)[:, np.newaxis]
    parts[points] = bounds > starts[points, np.newaxis]
    parts[points, -1] = bounds[-1] >= starts[points]
    return np.clip(parts, 0.0, 1.0)


def _repeated(
    bins: NDArray[np.float64], cells: NDArray[np.float64], own: NDArray[np.bool_], left_of: NDArray[np.float64]
) -> int | None:
    """The cell of a single value that makes one bin tower over the others, if there is one."""
    highest = int(bins.argmax())
    others = float(np.delete(bins, highest).max())
    if not others > 0.0 or bins[highest] <= _DOMINATES * others:
        return None
    inside = np.diff(left_of[:, highest : highest + 2])[:, 0] * cells * own
    cell = int(inside.argmax())
    return cell if inside[cell] * 2.0 > bins[highest] else None


def _median(
    counts: NDArray[np.int64], starts: NDArray[np.float64], ends: NDArray[np.float64], lower: float, upper: float
) -> float | None:
    """The position of the middle value: within its cell as if values lay evenly there."""
    n = int(counts.sum())
    if n == 0:
        return None
    up_to = np.cumsum(counts)
    cell = int(np.searchsorted(up_to, n / 2.0))
    if not 0 < cell <= len(starts):
        return None
    into = (n / 2.0 - float(up_to[cell - 1])) / float(counts[cell])
    position = (starts[cell - 1] + into * (ends[cell - 1] - starts[cell - 1]) - lower) / (upper - lower)
    return float(position) if 0.0 <= position <= 1.0 else None
