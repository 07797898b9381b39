"""What the API answers, as documented shapes. Each is made from the record of the same name by its attributes."""

from __future__ import annotations

import math
import sys
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from driftwatch.core.records import (
    AlertKind,
    AlertState,
    Direction,
    FindingReason,
    RetrainState,
    Status,
    ThresholdOrigin,
    VerdictReason,
    WindowStage,
)
from driftwatch.core.reference_performance import PerformanceSource
from driftwatch.core.window_quality import EstimateReason
from driftwatch.ports import MessageKind, OutboxState, VersionRole


def _json_number(value: object) -> object:
    """JSON has neither NaN nor infinity: undefined is null, endless is the largest double."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else math.copysign(sys.float_info.max, value)
    return value


Number = Annotated[float | None, BeforeValidator(_json_number)]


class View(BaseModel):
    """Made from a record."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class ThresholdView(View):
    """A limit, and where it came from."""

    value: Number
    origin: ThresholdOrigin


class ChangeView(View):
    """In which direction a column changed."""

    direction: Direction
    text: str


class FindingView(View):
    """One measured fact."""

    kind: AlertKind
    column: str
    statistic: str
    score: Number = Field(description="null where the statistic is undefined.")
    error_bound: Number
    threshold: ThresholdView
    p_value: Number
    e_value: Number
    evidence: Number
    n_reference: int
    n_live: int
    status: Status
    reason: FindingReason | None = Field(description="Why the status is what it is; null in old windows.")
    change: ChangeView
    binning: str
    note: str


class VerdictView(View):
    """What the judge made of the findings of one kind."""

    kind: AlertKind
    status: Status
    reason: VerdictReason
    evidence: Number
    limit: ThresholdView
    columns: tuple[str, ...]
    text: str


class WindowView(View):
    """A window: event times ``start <= t < end`` of one model version, or of a segment of it."""

    model_version: str
    segment: str
    start: datetime
    end: datetime
    first_row: int | None = Field(description="The first row, counted from 0; null for windows of time.")
    end_row: int | None = Field(description="The row after the last one; null for windows of time.")
    stage: WindowStage
    status: Status
    rows: int
    labels: int
    judged_at: datetime | None
    revised: int = Field(description="How often late rows or labels changed what is said of it.")


class DriftWindowView(WindowView):
    """A window with everything that was found in it."""

    findings: tuple[FindingView, ...]
    verdicts: tuple[VerdictView, ...]


class IntervalView(View):
    """How far a measure of quality is known."""

    lower: Number = Field(description="Of an interval of 95 %; null where there is none.")
    upper: Number
    labels: int = Field(description="On how many labels it was measured.")
    error_bound: Number = Field(description="The most that it can differ from the measure of the raw rows.")


class LabelSelectionView(View):
    """How rows with a label differ from those without."""

    column: str
    score: Number = Field(description="The share of rows that lie elsewhere, less what chance explains.")
    p_value: Number
    labelled: int
    unlabelled: int
    is_notable: bool
    text: str


class EstimatedMeasureView(View):
    """A measure as it is expected without labels, with the interval of what labels will show."""

    value: Number
    lower: Number
    upper: Number


class PerformanceWindowView(WindowView):
    """A window with the model's realized quality in it."""

    provisional: bool = Field(description="Whether more labels are waited for: until the window's stage is complete.")
    label_coverage_ratio: Number = Field(description="Labels by rows; null without rows.")
    performance: dict[str, Number]
    intervals: dict[str, IntervalView]
    reference: dict[str, Number] = Field(description="The same measures when the baseline was fitted.")
    reference_source: PerformanceSource | None = Field(
        description="The rows of the reference's quality: held out, or those that the baseline was fitted on."
    )
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...] = Field(
        description="Counts by label, then prediction, over the classes and, last, other names."
    )
    estimated: dict[str, EstimatedMeasureView] = Field(description="What was expected without labels.")
    estimate_reason: EstimateReason | None = Field(description="Why nothing is expected; null where something is.")
    estimate_text: str = Field(description="The same in words.")
    estimate_error: dict[str, Number] = Field(description="The estimate less what labels showed, once they had time.")
    selection: tuple[LabelSelectionView, ...] = Field(
        description="How labelled rows differ from the others, once their labels had their time."
    )
    notices: tuple[str, ...] = Field(description="What to know before trusting these numbers.")


