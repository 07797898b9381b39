"""``driftwatch.Monitor``: frames in, alerts out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.bootstrap import window_plan
from driftwatch.core.baseline import Baseline
from driftwatch.core.event_names import EventNames
from driftwatch.core.frames import column_names
from driftwatch.core.history import AlertPoint, History, KnownChange, TriggerPoint, WindowPoint
from driftwatch.core.judge import judged_kinds
from driftwatch.core.performance import LOSS_MEASURE
from driftwatch.core.performance.own import OwnMeasure, unlike_ours
from driftwatch.core.records import Status, WindowRecord
from driftwatch.core.segments import ALL_ROWS
from driftwatch.core.windows import WindowPlan, from_microseconds, to_microseconds
from driftwatch.monitor.chronicle import Chronicle
from driftwatch.monitor.cuts import Cuts
from driftwatch.monitor.engine import Engine
from driftwatch.monitor.frames import EventRows, event_rows, label_rows
from driftwatch.monitor.memory import MADE_HERE
from driftwatch.monitor.options import Asked, judging_settings
from driftwatch.monitor.pending import PendingLabels
from driftwatch.settings import Settings

if TYPE_CHECKING:
    import pandas

_MOST_STEPS_AT_THE_END = 64


class Monitor:
    """Watches a model in this process: the service's own pipeline, without a server, a disk or a thread.

    Give it rows as they come. It judges each window at the row that makes it due, by the time of the events.

    Parameters
    ----------
    baseline
        What the model was trained on, and its predictions: those of one version.
    window
        ``"1000 rows"``, or a length of event time such as ``"1h"``. Left out: a day where rows have times, else 1,000
        rows.
    false_alarms
        Budget such as ``"1 per 90d"`` or ``"1 per 1000 windows"``; one of these two if left out.
    config
        A service's file of settings.
    columns
        Which column is what, where they are not called ``prediction, score, label, event_time, label_time,
        prediction_id, segment, model_version`` and the baseline does not know their names.
    known_changes
        Rows of the stream (from 0) or times at which something is known to have changed, for `history`.
    measures
        Your own measures of quality, by name: functions that get the labelled rows' label, prediction and scores, as a
        mapping of columns to arrays, and answer with a number a row. See `WindowPoint.performance`.
    on_step
        Called with the number of rows seen, after every step.
    **settings
        Any other setting of the service, such as ``slide``, ``label_wait``, ``segments`` or ``quality_ratio``: see
        ``docs/settings.md``.

    Raises
    ------
    SettingError
        If a setting cannot work.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(4)
    >>> monitor = Monitor(Baseline.fit({"x": rng.normal(size=5_000)}), window="200 rows")
    >>> monitor.update({"x": rng.normal(size=1_000)})
    []
    >>> for alert in monitor.update({"x": rng.normal(loc=0.8, size=1_000)}):
    ...     print(alert.kind.value, alert.columns, alert.row, alert.start_row)
    feature_drift ('x',) 1200 1000
    >>> monitor.status.value, len(monitor.windows)
    ('drift', 10)
    """

    def __init__(
        self,
        baseline: Baseline,
        *,
        window: str | int | timedelta | None = None,
        false_alarms: str | None = None,
        config: str | Path | None = None,
        columns: EventNames | None = None,
        known_changes: Sequence[int | datetime] = (),
        measures: Mapping[str, OwnMeasure] | None = None,
        on_step: Callable[[int], object] | None = None,
        **settings: Any,
    ) -> None:
        self._asked = Asked(
            config=None if config is None else Path(config),
            options={**settings, "window": window, "false_alarms": false_alarms},
        )
        self._asked.settings()
        self._baseline = baseline
        self._given = columns
        self._awaited = list(known_changes)
        self._changes: list[KnownChange] = []
        self._measures = unlike_ours(measures or {})
        self._on_step = on_step or (lambda seen: None)
        self._chronicle = Chronicle(baseline.schema.task)
        self._pending = PendingLabels()
        self._joins = baseline.schema.prediction is not None
        self._names: EventNames | None = None
        self._settings: Settings | None = None
        self._plan: WindowPlan | None = None
        self._engine: Engine | None = None
        self._cuts: Cuts | None = None
        self._seen = self._labels = self._passed_over = 0
        self._first = self._latest = 0
        self._window: int | None = None

    def update(self, frame: Any) -> list[AlertPoint]:
        """Take in the next rows.

        Parameters
        ----------
        frame
            A pandas or Polars frame, an Arrow table, or a mapping of names to arrays, with the features by name and,
            where it has them, the columns that events have.

        Returns
        -------
        list of AlertPoint
            The alerts that began to fire, in order.

        Raises
        ------
        EventError
            If a column is not there, or cannot be read.
        """
        if self._names is None:
            self._names = EventNames.found(column_names(frame), self._baseline.schema, self._given)
            if self._joins:
                self._names.check(self._baseline.schema, labels_alone=False)
        version = self._baseline.model_version
        rows = event_rows(frame, self._names, self._baseline.schema, version, before=self._seen, latest=self._latest)
        fired = self._taken(rows) if len(rows) else []
        self._passed_over += rows.passed_over
        self._seen += len(rows) + rows.passed_over
        return fired

    def labels(self, frame: Any) -> None:
        """Take in labels that come later than their rows: ``prediction_id``, ``label``, and ``label_time`` if known.

        A label is known from its ``label_time`` on: it waits for the stream to come there. One without is known now.
        Windows are judged with the next rows, or by `finish`.

        Raises
        ------
        EventError
            If a column is not there, or cannot be read.
        """
        existing = column_names(frame)
        given = self._given or EventNames()
        known = EventNames(
            label=given.label if given.label in existing else None,
            label_time=given.label_time if given.label_time in existing else None,
            prediction_id=given.prediction_id if given.prediction_id in existing else None,
        )
        names = EventNames.found(existing, self._baseline.schema, known)
        labels = label_rows(frame, names, self._baseline.schema, latest=self._latest)
        if labels.n_rows:
            self._pending.add(labels)
        self._labels += labels.n_rows

    def finish(self) -> list[AlertPoint]:
        """Judge what is left, as the service does when a stream has fallen silent; answers the alerts that fire now.

        Labels that are known to come are taken in at their time, and every window of time ends. More rows may follow
        all the same: those of windows that have ended are late.
        """
        if self._engine is None or self._cuts is None:
            return []
        moments = set(self._cuts.to_come())
        last = self._pending.last_time
        if last is not None and last > self._latest:
            moments |= {*range(self._latest, last, max((last - self._latest) // _MOST_STEPS_AT_THE_END, 1)), last}
        fired: list[AlertPoint] = []
        for moment in sorted({self._latest, *moments}):
            self._engine.come_to(moment)
            fired += self._step(self._engine, self._seen, set())
        return fired

    def close(self) -> None:
        """Let go of everything that it holds; what it has seen stays."""
        if self._engine is not None:
            self._engine.close()

    @property
    def status(self) -> Status:
        """``drift`` while an alert fires, else that of the window of all rows that was judged last."""
        if self._engine is not None and self._engine.fires():
            return Status.DRIFT
        windows = [one for one in self._chronicle.windows.values() if one.segment == ALL_ROWS]
        return windows[-1].status if windows else Status.INSUFFICIENT_DATA

    @property
    def rows(self) -> int:
        """How many rows it was given."""
        return self._seen

    @property
    def windows(self) -> tuple[WindowPoint, ...]:
        """The windows that were judged, in order; those of segments among them."""
        return tuple(self._chronicle.windows.values())

    @property
    def latest(self) -> WindowRecord | None:
        """The window that was judged last, with everything that was found in it; None before there was one."""
        return self._chronicle.latest

    @property
    def alerts(self) -> tuple[AlertPoint, ...]:
        """All alerts, in the order in which they fired."""
        return tuple(self._chronicle.alerts.values())

    @property
    def triggers(self) -> tuple[TriggerPoint, ...]:
        """All requests to retrain. Nobody retrains here: each is taken to have brought nothing."""
        return tuple(self._chronicle.triggers)

    def to_frame(self) -> pandas.DataFrame:
        """The windows as a pandas frame, one row each, with the evidence of every kind of alert in a column."""
        import pandas

        kinds = judged_kinds(self._baseline)
        return pandas.DataFrame(
            [
                {
                    "start": one.start,
                    "end": one.end,
                    "first_row": one.first_row,
                    "end_row": one.end_row,
                    "segment": one.segment,
                    "rows": one.rows,
                    "labels": one.labels,
                    "status": one.status.value,
                    LOSS_MEASURE[self._baseline.schema.task]: one.loss,
                    **{f"evidence_{kind.value}": one.evidence.get(kind, math.nan) for kind in kinds},
                }
                for one in self.windows
            ]
        )

    def history(self, name: str = "") -> History:
        """Everything that was seen so far, under a name for the settings."""
        reference = self._baseline.performance
        return History(
            name=name,
            rows=self._seen,
            labels=self._labels,
            first=from_microseconds(self._first) if self._engine is not None else None,
            last=from_microseconds(self._latest) if self._engine is not None else None,
            timed=self._names is not None and self._names.event_time is not None,
            counted=self._plan is not None and self._plan.counted,
            settings={} if self._settings is None else judging_settings(self._settings),
            windows=tuple(one for one in self.windows if one.segment == ALL_ROWS),
            alerts=self.alerts,
            triggers=self.triggers,
            changes=tuple(sorted(self._changes, key=lambda one: one.row)),
            notes=self._notes(),
            loss=LOSS_MEASURE[self._baseline.schema.task],
            reference_loss=math.nan if reference is None else reference.loss.value,
            kinds=judged_kinds(self._baseline),
        )

    def _notes(self) -> tuple[str, ...]:
        notes = []
        if self._passed_over:
            notes.append(
                f"{self._passed_over:,} rows of other versions than {self._baseline.model_version!r} were passed over."
            )
        if self._engine is not None and self._engine.rejected:
            shown = "; ".join(f"{one.field} {one.problem}" for one in self._engine.rejections)
            notes.append(f"{self._engine.rejected:,} predictions and labels were rejected, for example: {shown}")
        if self._engine is not None and self._engine.duplicates:
            notes.append(f"{self._engine.duplicates:,} predictions came twice: the first of each counts.")
        notes += [f"The known change {_change_text(one)} lies beyond the stream." for one in self._awaited]
        return tuple(notes)

    def _begin(self, first: int) -> tuple[Engine, Cuts]:
        """Build the pipeline, now that it is known what the stream has."""
        if self._engine is None or self._cuts is None:
            self._settings = self._asked.settings(self._names)
            self._plan = window_plan(self._settings)
            self._cuts = Cuts(self._plan)
            self._engine = Engine(self._baseline, self._settings, first, self._measures)
            self._first = self._latest = first
        return self._engine, self._cuts

    def _taken(self, rows: EventRows) -> list[AlertPoint]:
        engine, cuts = self._begin(int(rows.times[0]))
        latest = np.maximum.accumulate(np.maximum(rows.times, self._latest))
        self._find_changes(rows, latest)
        fired: list[AlertPoint] = []
        first = 0
        while first < len(rows):
            part = slice(first, first + cuts.length(latest[first:]))
            self._latest, seen = int(latest[part.stop - 1]), int(rows.seen[part.stop - 1])
            self._note_windows(rows, latest, part, cuts.rows)
            engine.come_to(self._latest)
            cuts.took(engine.predictions(rows.predictions(part)), self._latest)
            known, later = rows.labels_known(part, self._latest), rows.labels_unknown(part, self._latest)
            labelled = set() if rows.named else set(rows.ids[part])
            for labels in (known, later):
                self._labels += 0 if labels is None else labels.n_rows
            if known is not None and self._joins:
                engine.labels(known)
            if later is not None:
                self._pending.add(later)
                labelled.difference_update(one for one in later.prediction_ids if one is not None)
            fired += self._step(engine, seen, labelled)
            first = part.stop
        return fired

    def _step(self, engine: Engine, seen: int, labelled: set[str]) -> list[AlertPoint]:
        """Take in the labels that are known by now, and everything else through the pipeline."""
        released = self._pending.released(to_microseconds(engine.now))
        if released is not None and self._joins:
            engine.labels(released)
            labelled.update(one for one in released.prediction_ids if one is not None and one.startswith(MADE_HERE))
        fired = engine.step(self._chronicle, seen, labelled)
        self._on_step(seen)
        return fired

    def _find_changes(self, rows: EventRows, latest: NDArray[np.int64]) -> None:
        """Find the rows of known changes among these."""
        for change in list(self._awaited):
            if isinstance(change, int):
                at = int(np.searchsorted(rows.seen, change + 1))
            else:
                at = int(np.searchsorted(latest, to_microseconds(change)))
            if at < len(rows):
                row, moment = int(rows.seen[at]) - 1, from_microseconds(int(latest[at]))
                self._changes.append(KnownChange(row=row, at=moment))
                self._awaited.remove(change)

    def _note_windows(self, rows: EventRows, latest: NDArray[np.int64], part: slice, counted: int) -> None:
        """Write down with which rows windows begin. Of windows of rows that can only be the first of a part."""
        assert self._plan is not None
        by_rows = self._plan.counted
        positions = np.array([counted]) if by_rows else latest[part]
        starts = self._plan.window_starts(positions)
        before = starts[0] - 1 if self._window is None else self._window
        for at in np.flatnonzero(np.diff(starts, prepend=before)).tolist():
            row = part.start + at
            start = int(starts[at]) if by_rows else None
            self._chronicle.began(int(latest[row]), int(rows.seen[row]) - 1, start)
        self._window = int(starts[-1])


def _change_text(change: int | datetime) -> str:
    return f"at row {change:,}" if isinstance(change, int) else f"of {change.isoformat()}"


__all__ = ["Monitor"]
