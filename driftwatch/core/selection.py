"""Whether the rows that have labels are like those that have none.

Quality is measured on labelled rows. Where only some rows ever get a label, and not at random (loans that were granted,
cases that somebody looked at), it is the quality of those and not of all. This compares what the model answered for
both: predictions and scores, over the baseline's cells. Rows with labels and without are two samples that share none,
so that the test of equal shares is a plain one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.baseline import Baseline, ColumnBaseline
from driftwatch.core.profile import ColumnProfile, Profile
from driftwatch.core.records import ColumnRole
from driftwatch.core.statistics.chi_square import chi_square
from driftwatch.core.window_quality import LabelSelection

TOLERANCE = 0.05
"""A share of rows: where labelled rows lie elsewhere by no more, quality is hardly another one."""

MINIMUM_ROWS = 30
"""On each side, fewer say nothing."""

_SMALLEST_EXPECTED = 5.0
"""Bins in which fewer rows of either side are expected are put together, as Pearson's test asks for."""


@lru_cache(maxsize=128)
def answers_of(baseline: Baseline) -> Baseline:
    """A baseline of the columns that labelled rows are compared by: the prediction and the scores."""
    roles = (ColumnRole.PREDICTION, ColumnRole.SCORE)
    columns = tuple(column for column in baseline.schema.columns if column.role in roles)
    schema = replace(baseline.schema, columns=columns)
    return replace(
        baseline, schema=schema, columns={one.name: baseline.columns[one.name] for one in columns}, segments={}, kept={}
    )


def compared_labelled(
    baseline: Baseline, profile: Profile, labelled: Profile, *, level: float
) -> tuple[LabelSelection, ...]:
    """Compare labelled rows with those that have no label, column by column.

    Parameters
    ----------
    baseline
        Whose cells they were counted over.
    profile
        Of all rows.
    labelled
        Of those among them that have a label; its columns are compared, as far as ``profile`` has them.
    level
        How often, of many windows in which labels come at random, something may be notable in one: over all columns.

    Returns
    -------
    tuple
        One for each column with rows enough on both sides. It is notable where the p-value is below the level's share
        of the column, and the shares differ by more than `TOLERANCE` beyond what chance explains on average.
    """
    compared = [
        (baseline.columns[name], sides)
        for name, part in labelled.columns.items()
        if name in baseline.columns and (sides := _sides(profile.columns[name], part)) is not None
    ]
    return tuple(_compared(column, *sides, level / len(compared)) for column, sides in compared)


def _sides(whole: ColumnProfile, part: ColumnProfile) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Counts of rows with a label, and without."""
    rest = whole.counts - part.counts
    # Rows of late predictions may be in the one and not in the other: then nothing is said.
    if rest.min(initial=0) < 0 or min(part.n, int(rest.sum())) < MINIMUM_ROWS:
        return None
    return part.counts, rest


def _compared(
    column: ColumnBaseline, labelled: NDArray[np.int64], rest: NDArray[np.int64], level: float
) -> LabelSelection:
    bins = np.array(list(_bins(_by_bin(column, labelled), _by_bin(column, rest))), dtype=np.int64).T
    n, others = int(labelled.sum()), int(rest.sum())
    score, p_value = 0.0, 1.0
    if bins.shape[1] > 1:
        found, shares = chi_square(bins[1], bins[0]), bins / bins.sum(axis=1, keepdims=True)
        p_value = found.p_value
        noise = np.sqrt(bins.sum(axis=0) / (n + others) * (1.0 / n + 1.0 / others)).sum() / np.sqrt(2.0 * np.pi)
        score = max(float(np.abs(shares[0] - shares[1]).sum()) / 2.0 - float(noise), 0.0)
    name = column.column.name
    return LabelSelection(
        column=name,
        score=score,
        p_value=p_value,
        labelled=n,
        unlabelled=others,
        is_notable=p_value <= level and score > TOLERANCE,
        text=f"Rows with labels have other values of {name} than those without: {score:.0%} of them lie elsewhere.",
    )


def _by_bin(column: ColumnBaseline, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Over the bins of PSI, and those that have no value in the last one."""
    return np.append(column.psi_counts(counts), counts[column.cells.n_cells :].sum())


def _bins(labelled: NDArray[np.int64], rest: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Neighbouring bins put together until enough rows are expected on both sides."""
    smaller = min(labelled.sum(), rest.sum()) / (labelled.sum() + rest.sum())
    held = [0, 0]
    pending: tuple[int, int] | None = None
    for one, other in zip(labelled.tolist(), rest.tolist(), strict=True):
        held = [held[0] + one, held[1] + other]
        if sum(held) * smaller >= _SMALLEST_EXPECTED:
            if pending is not None:
                yield pending
            pending, held = (held[0], held[1]), [0, 0]
    # What is left over at the end is too little for a bin of its own.
    last = pending or (0, 0)
    yield last[0] + held[0], last[1] + held[1]
