"""Two samples of rows, ready to be compared as wholes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.multivariate.encoding import Encoding, Matrix
from driftwatch.core.table import Numbers, Table, Values

MOST_ROWS = 10_000
"""Rows of each sample; of more, a uniform sample."""

MOST_COLUMNS = 100
"""Columns that are looked at together; of more, a uniform sample."""

SCALE_SHARE = 1.0 / 3.0
"""Of the reference's rows, these fit the scale (as many as a sample has at most); the others are compared."""

SEED = 20_240_229
"""Of everything that is drawn: the same rows give the same result."""

_TRUTH = ("false", "true")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Samples:
    """Reference rows and live rows on one scale.

    Attributes
    ----------
    columns
        Their names.
    owners
        For each feature of the matrices the position of its column.
    scale
        The reference rows that the scale was fitted on, as a matrix ``(rows, features)``: whatever else is to be
        fitted (directions, bandwidths) is fitted on these.
    reference, live
        The rows to compare. Features that are constant over all three matrices are left out.
    ordered
        Names of the columns whose values have an order: numbers, and yes-or-no as 0 and 1.
    reference_numbers, live_numbers
        The values of those, ``(rows, columns)``, ``nan`` where missing; of the reference, the scale's rows too.
    """

    columns: tuple[str, ...]
    owners: NDArray[np.intp]
    scale: Matrix
    reference: Matrix
    live: Matrix
    ordered: tuple[str, ...]
    reference_numbers: Matrix
    live_numbers: Matrix

    @classmethod
    def of(cls, reference: Table, live: Table, seed: int = SEED) -> Samples:
        """Draw and encode the rows of two tables.

        Parameters
        ----------
        reference, live
            With the same columns, of the same kinds.
        seed
            Of the draw.

        Examples
        --------
        >>> rows = Table({"x": Numbers(np.arange(30.0))}, 30)
        >>> samples = Samples.of(rows, rows)
        >>> samples.scale.shape, samples.reference.shape, samples.live.shape
        ((10, 1), (20, 1), (30, 1))
        """
        rng = np.random.default_rng(seed)
        names = tuple(reference.columns)
        if len(names) > MOST_COLUMNS:
            names = tuple(names[at] for at in np.sort(rng.choice(len(names), MOST_COLUMNS, replace=False)))
        order = rng.permutation(len(reference)).astype(np.intp)
        n_scale = min(int(len(order) * SCALE_SHARE), MOST_ROWS)
        fitting = _chosen(reference, names, order[:n_scale])
        others = _chosen(reference, names, order[n_scale : n_scale + MOST_ROWS])
        recent = _chosen(live, names, rng.permutation(len(live))[:MOST_ROWS].astype(np.intp))
        encoding, scale = Encoding.fitted(fitting)
        matrices = scale, encoding.matrix(others), encoding.matrix(recent)
        varying = _varying(matrices)
        ordered = [name for name in names if _is_ordered(reference[name])]
        numbers = [_numbers(part, ordered) for part in (fitting, others, recent)]
        return cls(
            columns=names,
            owners=encoding.owners[varying],
            scale=matrices[0][:, varying],
            reference=matrices[1][:, varying],
            live=matrices[2][:, varying],
            ordered=tuple(ordered),
            reference_numbers=np.vstack(numbers[:2]),
            live_numbers=numbers[2],
        )


def _chosen(table: Table, names: Sequence[str], rows: NDArray[np.intp]) -> Table:
    return Table({name: table[name].take(rows) for name in names}, len(rows))


def _varying(matrices: Sequence[Matrix]) -> NDArray[np.bool_]:
    """Features that are not constant: looked up in all rows alike, so that no side is favoured."""
    filled = [matrix for matrix in matrices if len(matrix)]
    if not filled:
        return np.zeros(matrices[0].shape[1], dtype=np.bool_)
    lowest = np.min([matrix.min(axis=0) for matrix in filled], axis=0)
    highest = np.max([matrix.max(axis=0) for matrix in filled], axis=0)
    varying: NDArray[np.bool_] = highest > lowest
    return varying


def _is_ordered(values: Values) -> bool:
    return isinstance(values, Numbers) or (len(values.names) > 0 and set(values.names) <= set(_TRUTH))


def _numbers(table: Table, ordered: Sequence[str]) -> Matrix:
    found = np.empty((len(table), len(ordered)))
    for position, name in enumerate(ordered):
        values = table[name]
        if isinstance(values, Numbers):
            found[:, position] = values.values
        else:
            codes = values.recoded(_TRUTH)
            found[:, position] = np.where((codes < 0) | (codes >= len(_TRUTH)), np.nan, codes)
    return found
