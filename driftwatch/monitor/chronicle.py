"""Writes down what happens along a stream, with the row at which it happens."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from driftwatch.core.history import AlertPoint, TriggerPoint, WindowPoint
from driftwatch.core.performance import LOSS_MEASURE
from driftwatch.core.records import Alert, AlertKind, AlertState, RetrainEpisode, Task, WindowKey, WindowRecord
from driftwatch.core.windows import to_microseconds
from driftwatch.monitor.memory import News

_BEGUN = 1.0
"""Evidence from which on something may have begun: less than this is what a single new bet is worth."""

_Stream = tuple[str, str]
_Place = tuple[datetime, int | None]


class Chronicle:
    """What was judged, told and asked for, in order.

    Attributes
    ----------
    windows, alerts, triggers
        So far. A window that is judged again takes its own place.
    latest
        The record of the window that was judged last, with its findings.
    """

    def __init__(self, task: Task) -> None:
        self.windows: dict[WindowKey, WindowPoint] = {}
        self.alerts: dict[str, AlertPoint] = {}
        self.triggers: list[TriggerPoint] = []
        self.latest: WindowRecord | None = None
        self._loss = LOSS_MEASURE[task]
        self._times: list[int] = []
        self._seen: list[int] = []
        self._by_row: dict[int, int] = {}
        self._grew: dict[tuple[_Stream, AlertKind], dict[tuple[str, str], WindowKey]] = {}
        self._last: dict[tuple[_Stream, AlertKind], _Place] = {}

    def began(self, time: int, seen: int, row: int | None) -> None:
        """Note where a window begins.

        Parameters
        ----------
        time
            How far the stream had come with its first row, in microseconds.
        seen
            How many rows had been seen before it.
        row
            Which row of its version it is, from 0; None where windows are of time.
        """
        self._times.append(time)
        self._seen.append(seen)
        if row is not None:
            self._by_row[row] = seen

    def write(self, news: Iterable[News], seen: int, at: datetime) -> list[AlertPoint]:
        """Write down what a step brought; answers the alerts that began to fire.

        Parameters
        ----------
        news
            In order.
        seen, at
            How many rows had been seen, and how far the stream had come.
        """
        fired: list[AlertPoint] = []
        for one in news:
            if isinstance(one, WindowRecord):
                self._window(one, seen)
            elif isinstance(one, RetrainEpisode):
                point = TriggerPoint(retrain_id=one.retrain_id, row=seen, at=at, reason=one.reason)
                self.triggers.append(point)
            elif one.alert_id not in self.alerts:
                if one.state is AlertState.FIRING:
                    fired.append(self._fired(one, seen, at))
                    self.alerts[one.alert_id] = fired[-1]
            else:
                self._went_on(one, seen, at)
        return [self.alerts[one.alert_id] for one in fired]

    def _window(self, window: WindowRecord, seen: int) -> None:
        key = window.key
        self.latest = window
        self.windows[key] = WindowPoint(
            start=key.start,
            end=key.end,
            first_row=key.first_row,
            end_row=key.end_row,
            model_version=key.model_version,
            segment=key.segment,
            rows=window.rows,
            labels=window.labels,
            status=window.status,
            evidence={one.kind: one.evidence / one.limit.value for one in window.verdicts},
            loss=window.performance.get(self._loss, math.nan),
            seen=seen,
            performance=window.performance,
        )
        for verdict in window.verdicts:
            self._watch(window, verdict.kind)

    def _watch(self, window: WindowRecord, kind: AlertKind) -> None:
        """Note since which window the evidence of each column of a kind has grown."""
        key = window.key
        stream, place = (key.model_version, key.segment), (key.start, key.first_row)
        last = self._last.get((stream, kind))
        if last is not None and place <= last:
            return
        self._last[stream, kind] = place
        before = self._grew.get((stream, kind), {})
        # What a window does not mention has no evidence to speak of.
        self._grew[stream, kind] = {
            one: before.get(one, key)
            for finding in window.findings
            if finding.kind is kind and finding.evidence >= _BEGUN
            for one in ((finding.column, finding.statistic),)
        }

    def _fired(self, alert: Alert, seen: int, at: datetime) -> AlertPoint:
        grew = self._grew.get(((alert.model_version, alert.segment), alert.kind), {})
        since = [key for (column, _), key in grew.items() if column in alert.columns]
        first = min(since, key=lambda key: (key.start, key.first_row or 0), default=None)
        start = first.start if first is not None else self._window_of(alert)
        start_row = self._row_of(start, first)
        return AlertPoint(
            alert_id=alert.alert_id,
            kind=alert.kind,
            segment=alert.segment,
            columns=alert.columns,
            reason=alert.reason,
            evidence=alert.evidence,
            row=seen,
            at=at,
            start=start,
            start_row=min(start_row, seen),
        )

    def _window_of(self, alert: Alert) -> datetime:
        """The start of the window that an alert was raised by."""
        mine = [
            one
            for one in self.windows.values()
            if (one.model_version, one.segment, one.end) == (alert.model_version, alert.segment, alert.started)
        ]
        return mine[-1].start if mine else alert.started

    def _row_of(self, start: datetime, key: WindowKey | None) -> int:
        if key is not None and not key.segment and key.first_row in self._by_row:
            return self._by_row[key.first_row]
        at = bisect_right(self._times, to_microseconds(start)) - 1
        return self._seen[at] if at >= 0 else 0

    def _went_on(self, alert: Alert, seen: int, at: datetime) -> None:
        """What was told when it fired stays so: columns that join it later are in the windows."""
        if alert.state is AlertState.RESOLVED:
            point = self.alerts[alert.alert_id]
            self.alerts[alert.alert_id] = replace(point, resolved_row=seen, resolved_at=at)


__all__ = ["Chronicle"]
