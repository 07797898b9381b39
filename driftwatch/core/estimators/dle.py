"""Direct loss estimation: how large a regression's errors are, as their features let one expect.

A small model of the loss (`LossTrees`) learned, on rows with labels, where the model errs much and where little. It
says of every row what loss to expect; the mean over a window is the estimate. As with all estimates without labels, a
change of the concept goes unseen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.cells import NumericCells, cell_codes
from driftwatch.core.estimators.loss_trees import BINS, MOST_TREES, LossTrees, grown_trees
from driftwatch.core.moments import exact_sum, from_units
from driftwatch.core.performance.measure import NOT_NEGATIVE, Measure, normal, undefined

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.table import Table

LEVELS = 8
"""Groups of rows by expected loss, each with its own scatter of losses about what was expected."""

MOST_FEATURES = 64
"""That the model of the loss looks at: those by whose bins the mean loss differs most."""

MOST_ROWS = 10_000
"""That it is fitted on, a uniform sample of those with labels."""

FEWEST_ROWS = 300

_FOLDS = 3
_SEED = 20_240_301
_LARGEST_ERROR = 2.0**120
"""Errors beyond this count as this: squares of their squares stay finite."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LossModel:
    """What loss to expect of a row.

    Attributes
    ----------
    features
        Names of the features that are looked at.
    bins
        By feature, the bin of each of its cells (missing values have one, too): ``uint8``, as long as counts over the
        baseline's cells.
    trees
        Over those bins.
    edges
        Expected losses that separate the levels, ascending.
    centre, slope_error
        The mean absolute error of the labelled rows, and the relative standard error of how far what is expected
        follows the errors away from it: it counts where the inputs moved to where errors are larger or smaller.
    rows
        By level, the labelled rows that were in it when they were left out of the fit.
    variance
        By level, the mean square of what their absolute errors were off, by that of what was expected.
    square
        By level, the mean square of their errors, by that of what was expected: errors scatter, so that their squares
        are larger than those of their means.
    square_variance
        By level, the mean square of what the squares of their errors were off, by the mean fourth power of what was
        expected.
    """

    features: tuple[str, ...]
    bins: tuple[NDArray[np.uint8], ...]
    trees: LossTrees
    edges: Floats
    centre: float
    slope_error: float
    rows: NDArray[np.int64]
    variance: Floats
    square: Floats
    square_variance: Floats

    def expected(self, columns: Mapping[str, ColumnBaseline], table: Table) -> Floats:
        """The expected absolute error of each row; a feature that the table lacks is missing in every row."""
        n_rows = len(table)
        codes = np.empty((n_rows, max(len(self.features), 1)), dtype=np.uint8)
        for at, (name, bins) in enumerate(zip(self.features, self.bins, strict=True)):
            cells = columns[name].cells
            codes[:, at] = bins[cell_codes(cells, table[name]) if name in table else _missing(columns[name])]
        return np.maximum(self.trees.of(codes), 0.0)

    def levels(self, expected: Floats) -> NDArray[np.intp]:
        """The level of each row."""
        return np.searchsorted(self.edges, expected, side="right")

    def standard_error(self, levels: NDArray[np.int64], variance: float) -> float:
        """Of a mean expected loss, as an estimate of what labels will show.

        Parameters
        ----------
        levels
            Rows by level.
        variance
            The mean, over the rows, of that of a row's loss about what is expected of it.
        """
        n = int(levels.sum())
        share = levels / n
        # Rows of a level were known about as well as so many labelled ones tell.
        known = float(np.square(share) @ (1.0 / np.maximum(self.rows, 1)))
        return math.sqrt(variance * (1.0 / n + known))

    def to_document(self) -> dict[str, Any]:
        """A JSON-able form, exact."""
        return {
            "features": list(self.features),
            "bins": [bins.tolist() for bins in self.bins],
            "trees": self.trees.to_document(),
            "edges": self.edges.tolist(),
            "centre": self.centre,
            "slope_error": self.slope_error,
            "rows": self.rows.tolist(),
            "variance": self.variance.tolist(),
            "square": self.square.tolist(),
            "square_variance": self.square_variance.tolist(),
        }

    @classmethod
    def from_document(cls, document: Any, columns: Mapping[str, ColumnBaseline]) -> LossModel:
        """The inverse of `to_document`.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the document is not such a form, or of another baseline.
        """
        features = tuple(str(name) for name in document["features"])
        bins = tuple(_read_bins(one) for one in document["bins"])
        lengths = [columns[name].cells.n_counts for name in features]
        edges = np.array(document["edges"], dtype=np.float64).reshape(-1)
        rows = np.array(document["rows"], dtype=np.int64).reshape(-1)
        by_level = [
            np.array(document[name], dtype=np.float64).reshape(-1) for name in ("variance", "square", "square_variance")
        ]
        fits = (
            [len(one) for one in bins] == lengths and len(edges) == LEVELS - 1 and bool((np.diff(edges) >= 0.0).all())
        )
        fits = fits and all(len(one) == LEVELS for one in (rows, *by_level))
        if not fits or rows.min() < 0 or not all(np.isfinite(one).all() and one.min() >= 0.0 for one in by_level):
            raise ValueError("a loss model does not fit its baseline")
        trees = LossTrees.from_document(document["trees"], len(features))
        centre, slope_error = (_not_negative(document[name]) for name in ("centre", "slope_error"))
        return cls(features, bins, trees, edges, centre, slope_error, rows, *by_level)


