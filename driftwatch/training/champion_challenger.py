"""Champion against challenger on the same test rows: promoted if better by the margin, else rejected with the reason.

The difference is measured on the rows that both have answers for. Besides, the challenger must be no worse in any
segment, no worse calibrated, fast enough and small enough; and nobody can be promoted whose training a guard stopped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.records import Task
from driftwatch.errors import TrainingStopped
from driftwatch.training.guard import Certificate
from driftwatch.training.measures import Answers, Measure
from driftwatch.training.recipe import PromotionRecipe
from driftwatch.training.resampling import LEAST_BLOCKS, Blocks, Paired, holm, p_worse, paired

Floats = NDArray[np.float64]
_BINS = 10


class Reason(StrEnum):
    """Why a challenger is promoted or rejected."""

    BETTER_BY_THE_MARGIN = "better_by_the_margin"
    NOT_BETTER_BY_THE_MARGIN = "not_better_by_the_margin"
    WORSE_IN_A_SEGMENT = "worse_in_a_segment"
    WORSE_CALIBRATED = "worse_calibrated"
    TOO_SLOW = "too_slow"
    TOO_LARGE = "too_large"
    TOO_FEW_ROWS = "too_few_rows"
    STOPPED_BY_THE_GUARD = "stopped_by_the_guard"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentCheck:
    """The two in one segment; ``p_worse`` is adjusted for the number of segments, None where rows are too few."""

    segment: str
    paired: Paired
    p_worse: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a model takes: the shortest time of a prediction of one row, and its file."""

    latency_ms: float
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All that was measured of the two. Calibration errors are ``nan`` where they are undefined."""

    measure: str
    champion: str
    paired: Paired
    block: str
    segments: tuple[SegmentCheck, ...]
    champion_calibration: float
    challenger_calibration: float
    costs: Costs
    champion_costs: Costs | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether the challenger is promoted, why, and the same in a sentence."""

    promoted: bool
    reason: Reason
    text: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Contest:
    """The rows on which the two meet.

    Attributes
    ----------
    task, labels, times
        Labels as numbers or positions of classes; times in microseconds, None where there are none.
    champion, challenger
        Their answers.
    segments
        For each segment by name (``country=DE``) its rows.
    """

    task: Task
    labels: Floats
    times: NDArray[np.int64] | None
    champion: Answers
    challenger: Answers
    segments: Mapping[str, NDArray[np.intp]]


def compare(
    contest: Contest,
    measure: Measure,
    recipe: PromotionRecipe,
    *,
    champion: str,
    costs: Costs,
    champion_costs: Costs | None = None,
    seed: int = 0,
) -> Comparison:
    """Measure the two on the same rows.

    Parameters
    ----------
    contest
        The rows.
    measure
        What is compared.
    recipe
        Confidence, margins and least rows.
    champion
        What the champion is called.
    costs, champion_costs
        What the two take.
    seed
        Of the resamples.
    """
    blocks = Blocks.of(contest.times, len(contest.labels), seed)
    overall = paired(
        measure,
        contest.champion,
        contest.challenger,
        contest.labels,
        blocks,
        confidence=recipe.confidence,
        seed=seed,
    )
    found: list[tuple[str, Paired, float | None]] = []
    for name, rows in contest.segments.items():
        own = paired(
            measure,
            contest.champion.take(rows),
            contest.challenger.take(rows),
            contest.labels[rows],
            blocks.take(rows),
            confidence=recipe.confidence,
            seed=seed,
        )
        enough = own.rows >= recipe.least_rows and own.blocks >= LEAST_BLOCKS
        found.append((name, own, p_worse(own.gain, own.blocks, recipe.segment_margin) if enough else None))
    adjusted = iter(holm([p for _, _, p in found if p is not None]))
    checks = tuple(
        SegmentCheck(segment=name, paired=own, p_worse=None if p is None else next(adjusted)) for name, own, p in found
    )
    return Comparison(
        measure=measure.name,
        champion=champion,
        paired=overall,
        block=blocks.kind,
        segments=checks,
        champion_calibration=calibration_error(contest.task, contest.champion, contest.labels),
        challenger_calibration=calibration_error(contest.task, contest.challenger, contest.labels),
        costs=costs,
        champion_costs=champion_costs,
    )


