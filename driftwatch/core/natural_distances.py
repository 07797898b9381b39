r"""How far windows of the reference lie from its rest, by the statistics that no other stands in for.

Distances are taken from counts over the baseline's cells, so that many rows are read once. Sampling makes distances of
its own, which go as ``sqrt(1 / n + 1 / m)`` with ``n`` rows in the window and ``m`` in the rest. As for PSI and KS, the
square of what one of so many windows reaches by sampling alone is taken off the square of each distance:

- distances of distribution functions (Wasserstein, energy, Anderson-Darling): in the limit of many rows the difference
  is a Brownian bridge ``B(F)``, of which a thousand are drawn, always the same;
- quantiles: the same bridges, added to the distribution function at the size of the middle window;
- the mean's shift is normal with variance 1, the standard deviation's with ``(kurtosis - 1) / 4``, and shares are
  binomial.

References
----------
Doob, J. L. (1949). Heuristic approach to the Kolmogorov-Smirnov theorems. Annals of Mathematical Statistics 20(3).
doi:10.1214/aoms/1177729991
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrik, betaincinv, ndtri

from driftwatch.core.natural import MIN_WINDOW_ROWS, tail_probability
from driftwatch.core.natural_rows import OutermostRows, RareNames
from driftwatch.core.records import ColumnKind
from driftwatch.core.statistics.quantile_shift import LEVELS
from driftwatch.core.statistics.steps import reference_steps
from driftwatch.core.statistics.stretches import LARGEST_SCALES, stretches

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

BRIDGES = 1_000

GROUPS = 128
"""Cells are joined to groups of this part of the reference."""

OUTERMOST = 8
"""So many cells at both ends stay by themselves: they may be wide."""

_GRID = 1_024
_SPREADS = ((1, 3), (0, 4))
"""Which of the levels a shift of quantiles is measured in, as in the statistic itself."""


class Sizes(NamedTuple):
    """Rows in each window and in its rest (both at least 1), and whether both are enough."""

    n: Floats
    m: Floats
    enough: NDArray[np.bool_]

    @classmethod
    def of(cls, inside: Counts, total: int) -> Sizes:
        """From the rows in each window, and in all of the reference."""
        rest = total - inside
        enough = (inside >= MIN_WINDOW_ROWS) & (rest >= MIN_WINDOW_ROWS)
        return cls(np.maximum(inside, 1).astype(np.float64), np.maximum(rest, 1).astype(np.float64), enough)

    @property
    def noise(self) -> Floats:
        """How the variance of sampling goes with the sizes."""
        return 1.0 / self.n + 1.0 / self.m

    def without(self, distances: Floats, squared_noise: Floats) -> Floats:
        """Distances with noise taken off; ``nan`` where a side is too small."""
        return np.where(self.enough, np.sqrt(np.maximum(distances**2 - squared_noise, 0.0)), math.nan)


class Groups(NamedTuple):
    """Neighbouring cells of a numeric column, joined to about 150 groups: for distances, that is as good.

    ``ends`` is the upper end of each, in scales; ``lengths`` and ``tail_weights`` (Anderson-Darling's) are what the
    difference of two distribution functions at that end counts for.
    """

    starts: NDArray[np.intp]
    counts: Counts
    after: Floats
    ends: Floats
    middle: Floats
    alone: NDArray[np.bool_]
    lengths: Floats
    tail_weights: Floats
    scale: float

    @classmethod
    def of(cls, column: ColumnBaseline) -> Groups:
        """Groups of about equal mass; a cell of much mass, and each of the outermost, stays by itself."""
        reference, here = reference_steps(column), stretches(column)
        cells = len(reference.counts)
        shares = reference.counts / max(reference.n, 1)
        step = np.floor(reference.after * GROUPS)
        starts = np.zeros(cells, dtype=np.bool_)
        starts[1:] = step[1:] > step[:-1]
        heavy = np.flatnonzero(shares > 0.5 / GROUPS)
        starts[heavy] = starts[np.minimum(heavy + 1, cells - 1)] = True
        starts[:OUTERMOST] = starts[-OUTERMOST:] = True
        first = np.flatnonzero(starts)
        last = np.append(first[1:], cells) - 1
        upper, lower = np.append(here.ends, here.ends[-1:]), np.append(here.ends[:1], here.ends)
        alone = (first == last) & reference.alone[last]
        middle = np.where(reference.alone, upper, (upper + lower) / 2.0)
        level = np.where(reference.alone, reference.after, (reference.before + reference.after) / 2.0)
        held = (shares > 0.0) & (level < 1.0)
        weights = np.where(held, shares / np.where(held, level * (1.0 - level), 1.0), 0.0)
        counts = np.add.reduceat(reference.counts, first)
        in_middle = np.add.reduceat(reference.counts * middle, first) / np.maximum(counts, 1)
        weights = np.add.reduceat(weights, first)
        return cls(
            starts=first,
            counts=counts,
            after=reference.after[last],
            ends=upper[last],
            middle=np.where(counts > 0, in_middle, middle[first]),
            alone=alone,
            lengths=_at_ends(np.add.reduceat(here.lengths, first)),
            tail_weights=np.where(alone, weights, 0.0) + _at_ends(np.where(alone, 0.0, weights)),
            scale=here.scale,
        )


def _at_ends(weights: Floats) -> Floats:
    """Weights of groups as weights of their upper ends: half to each end, of which the lowest counts for nothing."""
    halves = weights / 2.0
    return np.append(halves[:-1] + halves[1:], halves[-1:])


def other_distances(
    column: ColumnBaseline, windows: Counts, apart: OutermostRows | RareNames, duration: int
) -> dict[str, Floats]:
    """The distance of each window from the rest by each statistic but PSI and KS, noise taken off.

    Parameters
    ----------
    column
        With the counts of all rows.
    windows
        Counts over its cells, a row a window.
    apart
        What was gathered of its rows beside the counts.
    duration
        The position of the windows' duration in ``apart``.

    Returns
    -------
    dict
        ``nan``, or not finite, where a distance is not known.
    """
    tail = tail_probability(len(windows))
    cells = column.cells.n_cells
    missing = int(column.counts[cells])
    found = {"missing_share": _share(windows[:, cells], windows.sum(axis=1), missing, column.n, tail)}
    # What overflows is no distance: it is left out like what is not known.
    with np.errstate(all="ignore"):
        if isinstance(apart, OutermostRows):
            if column.moments is not None and column.moments.count:
                groups = Groups.of(column)
                grouped = np.add.reduceat(windows[:, :cells], groups.starts, axis=1)
                found |= _of_functions(groups, grouped, tail, column.moments.std)
                found |= _of_moments(groups, grouped, apart, duration, tail)
            found["out_of_range_share"] = _out_of_range_share(column, windows, tail)
        elif column.column.kind is ColumnKind.BOOLEAN:
            present = windows[:, :cells].sum(axis=1)
            found["fisher"] = _share(windows[:, 0], present, int(column.counts[0]), column.n_present, tail)
        else:
            found["unseen_share"] = _unseen_share(column, windows, apart, duration, tail)
    return found


def _of_moments(
    groups: Groups, windows: Counts, outermost: OutermostRows, duration: int, tail: float
) -> dict[str, Floats]:
    """Shifts of mean and standard deviation: rows of inner groups stand in the middle of their cells."""
    is_outermost = np.isin(groups.starts, outermost.cells)
    n, far = int(groups.counts.sum()), int(groups.counts[is_outermost].sum())
    counts, of_far = np.where(is_outermost, 0, groups.counts), outermost.total
    mean = float(counts @ groups.middle + of_far[0]) / n
    middle = np.where(is_outermost, 0.0, groups.middle - mean)
    # Powers of deviations from the mean, from those of deviations from the centre.
    squares = of_far[1] - 2.0 * mean * of_far[0] + far * mean**2
    fourths = of_far[3] - 4.0 * mean * of_far[2] + 6.0 * mean**2 * of_far[1] - 4.0 * mean**3 * of_far[0] + far * mean**4
    variance = (float(counts @ middle**2) + squares) / n
    if not 0.0 < variance < math.inf:
        return {}
    own_far, (first, second) = windows[:, is_outermost].sum(axis=1), outermost.by_window[duration]
    sums = windows @ middle + first - own_far * mean
    own_squares = windows @ middle**2 + second - 2.0 * mean * first + own_far * mean**2
    sizes = Sizes.of(windows.sum(axis=1), n)
    # The deviations of all rows add up to nothing.
    mean_shift = np.abs(sums) * sizes.noise / math.sqrt(variance)
    spreads = _spread(sums, own_squares, sizes.n), _spread(-sums, variance * n - own_squares, sizes.m)
    kurtosis = (float(counts @ middle**4) + fourths) / n / variance**2
    noise = float(ndtri(tail / 2.0)) ** 2 * sizes.noise
    return {
        "mean_shift": sizes.without(mean_shift, noise),
        "variance_shift": sizes.without(np.abs(spreads[0] / spreads[1] - 1.0), noise * (kurtosis - 1.0) / 4.0),
    }


def _out_of_range_share(column: ColumnBaseline, windows: Counts, tail: float) -> Floats:
    """The share of rows beyond all of the rest, infinities included: of finite ones, those in cells of their own."""
    cells, infinite, all_infinite = column.cells.n_cells, windows[:, -1], int(column.counts[-1])
    outside = infinite.copy()
    for direction in (1, -1):
        total, own = column.counts[:cells][::direction], windows[:, :cells][:, ::direction]
        held = np.flatnonzero(total)
        # At most one window has all rows of the outermost cell that has any.
        for window in np.flatnonzero(own[:, held[0]] == total[held[0]]) if len(held) else ():
            shared = int(np.argmax(total > own[window]))
            outside[window] += int(own[window, :shared].sum())
    present = column.n_present + all_infinite
    sizes = Sizes.of(windows[:, :cells].sum(axis=1) + infinite, present)
    shift = np.abs(outside / sizes.n - (all_infinite - infinite) / sizes.m)
    by_chance = betaincinv(2.0, np.maximum(sizes.m - 1.0, 1.0), 1.0 - tail)
    return sizes.without(shift, (by_chance + _binomial_noise(sizes, all_infinite / max(present, 1), tail)) ** 2)


def _unseen_share(column: ColumnBaseline, windows: Counts, rare: RareNames, duration: int, tail: float) -> Floats:
    """The share of rows whose name the rest does not have."""
    named = slice(0, column.cells.n_cells - 2)
    alone = np.where(column.counts[named] == windows[:, named], windows[:, named], 0).sum(axis=1)
    sizes = Sizes.of(windows[:, :-1].sum(axis=1), column.n_present)
    # Of names that occur once, a window has as many for itself as chance gives it.
    share = rare.once / max(column.n_present, 1)
    by_chance = share + _binomial_noise(sizes, share, tail)
    return sizes.without((alone + rare.alone(duration)) / sizes.n, by_chance**2)


def _spread(sums: Floats, squares: Floats, rows: Floats) -> Floats:
    """Standard deviations of windows, from sums of values and of their squares."""
    spread: Floats = np.sqrt(np.maximum(squares - sums**2 / rows, 0.0) / np.maximum(rows - 1.0, 1.0))
    return spread


def _share(held: Counts, rows: Counts, held_in_all: int, all_rows: int, tail: float) -> Floats:
    sizes = Sizes.of(rows, all_rows)
    shift = np.abs(held / sizes.n - (held_in_all - held) / sizes.m)
    return sizes.without(shift, _binomial_noise(sizes, held_in_all / max(all_rows, 1), tail) ** 2)


def _binomial_noise(sizes: Sizes, share: float, tail: float) -> Floats:
    """How far a window's share strays from the rest's by chance: farther with probability ``tail`` at most, nearly."""
    if not 0.0 < share < 1.0:
        return np.zeros(len(sizes.n))
    # The rest is large: that it strays, too, makes the window a little smaller.
    n = 1.0 / sizes.noise
    high = np.ceil(bdtrik(1.0 - tail / 2.0, n, share)) / n - share
    low = share - np.floor(bdtrik(tail / 2.0, n, share)) / n
    noise: Floats = np.maximum(np.maximum(high, low), 0.0)
    return noise


@lru_cache(maxsize=1)
def _bridges() -> Floats:
    """Brownian bridges at the multiples of ``1 / _GRID``: a matrix of ``(_GRID + 1, BRIDGES)``."""
    steps = np.random.default_rng(0).standard_normal((_GRID, BRIDGES)) / math.sqrt(_GRID)
    walks = np.vstack([np.zeros(BRIDGES), np.cumsum(steps, axis=0)])
    bridges: Floats = walks - np.linspace(0.0, 1.0, _GRID + 1)[:, None] * walks[-1]
    return bridges


def _bridges_at(shares: Floats) -> Floats:
    """Bridges at some shares of the reference, a row a bridge."""
    return _bridges()[np.rint(shares * _GRID).astype(np.intp)].T


def _of_functions(groups: Groups, windows: Floats, tail: float, std: float) -> dict[str, Floats]:
    """Distances of distribution functions and quantiles, over the finite values."""
    inside = np.cumsum(windows, axis=1)
    total = np.cumsum(groups.counts)
    sizes = Sizes.of(windows.sum(axis=1), int(total[-1]))
    share, others = inside / sizes.n[:, None], (total - inside) / sizes.m[:, None]
    differences, bridges = np.abs(share - others), np.abs(_bridges_at(groups.after))
    unit = _noise_free(sizes, differences @ groups.lengths, bridges @ groups.lengths, tail)
    squares, square_bridges = differences**2, bridges**2
    roots = (
        _noise_free(sizes, np.sqrt(squares @ weights), np.sqrt(square_bridges @ weights), tail)
        for weights in (2.0 * groups.lengths, groups.tail_weights)
    )
    energy, anderson_darling = roots
    return {
        "wasserstein": unit * groups.scale,
        "wasserstein_std": unit * (groups.scale / std) if 0.0 < std < math.inf else np.full(len(windows), math.nan),
        "energy_distance": energy * math.sqrt(groups.scale),
        "anderson_darling": anderson_darling,
        "quantile_shift": _quantile_shift(groups, share, others, sizes, tail),
    }


def _noise_free(sizes: Sizes, distances: Floats, of_bridges: Floats, tail: float) -> Floats:
    return sizes.without(distances, float(np.quantile(of_bridges, 1.0 - tail)) ** 2 * sizes.noise)


def _quantile_shift(groups: Groups, share: Floats, others: Floats, sizes: Sizes, tail: float) -> Floats:
    own = _quantiles(groups, groups.after[None, :])[0]
    whole = float(groups.ends[-1] - groups.ends[0])
    spread = next((own[high] - own[low] for low, high in _SPREADS if own[high] > own[low]), whole)
    if not 0.0 < spread < LARGEST_SCALES:
        return np.full(len(share), math.nan)
    moved = np.abs(_quantiles(groups, share) - _quantiles(groups, others)).max(axis=1)
    size = float(np.median(sizes.noise))
    strayed = np.maximum.accumulate(groups.after + math.sqrt(size) * _bridges_at(groups.after), axis=1)
    by_chance = np.abs(_quantiles(groups, np.clip(strayed, 0.0, 1.0)) - own).max(axis=1)
    return sizes.without(moved, float(np.quantile(by_chance, 1.0 - tail)) ** 2 / size * sizes.noise) / spread


def _quantiles(groups: Groups, after: Floats) -> Floats:
    """Five quantiles of each distribution function, rows of a group spread evenly, in scales."""
    # Functions one above the other are one ascending sequence, and a single search finds all.
    rows = np.arange(len(after))[:, None]
    stacked = (np.minimum(after, 1.0) + 2.0 * rows).ravel()
    cell = np.searchsorted(stacked, LEVELS + 2.0 * rows - 1e-9) - rows * after.shape[1]
    cell = np.clip(cell, 0, after.shape[1] - 1)
    low, high = np.concatenate([groups.ends[:1], groups.ends])[cell], groups.ends[cell]
    before = np.where(cell > 0, np.take_along_axis(after, np.maximum(cell - 1, 0), axis=1), 0.0)
    within = np.take_along_axis(after, cell, axis=1) - before
    part = np.clip((LEVELS - before) / np.where(within > 0.0, within, 1.0), 0.0, 1.0)
    found: Floats = np.where(groups.alone[cell], high, low + (high - low) * part)
    return found