def _not_negative(value: Any) -> float:
    number = float(value)
    if not 0.0 <= number < math.inf:
        raise ValueError("a loss model has a number that cannot be")
    return number


def _read_bins(values: Any) -> NDArray[np.uint8]:
    found = np.array(values, dtype=np.int64).reshape(-1)
    if found.min(initial=0) < 0 or found.max(initial=0) >= BINS:
        raise ValueError("a loss model has a bin that cannot be")
    return found.astype(np.uint8)


def _missing(column: ColumnBaseline) -> int:
    cells = column.cells
    return cells.n_cells if isinstance(cells, NumericCells) else cells.n_counts - 1


def fitted_loss_model(
    columns: Mapping[str, ColumnBaseline], by_cell: Mapping[str, NDArray[np.int32]], errors: Floats
) -> LossModel | None:
    """Learn where errors are large.

    Whether it learned anything is decided on rows that were left out: three parts of the rows, each told of by trees
    that were fitted on the others.

    Parameters
    ----------
    columns
        The baseline's, over whose cells the features are binned.
    by_cell
        By feature, the cell of each row; shape ``(n,)``.
    errors
        Absolute errors of the same rows, which the watched model was not fitted on, at best; finite.

    Returns
    -------
    LossModel or None
        None where there are fewer than `FEWEST_ROWS`, or the features say nothing of the errors of rows left out.
    """
    if len(errors) < FEWEST_ROWS or not by_cell:
        return None
    loss = np.minimum(errors, _LARGEST_ERROR)
    features = list(by_cell)
    binned = {name: _bins(columns[name], codes, loss) for name, codes in by_cell.items()}
    told = {name: _told(binned[name][codes], loss) for name, codes in by_cell.items()}
    chosen = sorted(sorted(features, key=lambda name: -told[name])[:MOST_FEATURES], key=features.index)
    codes = np.column_stack([binned[name][by_cell[name]] for name in chosen])
    left_out, n_trees = _left_out(codes, loss)
    gained = np.square(loss - loss.mean()) - np.square(loss - left_out)
    if n_trees == 0 or not gained.mean() > 2.0 * gained.std() / math.sqrt(len(gained)):
        return None
    slope, slope_error = _slope(left_out, loss)
    if slope <= 0.0:
        return None
    left_out = np.maximum(loss.mean() + slope * (left_out - left_out.mean()), 0.0)
    edges = np.quantile(left_out, np.arange(1, LEVELS) / LEVELS)
    level = np.searchsorted(edges, left_out, side="right")
    rows = np.bincount(level, minlength=LEVELS)

    def by_level(values: Floats, power: int) -> Floats:
        sums, of_expected = (np.bincount(level, weights=one, minlength=LEVELS) for one in (values, left_out**power))
        return sums / np.maximum(of_expected, np.finfo(np.float64).tiny)

    square = by_level(np.square(loss), 2)
    trees = grown_trees(codes, loss, n_trees)
    centre = float(loss.mean())
    trees = replace(trees, start=centre + slope * (trees.start - centre), leaf=slope * trees.leaf)
    used = trees.used()
    # Features that no tree asks for need not be looked up in every row.
    position = np.zeros(len(chosen), dtype=np.int16)
    position[used] = np.arange(len(used))
    return LossModel(
        features=tuple(chosen[at] for at in used),
        bins=tuple(binned[chosen[at]] for at in used),
        trees=LossTrees(trees.start, position[trees.feature], trees.cut, trees.leaf),
        edges=edges,
        centre=centre,
        slope_error=slope_error,
        rows=rows.astype(np.int64),
        variance=by_level(np.square(loss - left_out), 2),
        square=square,
        square_variance=by_level(np.square(np.square(loss) - square[level] * np.square(left_out)), 4),
    )


