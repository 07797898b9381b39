"""What a monitor saw: windows, alerts and triggers along a stream, each with the row at which it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from driftwatch.core.records import AlertKind, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPoint:
    """A judged window, without its findings.

    Attributes
    ----------
    start, end, first_row, end_row
        As those of `driftwatch.core.records.WindowKey`.
    segment, model_version
        Whose rows.
    rows, labels
        How many rows and labels it has.
    status
        The gravest of its verdicts'.
    evidence
        By kind of alert, the evidence as a share of what alarms: 1 and more is drift.
    loss
        The mean loss of its labelled rows; ``nan`` where there are none.
    seen
        How many rows of the stream had been seen when it was judged for the last time.
    performance
        The measures of its quality, by name; empty without labels.
    """

    start: datetime
    end: datetime
    first_row: int | None
    end_row: int | None
    model_version: str
    segment: str
    rows: int
    labels: int
    status: Status
    evidence: Mapping[AlertKind, float]
    loss: float
    seen: int
    performance: Mapping[str, float] = field(default_factory=dict)

    @property
    def strongest(self) -> float:
        """The largest of the kinds' evidence."""
        return max(self.evidence.values(), default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPoint:
    """An alert along a stream.

    Attributes
    ----------
    kind, segment, columns, reason, evidence
        Of the alert.
    row
        How many rows had been seen when it fired.
    at
        The event time that the stream had come to by then.
    start
        Where what it tells of began, as far as its evidence says: the start of the first window of those in which the
        evidence of its columns grew.
    start_row
        How many rows had been seen at that start.
    resolved_row, resolved_at
        When it was over; None while it fires.
    """

    alert_id: str
    kind: AlertKind
    segment: str
    columns: tuple[str, ...]
    reason: str
    evidence: float
    row: int
    at: datetime
    start: datetime
    start_row: int
    resolved_row: int | None = None
    resolved_at: datetime | None = None

    @property
    def delay_rows(self) -> int:
        """From the estimated start to the alert, in rows."""
        return max(self.row - self.start_row, 0)

    @property
    def delay(self) -> timedelta:
        """From the estimated start to the alert, in event time."""
        return max(self.at - self.start, timedelta(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerPoint:
    """A request to retrain along a stream: ``row`` rows had been seen, the stream had come to ``at``."""

    retrain_id: str
    row: int
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownChange:
    """A change that somebody knows of: before which row it happened (from 0), and when."""

    row: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What became of a known change: the first alert of a kind between it and the next one; None where there is none.

    An alert that was firing already when the change came cannot tell of it.
    """

    change: KnownChange
    kind: AlertKind
    alert: AlertPoint | None

    @property
    def delay_rows(self) -> int | None:
        """From the change to the alert, in rows."""
        return None if self.alert is None else self.alert.row - self.change.row

    @property
    def delay(self) -> timedelta | None:
        """From the change to the alert, in event time."""
        return None if self.alert is None else max(self.alert.at - self.change.at, timedelta(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Everything that was seen along a stream, in its order.

    Attributes
    ----------
    name
        Of the settings.
    rows, labels
        How many came.
    first, last
        The first and the last event time; None before there was one.
    timed
        Whether rows had times; else those here are made up.
    counted
        Whether windows are numbers of rows.
    settings
        Those that matter, as texts.
    notes
        What was left out of it, and why.
    reference_loss
        The baseline's mean loss; ``nan`` where it knows none.
    loss
        What the loss is called.
    """

    name: str
    rows: int
    labels: int
    first: datetime | None
    last: datetime | None
    timed: bool
    counted: bool
    settings: Mapping[str, str]
    windows: tuple[WindowPoint, ...] = ()
    alerts: tuple[AlertPoint, ...] = ()
    triggers: tuple[TriggerPoint, ...] = ()
    changes: tuple[KnownChange, ...] = ()
    notes: tuple[str, ...] = ()
    loss: str = ""
    reference_loss: float = float("nan")
    kinds: tuple[AlertKind, ...] = field(default=())

    def detections(self) -> tuple[Detection, ...]:
        """For every known change and every kind of alert that can fire, the first alert that tells of it.

        Examples
        --------
        >>> History(name="", rows=0, labels=0, first=None, last=None, timed=False, counted=True,
        ...         settings={}).detections()
        ()
        """
        found = []
        for at, change in enumerate(self.changes, 1):
            end = self.changes[at].row if at < len(self.changes) else self.rows
            told = [one for one in self.alerts if not one.segment and change.row < one.row <= end]
            for kind in self.kinds:
                alert = next((one for one in told if one.kind is kind), None)
                found.append(Detection(change=change, kind=kind, alert=alert))
        return tuple(found)

    def before_changes(self) -> tuple[AlertPoint, ...]:
        """Alerts that came before the first known change: false, if all changes are known. Empty where none is."""
        if not self.changes:
            return ()
        return tuple(one for one in self.alerts if one.row <= self.changes[0].row)


__all__ = ["AlertPoint", "Detection", "History", "KnownChange", "TriggerPoint", "WindowPoint"]
