"""The pipeline of a monitor: the parts of the service, built by `driftwatch.bootstrap`, over memory and a told time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from driftwatch.bootstrap import assemble, keep_state
from driftwatch.core.baseline import Baseline
from driftwatch.core.history import AlertPoint
from driftwatch.core.performance.own import OwnMeasure
from driftwatch.core.records import AlertState, RetrainEpisode, RetrainState, RetrainStep
from driftwatch.core.retrain import CLOSED
from driftwatch.core.windows import from_microseconds
from driftwatch.monitor.chronicle import Chronicle
from driftwatch.monitor.memory import MonitorSpool, MonitorState
from driftwatch.pipeline.ingest import Submission
from driftwatch.pipeline.keep_state import StateKeeper
from driftwatch.settings import Settings
from driftwatch.testing import ManualClock, MemoryLog
from driftwatch.wire.columnar import LabelColumns, PredictionColumns
from driftwatch.wire.native import Rejection

_NOTE = "Nobody retrains in a monitor: it goes on as if that had brought nothing."
_SHOWN = 3


class Engine:
    """Takes events through the pipeline, a step at a time.

    Parameters
    ----------
    baseline
        Of the only version.
    settings
        How to judge.
    now
        The first event time, in microseconds.
    own
        The user's own measures of quality.
    """

    def __init__(
        self, baseline: Baseline, settings: Settings, now: int, own: Mapping[str, OwnMeasure] | None = None
    ) -> None:
        self.rejected = 0
        self.duplicates = 0
        self.rejections: list[Rejection] = []
        self._model = baseline.model
        self._clock = ManualClock(from_microseconds(now))
        horizon = settings.duplicate_horizon.total_seconds()
        self._spool = MonitorSpool(horizon_seconds=horizon, max_rows=settings.spool_rows)
        self._state = MonitorState(settings.label_horizon)
        self._service = assemble(
            settings, spool=self._spool, log=MemoryLog(), state=self._state, clock=self._clock, told={}, own=own
        )
        self._service.operations.register_baseline(self._model, baseline.to_json())
        self._keeper = StateKeeper(self._state, self._clock, keep_state(settings))

    @property
    def now(self) -> datetime:
        """How far the stream has come."""
        return self._clock.now()

    def come_to(self, moment: int) -> None:
        """Let the stream come to a time, in microseconds; it does not go back."""
        self._clock.set(max(self._clock.now(), from_microseconds(moment)))

    def predictions(self, columns: PredictionColumns) -> int:
        """Take predictions in; they go through the pipeline with the next step. Answers how many were accepted."""
        return self._count(self._service.ingest.prediction_columns(self._model, columns))

    def labels(self, columns: LabelColumns) -> None:
        """Take labels in, likewise."""
        self._count(self._service.ingest.label_columns(self._model, columns))

    def step(self, chronicle: Chronicle, seen: int, labelled: Collection[str] = ()) -> list[AlertPoint]:
        """Take everything through the stages, judge what is due, and write it down.

        Parameters
        ----------
        chronicle, seen
            Where it is written down, and how many rows of the stream had been seen.
        labelled
            Ids of predictions that no other label can come for.

        Returns
        -------
        list
            Alerts that began to fire.
        """
        pipeline, last = self._service.pipeline, self._spool.last_sequence()
        pipeline.step()
        while pipeline.applied() < last:
            pipeline.step()
        self._spool.remove_through(last)
        self._state.forget_predictions(self._model, labelled)
        while self._keeper.step():
            continue
        news = list(self._state.news)
        self._state.news.clear()
        for one in news:
            if isinstance(one, RetrainEpisode) and one.state not in CLOSED:
                with self._state.transaction() as transaction:
                    step = RetrainStep(at=self.now, state=RetrainState.CANCELLED, note=_NOTE)
                    transaction.step_retrain(one.retrain_id, step)
        return chronicle.write(news, seen, self.now)

    def fires(self) -> bool:
        """Whether an alert is firing."""
        with self._state.read() as reader:
            return bool(reader.alerts(self._model, state=AlertState.FIRING, limit=1))

    def close(self) -> None:
        """Let go of everything."""
        self._service.close()

    def _count(self, submission: Submission) -> int:
        self.rejected += len(submission.rejections)
        self.rejections += submission.rejections[: max(_SHOWN - len(self.rejections), 0)]
        receipts = [one.result() for one in submission.receipts]
        self.duplicates += sum(len(one.duplicates) for one in receipts)
        return sum(one.accepted for one in receipts)


__all__ = ["Engine"]