def decide(comparison: Comparison, recipe: PromotionRecipe, certificate: Certificate) -> Decision:
    """Promote or reject: a pure decision with a named reason.

    Parameters
    ----------
    comparison
        What was measured.
    recipe
        What was asked for.
    certificate
        That no guard stopped the challenger's training.
    """
    try:
        certificate.confirm()
    except TrainingStopped as stop:
        return _rejected(Reason.STOPPED_BY_THE_GUARD, str(stop))
    own, gain, measure = comparison.paired, comparison.paired.gain, comparison.measure
    if own.rows < recipe.least_rows or own.blocks < LEAST_BLOCKS:
        return _rejected(
            Reason.TOO_FEW_ROWS,
            f"{own.rows:,} test rows in {own.blocks} blocks decide nothing; it takes {recipe.least_rows:,} in "
            f"{LEAST_BLOCKS}.",
        )
    said = (
        f"{measure} {own.challenger.value:.4g} against {own.champion.value:.4g} of {comparison.champion}, better by "
        f"{gain.value:.4g} ({recipe.confidence:.0%} interval {gain.low:.4g} to {gain.high:.4g}), {own.rows:,} rows"
    )
    if not gain.low > recipe.margin:
        return _rejected(Reason.NOT_BETTER_BY_THE_MARGIN, f"{said}; the interval must lie above {recipe.margin:g}.")
    for check in sorted(comparison.segments, key=lambda one: 1.0 if one.p_worse is None else one.p_worse):
        if check.p_worse is not None and check.p_worse < 1.0 - recipe.confidence:
            return _rejected(
                Reason.WORSE_IN_A_SEGMENT,
                f"{said}; but worse in {check.segment} by {-check.paired.gain.value:.4g} (p {check.p_worse:.2g}).",
            )
    worse = comparison.challenger_calibration - comparison.champion_calibration
    if math.isfinite(worse) and worse > recipe.calibration_margin:
        return _rejected(
            Reason.WORSE_CALIBRATED,
            f"{said}; but its calibration error is {comparison.challenger_calibration:.3g} against "
            f"{comparison.champion_calibration:.3g}.",
        )
    costs = comparison.costs
    if recipe.max_latency_ms is not None and costs.latency_ms > recipe.max_latency_ms:
        return _rejected(
            Reason.TOO_SLOW, f"{said}; but a prediction takes {costs.latency_ms:.3g} ms of {recipe.max_latency_ms:g}."
        )
    if recipe.max_size_mb is not None and costs.size_bytes > recipe.max_size_mb * 1e6:
        return _rejected(
            Reason.TOO_LARGE, f"{said}; but its file has {costs.size_bytes / 1e6:.3g} MB of {recipe.max_size_mb:g}."
        )
    return Decision(promoted=True, reason=Reason.BETTER_BY_THE_MARGIN, text=f"{said}.")


def calibration_error(task: Task, answers: Answers, labels: Floats) -> float:
    """How far a model's confidence is from what comes true; ``nan`` where that is undefined.

    Returns
    -------
    float
        Classification: the mean distance, over ten bins of equal mass, of the mean probability from the share that came
        true; of the last class with two, of the predicted class with more. Regression: the size of the mean error in
        standard deviations of the labels.
    """
    if not len(labels):
        return math.nan
    if task is Task.REGRESSION:
        spread = float(labels.std())
        return abs(float((answers.values - labels).mean())) / spread if spread > 0 else math.nan
    if answers.probabilities is None:
        return math.nan
    if answers.probabilities.shape[1] == 2:
        said, true = answers.probabilities[:, 1], labels == 1
    else:
        said, true = answers.probabilities.max(axis=1), answers.probabilities.argmax(axis=1) == labels
    order = np.argsort(said, kind="stable")
    bins = np.array_split(order, min(_BINS, len(order)))
    return float(sum(len(one) * abs(said[one].mean() - true[one].mean()) for one in bins) / len(order))


def _rejected(reason: Reason, text: str) -> Decision:
    return Decision(promoted=False, reason=reason, text=text)


__all__ = ["Comparison", "Contest", "Costs", "Decision", "Reason", "calibration_error", "compare", "decide"]
