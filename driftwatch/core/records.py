"""The words of the field as types: what every part of driftwatch hands to the next.

Nothing here computes. All records are frozen; all times are UTC-aware.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from driftwatch.core.window_quality import WindowQuality


class Task(StrEnum):
    """What the model predicts."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


class ColumnKind(StrEnum):
    """How a column is measured; frozen into the baseline's schema."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"


class ColumnRole(StrEnum):
    """What a column is to the model; labels, predictions and scores are columns like others."""

    FEATURE = "feature"
    PREDICTION = "prediction"
    SCORE = "score"
    LABEL = "label"


class Status(StrEnum):
    """What can be said of a finding or a window, from best known to not known."""

    OK = "ok"
    WARNING = "warning"
    DRIFT = "drift"
    INSUFFICIENT_DATA = "insufficient_data"
    ERROR = "error"


class AlertKind(StrEnum):
    """What moved. Each kind has its own evidence and its share of the false-alarm budget.

    ``external`` is what somebody else noticed, such as a rule of Prometheus: it is outside the budget.
    """

    FEATURE_DRIFT = "feature_drift"
    PREDICTION_DRIFT = "prediction_drift"
    LABEL_DRIFT = "label_drift"
    QUALITY = "quality"
    CONCEPT_DRIFT = "concept_drift"
    DATA_QUALITY = "data_quality"
    EXTERNAL = "external"


class Direction(StrEnum):
    """Which way a column changed."""

    NONE = "none"
    UP = "up"
    DOWN = "down"
    WIDER = "wider"
    NARROWER = "narrower"
    RESHAPED = "reshaped"
    MIX = "mix"


class ThresholdOrigin(StrEnum):
    """Where a threshold came from."""

    FIXED = "fixed"
    FIXED_P_VALUE = "fixed_p_value"
    SAMPLING = "sampling"
    NATURAL = "natural"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A limit, and where it came from.

    ``fixed``: somebody chose it. ``fixed_p_value``: likewise, for the p-value of the plain two-sample test; it is no
    limit of the score, and less is more. ``sampling``: the baseline's own sampling error reaches this far.
    ``natural``: the reference's own windows differ this much. ``budget``: the false-alarm budget asks for it.
    """

    value: float
    origin: ThresholdOrigin


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """In which direction a column changed, in numbers and in words."""

    direction: Direction
    text: str
    """One short phrase, such as ``"mean 12.1 -> 14.9"`` or ``"more DE, fewer FR"``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What a statistic says of one column: a number and how it was had. It knows no threshold.

    ``score`` is ``nan`` where the statistic is undefined (no rows, nothing but missing values);
    ``error_bound`` is the most that the score can differ from the one of the raw rows.
    """

    statistic: str
    score: float
    p_value: float | None
    n_reference: int
    n_live: int
    binning: str
    error_bound: float = 0.0


