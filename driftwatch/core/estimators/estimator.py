"""Which estimator a baseline has, what it keeps of rows, and when it keeps silent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.cells import NumericCells
from driftwatch.core.estimators import cbpe, dle
from driftwatch.core.estimators.calibration import Calibration
from driftwatch.core.estimators.dle import LossModel
from driftwatch.core.estimators.estimate import Estimate, EstimateSums, silent
from driftwatch.core.performance.measure import Measure
from driftwatch.core.performance.score_sums import ScoreSums, score_keys
from driftwatch.core.records import ColumnRole, Task
from driftwatch.core.schema import Schema
from driftwatch.core.table import Names, Numbers, Table
from driftwatch.core.window_quality import EstimateReason

if TYPE_CHECKING:
    from driftwatch.core.baseline import Baseline, ColumnBaseline
    from driftwatch.core.profile import Profile

FEWEST_LABELS = 300
"""Labelled rows of the reference without which nothing is estimated."""

LARGEST_BEYOND = 0.05
"""With a larger share of rows whose scores labelled rows never had, nothing is estimated."""

LARGEST_OUTSIDE = 0.10
"""Likewise, of rows outside of the reference's range or names in a feature that matters."""


class Estimator(Protocol):
    """What can be estimated of rows whose labels are not there yet."""

    @property
    def n_counts(self) -> int:
        """How many counts it keeps."""
        ...

    @property
    def n_sums(self) -> int:
        """How many exact sums it keeps."""
        ...

    def summed(self, columns: Mapping[str, ColumnBaseline], table: Table) -> EstimateSums:
        """What is kept of rows."""
        ...

    def measures(self, sums: EstimateSums) -> dict[str, Measure]:
        """What is expected of them, where there is no reason for silence."""
        ...

    def matters(self, baseline: Baseline) -> Sequence[str]:
        """The features whose unseen regions make it keep silent."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ScoreEstimator:
    """Classification by calibrated scores (`driftwatch.core.estimators.cbpe`).

    Attributes
    ----------
    schema
        Of the model.
    calibrations
        By position among the classes.
    """

    schema: Schema
    calibrations: Mapping[int, Calibration]

    @property
    def n_counts(self) -> int:
        """Two rows of counts, by prediction, for the blocks of each class."""
        return 2 * sum(map(len, self.calibrations.values()))

    @property
    def n_sums(self) -> int:
        """None are needed."""
        return 0

    def summed(self, columns: Mapping[str, ColumnBaseline], table: Table) -> EstimateSums:
        """Count rows by block and prediction; those without scores or prediction are left out."""
        empty = EstimateSums.empty(self.n_counts, 0)
        scores, prediction = _scores(self.schema, table), table.columns.get(self.schema.prediction or "")
        if scores is None or not isinstance(prediction, Names):
            return EstimateSums(len(table), len(table), 0, empty.counts)
        predicted = prediction.recoded(self.schema.classes)
        known = np.isfinite(scores).all(axis=1) & (predicted >= 0)
        counts, beyond = [], np.zeros(int(known.sum()), dtype=np.bool_)
        for which, cells in score_keys(self.schema.task, scores[known]):
            calibration = self.calibrations[which]
            beyond |= calibration.beyond(cells)
            at = calibration.blocks(cells) + len(calibration) * (predicted[known] == which)
            counts.append(np.bincount(at, minlength=2 * len(calibration)))
        left_out = len(table) - len(beyond)
        return EstimateSums(len(table), left_out, int(beyond.sum()), np.concatenate(counts).astype(np.int64))

    def measures(self, sums: EstimateSums) -> dict[str, Measure]:
        """All that scores let one expect."""
        parts: list[tuple[Calibration, NDArray[np.int64]]] = []
        at = 0
        for calibration in self.calibrations.values():
            size = 2 * len(calibration)
            parts.append((calibration, sums.counts[at : at + size].reshape(2, -1)))
            at += size
        return cbpe.estimated(self.schema.task, parts)

    def matters(self, baseline: Baseline) -> Sequence[str]:
        """Every feature but those that the model is said not to use."""
        features = [column.name for column in self.schema.features]
        return [name for name in features if not baseline.importance or baseline.importance.get(name, 0.0) > 0.0]


@dataclass(frozen=True, slots=True, eq=False)
class LossEstimator:
    """Regression by a model of the error (`driftwatch.core.estimators.dle`)."""

    model: LossModel

    @property
    def n_counts(self) -> int:
        """Rows by level."""
        return dle.LEVELS

    @property
    def n_sums(self) -> int:
        """Those of expected errors."""
        return dle.N_SUMS

    def summed(self, columns: Mapping[str, ColumnBaseline], table: Table) -> EstimateSums:
        """Add up the expected errors of rows."""
        sums, levels = dle.summed(self.model, columns, table)
        return EstimateSums(len(table), 0, 0, levels, sums)

    def measures(self, sums: EstimateSums) -> dict[str, Measure]:
        """The expected means."""
        return dle.estimated(self.model, sums.sums, sums.counts)

    def matters(self, baseline: Baseline) -> Sequence[str]:
        """The features that the model looks at."""
        return self.model.features


def chosen_estimator(baseline: Baseline) -> Estimator | Estimate:
    """The estimator that a baseline has; an estimate with the reason where it has none."""
    schema = baseline.schema
    if schema.task is Task.REGRESSION:
        if baseline.performance is None:
            return silent(EstimateReason.NO_REFERENCE, "the baseline has no labelled rows.")
        if baseline.performance.sums.n < dle.FEWEST_ROWS:
            return _too_few(baseline.performance.sums.n, dle.FEWEST_ROWS)
        if baseline.loss_model is None:
            return silent(
                EstimateReason.FEATURES_SAY_NOTHING, "the features say nothing of how large an error will be."
            )
        return LossEstimator(baseline.loss_model)
    scores = None if baseline.performance is None else baseline.performance.sums.details
    if not isinstance(scores, ScoreSums) or not scores.ranked_classes:
        return silent(EstimateReason.NO_REFERENCE, "the baseline has no labelled rows with scores.")
    if scores.n < FEWEST_LABELS:
        return _too_few(scores.n, FEWEST_LABELS)
    calibrations = {}
    for which in scores.ranked_classes:
        of_class, others = scores.by_cell(which)
        calibrations[which] = Calibration.of(scores.cells_of(which), of_class, others)
    if max(map(len, calibrations.values())) == 1:
        return silent(
            EstimateReason.SCORES_SAY_NOTHING, "higher scores did not mean more rows of the class in the reference."
        )
    return ScoreEstimator(schema, calibrations)


def _too_few(n: int, needed: int) -> Estimate:
    text = f"the baseline has {n:,} labelled rows, and {needed} are needed."
    return silent(EstimateReason.TOO_FEW_REFERENCE_LABELS, text)


def no_sums(baseline: Baseline) -> EstimateSums:
    """What a baseline's estimator keeps of no rows; nothing at all where it has none."""
    found = baseline.estimator
    return EstimateSums.empty(0, 0) if isinstance(found, Estimate) else EstimateSums.empty(found.n_counts, found.n_sums)