def _bins(column: ColumnBaseline, codes: NDArray[np.int32], loss: Floats) -> NDArray[np.uint8]:
    """The bin of each cell: of numbers by their order and mass, of names by their mean loss; the last for missing."""
    cells = column.cells
    rows = np.bincount(codes, minlength=cells.n_counts).astype(np.float64)
    order = np.arange(cells.n_cells)
    if not isinstance(cells, NumericCells):
        # A name with few rows is drawn towards the mean of all.
        sums = np.bincount(codes, weights=loss, minlength=cells.n_counts)
        order = np.argsort(((sums + 10.0 * loss.mean()) / (rows + 10.0))[: cells.n_cells], kind="stable")
    mass = rows[order]
    middle = (np.cumsum(mass) - mass / 2.0) / max(float(mass.sum()), 1.0)
    bins = np.full(cells.n_counts, BINS - 1, dtype=np.uint8)
    bins[order] = np.minimum(middle * (BINS - 1), BINS - 2).astype(np.uint8)
    return bins


def _told(bins: NDArray[np.uint8], loss: Floats) -> float:
    """The share of the losses' variance that lies between the bins of one feature."""
    rows = np.bincount(bins, minlength=BINS)
    means = np.bincount(bins, weights=loss, minlength=BINS) / np.maximum(rows, 1)
    variance = float(loss.var())
    return float(rows @ np.square(means - loss.mean())) / len(loss) / variance if variance > 0.0 else 0.0


def _left_out(codes: NDArray[np.uint8], loss: Floats) -> tuple[Floats, int]:
    """What rows are told to expect by trees that did not see them, and by how many trees that is best."""
    fold = np.random.default_rng(_SEED).permutation(len(loss)) % _FOLDS
    told = np.empty((MOST_TREES + 1, len(loss)))
    for one in range(_FOLDS):
        out = fold == one
        trees = grown_trees(codes[~out], loss[~out], MOST_TREES)
        for first, of_first in enumerate(trees.steps(codes[out])):
            told[first, out] = of_first
    best = int(np.square(told - loss).mean(axis=1).argmin())
    return told[best], best


N_SUMS = 4
"""Exact sums that are kept of rows: of the expected absolute errors and their squares, and of the variances of both."""


def _slope(told: Floats, loss: Floats) -> tuple[float, float]:
    """How much losses of rows left out rise with what they were told, and the relative standard error of that.

    Trees hold back: what they tell differs less from the mean than what is so.

    References
    ----------
    White, H. (1980): A heteroskedasticity-consistent covariance matrix estimator and a direct test for
    heteroskedasticity. https://doi.org/10.2307/1912934
    """
    x, y = told - told.mean(), loss - loss.mean()
    squares = float(x @ x)
    if squares == 0.0:
        return 0.0, 0.0
    slope = float(x @ y) / squares
    error = math.sqrt(float(np.square(x) @ np.square(y - slope * x))) / squares
    return slope, error / slope if slope > 0.0 else 0.0


def summed(
    model: LossModel, columns: Mapping[str, ColumnBaseline], table: Table
) -> tuple[tuple[int, ...], NDArray[np.int64]]:
    """The exact sums of rows, and the rows by level."""
    expected = model.expected(columns, table)
    level = model.levels(expected)
    squared = np.square(expected)
    terms = (
        expected,
        model.square[level] * squared,
        model.variance[level] * squared,
        model.square_variance[level] * np.square(squared),
    )
    return tuple(map(exact_sum, terms)), np.bincount(level, minlength=LEVELS).astype(np.int64)


def estimated(model: LossModel, sums: tuple[int, ...], levels: NDArray[np.int64]) -> dict[str, Measure]:
    """``mae``, ``mse`` and ``rmse`` as expected, from what `summed` gave; ``nan`` without rows.

    The interval is of what labels will show of these very rows, if errors still depend on features as they did.
    """
    n = int(levels.sum())
    if n == 0:
        return dict.fromkeys(("mae", "mse", "rmse"), undefined(0))
    absolute, squares, variance, square_variance = (from_units(total, n) for total in sums)
    # Where the inputs moved, it counts how surely errors follow them; squares follow twice as far.
    moved = abs(absolute - model.centre) * model.slope_error
    error = math.hypot(model.standard_error(levels, variance), moved)
    mae = normal(absolute, error, n, within=NOT_NEGATIVE)
    of_squares = 2.0 * moved * squares / absolute if absolute > 0.0 else 0.0
    error = math.hypot(model.standard_error(levels, square_variance), of_squares)
    mse = normal(squares, error, n, within=NOT_NEGATIVE)
    root = math.sqrt(squares)
    rmse = Measure(
        value=root,
        standard_error=mse.standard_error / (2.0 * root) if root > 0.0 else math.nan,
        n=n,
        lower=math.sqrt(mse.lower),
        upper=math.sqrt(mse.upper),
    )
    return {"mae": mae, "mse": mse, "rmse": rmse}