class FindingReason(StrEnum):
    """Why a finding has its status."""

    WITHIN_THRESHOLD = "within_threshold"
    TOO_LITTLE_EVIDENCE = "too_little_evidence"
    EVIDENCE_GROWING = "evidence_growing"
    CARRIES_THE_ALARM = "carries_the_alarm"
    FIXED_THRESHOLD_PASSED = "fixed_threshold_passed"
    FIXED_P_VALUE_PASSED = "fixed_p_value_passed"
    TOO_FEW_ROWS = "too_few_rows"
    UNDEFINED = "undefined"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One measured fact: a column (or the model's quality), a statistic, and what is much.

    ``p_value`` is for "the true score is at most the threshold", at this window's size, or that of the plain two-sample
    test where a p-value is what was fixed; ``e_value`` is the bet made of it; ``evidence`` what the column has gathered
    over windows. ``reason`` says why ``status`` is what it is; None only in what an earlier version stored.
    """

    kind: AlertKind
    column: str
    statistic: str
    score: float
    threshold: Threshold
    p_value: float
    e_value: float
    evidence: float
    n_reference: int
    n_live: int
    status: Status
    change: Change
    reason: FindingReason | None = None
    binning: str = ""
    error_bound: float = 0.0
    note: str = ""


class VerdictReason(StrEnum):
    """Why the judge said what it said."""

    WITHIN_TOLERANCE = "within_tolerance"
    EVIDENCE_GROWING = "evidence_growing"
    EVIDENCE_REACHED_BUDGET = "evidence_reached_budget"
    STILL_DRIFTING = "still_drifting"
    FIXED_THRESHOLD_PASSED = "fixed_threshold_passed"
    TOO_FEW_ROWS = "too_few_rows"
    TOO_FEW_LABELS = "too_few_labels"
    NO_REFERENCE = "no_reference"
    LEARNING = "learning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the judge made of the findings of one kind in one window, with its reason."""

    kind: AlertKind
    status: Status
    reason: VerdictReason
    evidence: float
    limit: Threshold
    columns: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowKey:
    """Which rows a window holds: ``start <= event_time < end`` of one model version, or of a segment of it.

    A window of rows holds those from ``first_row`` to before ``end_row``, counted from 0 in the order of
    acknowledgement. It begins at the earliest of their event times, and ends where the stream had come with them. The
    two are None for windows of time.
    """

    model: str
    model_version: str
    start: datetime
    end: datetime
    segment: str = ""
    first_row: int | None = None
    end_row: int | None = None


class WindowStage(StrEnum):
    """How far a window has come: inputs are judged when it closes, quality when its labels had their time."""

    OPEN = "open"
    CLOSED = "closed"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRecord:
    """A window as it is stored and shown. ``revised`` is how often judging it again changed what is said of it.

    Its quality is provisional until its labels had their time, which its stage tells.
    """

    key: WindowKey
    stage: WindowStage
    rows: int
    labels: int
    status: Status
    findings: tuple[Finding, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    performance: Mapping[str, float] = field(default_factory=dict)
    quality: WindowQuality = field(default_factory=WindowQuality)
    judged_at: datetime | None = None
    revised: int = 0


class AlertState(StrEnum):
    """The life of an alert.

    It is pending while it has not drifted for as many windows as it must, and then fires until it is resolved.
    Acknowledged and silenced it fires on: somebody knows of it, or does not want to hear of it for a while.
    """

    PENDING = "pending"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertStep:
    """One line of an alert's history. ``by`` is who did it; empty for driftwatch itself."""

    at: datetime
    state: AlertState
    by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A verdict with a life. ``started`` and ``ended`` are event times of window ends.

    ``segment`` is empty where it is about all rows of the version. ``resolution`` says why it ended. ``windows`` is how
    many windows in a row drifted. ``silenced_until`` is a time of the clock, not of events.
    """

    alert_id: str
    model: str
    model_version: str
    kind: AlertKind
    state: AlertState
    started: datetime
    ended: datetime | None
    columns: tuple[str, ...]
    evidence: float
    reason: str
    segment: str = ""
    resolution: str = ""
    windows: int = 1
    silenced_until: datetime | None = None
    history: tuple[AlertStep, ...] = ()


class RetrainState(StrEnum):
    """Where a retrain episode stands: see `driftwatch.core.episodes` for what may follow what."""

    AWAITING_APPROVAL = "awaiting_approval"
    REQUESTED = "requested"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    TRAINING = "training"
    EVALUATING = "evaluating"
    PROMOTED = "promoted"
    REJECTED = "rejected"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    RECOVERED = "recovered"
    NOT_RECOVERED = "not_recovered"
    DRY_RUN = "dry_run"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainStep:
    """One line of an episode's history. ``by`` is the person who did it; empty for driftwatch and the trainer."""

    at: datetime
    state: RetrainState
    note: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainEpisode:
    """One request to retrain and everything that came of it.

    ``retrain_id`` is also the idempotency key of the trigger: the same over every retry.
    ``triggered`` is the event time at which the evidence was complete; ``until`` the exclusive end of
    the event times whose labels had their time to arrive. ``calls`` are the policy's conditions that were met,
    ``segment`` where. ``watched_from`` is the event time of the promotion: windows that end later show whether it
    helped.
    """

    retrain_id: str
    model: str
    model_version: str
    state: RetrainState
    triggered: datetime
    until: datetime
    reason: str
    alert_ids: tuple[str, ...]
    history: tuple[RetrainStep, ...]
    new_version: str | None = None
    segment: str = ""
    calls: tuple[str, ...] = ()
    watched_from: datetime | None = None