def sums_of(baseline: Baseline, table: Table) -> EstimateSums:
    """What a baseline's estimator keeps of rows."""
    found = baseline.estimator
    return EstimateSums.empty(0, 0) if isinstance(found, Estimate) else found.summed(baseline.columns, table)


def estimated(baseline: Baseline, sums: EstimateSums, profile: Profile, minimum_rows: int) -> Estimate:
    """Estimate the quality of a window, or say why not.

    Parameters
    ----------
    baseline
        Of the version, or of the segment.
    sums
        Of the window's rows, by the baseline's estimator.
    profile
        Of the same rows.
    minimum_rows
        Fewer say nothing.
    """
    found = baseline.estimator
    if isinstance(found, Estimate):
        return found
    usable = sums.n - sums.left_out
    if sums.n >= minimum_rows and usable < 0.5 * sums.n:
        return silent(EstimateReason.NO_SCORES, f"{sums.left_out:,} of {sums.n:,} rows have no scores.")
    if usable < minimum_rows:
        return silent(EstimateReason.TOO_FEW_ROWS, f"{usable:,} rows are too few: {minimum_rows} are needed.")
    if sums.beyond > LARGEST_BEYOND * usable:
        text = f"{sums.beyond / usable:.0%} of the scores are beyond those of all labelled rows of the baseline."
        return silent(EstimateReason.UNSEEN_SCORES, text)
    name, outside = most_outside(baseline, profile, found.matters(baseline))
    if outside > LARGEST_OUTSIDE:
        text = f"{outside:.0%} of the rows are outside of what the baseline knows of {name}."
        return silent(EstimateReason.UNSEEN_REGION, text)
    return Estimate(measures=found.measures(sums))


def most_outside(baseline: Baseline, profile: Profile, features: Sequence[str]) -> tuple[str, float]:
    """The feature with the largest share of rows outside of the reference's range or names, and that share.

    Examples
    --------
    >>> from driftwatch.core.baseline import Baseline
    >>> from driftwatch.core.frames import to_table
    >>> from driftwatch.core.profile import Profile
    >>> baseline = Baseline.fit({"x": [1.0, 2.0, 3.0, 4.0]})
    >>> profile = Profile.of(baseline, to_table({"x": [2.0, 3.0, 9.0, 9.5]}, baseline.schema))
    >>> most_outside(baseline, profile, ["x"])
    ('x', 0.5)
    """
    largest = ("", 0.0)
    for name in features:
        cells, counts = baseline.columns[name].cells, profile.columns[name].counts
        n = int(counts.sum())
        if n == 0 or baseline.columns[name].column.role is not ColumnRole.FEATURE:
            continue
        outside = counts[0] + counts[cells.n_cells - 1] if isinstance(cells, NumericCells) else counts[-2]
        largest = max(largest, (name, float(outside) / n), key=lambda one: one[1])
    return largest


def _scores(schema: Schema, table: Table) -> NDArray[np.float64] | None:
    columns = [table.columns.get(name) for name in schema.scores]
    if not columns or not all(isinstance(one, Numbers) for one in columns):
        return None
    return np.column_stack([one.values for one in columns if isinstance(one, Numbers)])