class DriftView(View):
    """Windows of a model, newest first."""

    model: str
    windows: tuple[DriftWindowView, ...]


class PerformanceView(View):
    """Windows of a model, newest first."""

    model: str
    windows: tuple[PerformanceWindowView, ...]


class AlertStepView(View):
    """One line of an alert's history."""

    at: datetime
    state: AlertState
    by: str = Field(description="Who did it; empty for driftwatch itself.")
    note: str


class AlertView(View):
    """A verdict with a life."""

    alert_id: str
    model: str
    model_version: str
    segment: str = Field(description="Empty where it is about all rows.")
    kind: AlertKind
    state: AlertState
    started: datetime
    ended: datetime | None
    columns: tuple[str, ...]
    evidence: Number
    reason: str
    resolution: str = Field(description="Why it ended; empty while it fires.")
    windows: int = Field(description="How many windows in a row drifted.")
    silenced_until: datetime | None = Field(description="Until then it calls for no retrain, and nobody is told.")
    history: tuple[AlertStepView, ...]


class RetrainStepView(View):
    """One line of an episode's history."""

    at: datetime
    state: RetrainState
    note: str
    by: str = Field(description="The person who did it; empty for driftwatch and the trainer.")


class RetrainView(View):
    """A request to retrain and what came of it."""

    retrain_id: str
    model: str
    model_version: str
    state: RetrainState
    triggered: datetime
    until: datetime
    reason: str
    alert_ids: tuple[str, ...]
    history: tuple[RetrainStepView, ...]
    new_version: str | None
    segment: str = Field(description="Where; empty for all rows.")
    calls: tuple[str, ...] = Field(description="The policy's conditions that were met.")
    watched_from: datetime | None = Field(description="The promotion, in event time: later windows show what it did.")


class MessageView(View):
    """A notification, without its body."""

    message_id: str
    sink: str
    kind: MessageKind
    model: str
    retrain_id: str | None
    state: OutboxState
    created_at: datetime
    attempts: int
    next_attempt_at: datetime | None
    last_error: str


class ModelView(View):
    """A model at a glance."""

    model: str
    versions: tuple[str, ...]
    current_version: str
    status: Status | None = Field(description="Of the latest window; null before there is one.")
    watermark: datetime | None = Field(description="How far the stream has come, in event time.")
    latest_window: WindowView | None
    firing_alerts: int
    retrain: RetrainView | None = Field(description="The latest episode.")
    outstanding_predictions: int = Field(description="Predictions that wait for their label.")
    waiting_labels: int = Field(description="Labels that wait for their prediction.")
    pending_rows: int = Field(description="Rows of all models that are durable and not yet counted.")


class EstimateView(View):
    """A number with its interval at 95 %; null where undefined."""

    value: Number
    lower: Number
    upper: Number


class ShadowView(View):
    """A shadow version beside a live one, on requests that both answered."""

    model: str
    model_version: str
    live_version: str
    is_shadow: bool = Field(description="Whether it is one still.")
    pairs: int
    agreement: EstimateView = Field(description="The share of the same class; of regression Lin's concordance.")
    mean_distance: Number = Field(description="The mean absolute difference; null of classification.")
    labelled: int
    mean_gain: EstimateView = Field(
        description="How much less its mean loss is than the live version's: above 0 the shadow is better."
    )


class RegisteredView(View):
    """A baseline that is registered."""

    model: str
    model_version: str
    registered_at: datetime
    role: VersionRole


__all__ = [
    "AlertStepView",
    "AlertView",
    "ChangeView",
    "DriftView",
    "DriftWindowView",
    "EstimateView",
    "FindingView",
    "MessageView",
    "ModelView",
    "PerformanceView",
    "PerformanceWindowView",
    "RegisteredView",
    "RetrainStepView",
    "RetrainView",
    "ShadowView",
    "ThresholdView",
    "VerdictView",
    "WindowView",
]
