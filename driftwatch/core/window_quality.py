"""What is known of a window's quality, realized and estimated, beyond the values of its measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatedMeasure:
    """A measure that was estimated without labels, with the interval of 95 % of what labels will show."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """How far a measure of quality is known: its interval of 95 %, on how many labels, from how exact sums.

    The ends are ``nan`` where there is no interval; ``error_bound`` is the most by which the value can differ from that
    of the raw rows.
    """

    lower: float
    upper: float
    labels: int
    error_bound: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSelection:
    """How the rows of a window that have labels differ, in one column, from those that have none.

    ``score`` is the share of rows that lie elsewhere, less what chance explains; ``p_value`` is for "they do not
    differ". ``text`` says so in words, and is meant to be shown where ``is_notable``.
    """

    column: str
    score: float
    p_value: float
    labelled: int
    unlabelled: int
    is_notable: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowEstimate:
    """A window's quality as it was expected before labels came.

    Attributes
    ----------
    measures
        By name, as realized ones; empty where there is a reason for silence.
    reason, text
        Why nothing is said, as a word and in words; None and empty where something is.
    errors
        By measure, the estimate less what labels then showed; empty until they had their time.
    contradicted
        Whether the labels showed a loss whose interval has nothing in common with the estimate's.
    """

    measures: Mapping[str, EstimatedMeasure] = field(default_factory=dict)
    reason: EstimateReason | None = None
    text: str = ""
    errors: Mapping[str, float] = field(default_factory=dict)
    contradicted: bool = False


class EstimateReason(StrEnum):
    """Why a window's quality is not estimated."""

    NO_REFERENCE = "no_reference"
    TOO_FEW_REFERENCE_LABELS = "too_few_reference_labels"
    SCORES_SAY_NOTHING = "scores_say_nothing"
    FEATURES_SAY_NOTHING = "features_say_nothing"
    TOO_FEW_ROWS = "too_few_rows"
    NO_SCORES = "no_scores"
    UNSEEN_SCORES = "unseen_scores"
    UNSEEN_REGION = "unseen_region"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowQuality:
    """What is known of a window's quality beyond the values of its measures.

    Attributes
    ----------
    intervals
        By the names of the measures in `WindowRecord.performance`.
    confusion
        Counts by label, then prediction, over the classes and a last place for other names. Empty for regression and
        for very many classes.
    selection
        Of a window whose labels had their time: how labelled rows differ from the others.
    estimate
        What was expected without labels; None in windows of earlier versions.
    """

    intervals: Mapping[str, Interval] = field(default_factory=dict)
    confusion: tuple[tuple[int, ...], ...] = ()
    selection: tuple[LabelSelection, ...] = ()
    estimate: WindowEstimate | None = None
