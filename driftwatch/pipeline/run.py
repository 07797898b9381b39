"""The whole pipeline: its stages in order, and how much it does at once."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftwatch.core.segments import SegmentPlan
from driftwatch.core.windows import WindowPlan
from driftwatch.crash_points import reached
from driftwatch.pipeline.baselines import Baselines
from driftwatch.pipeline.forget import forget_the_unmet
from driftwatch.pipeline.join import join_labels
from driftwatch.pipeline.judge import Judge
from driftwatch.pipeline.marks import APPLIED
from driftwatch.pipeline.own_measures import OwnMeasures
from driftwatch.pipeline.record import Recorder
from driftwatch.pipeline.recut import begin_anew_if_cut_otherwise
from driftwatch.pipeline.shadow import compare_shadows
from driftwatch.pipeline.slice import slice_predictions
from driftwatch.pipeline.telemetry import Tally, Telemetry
from driftwatch.pipeline.totals import Totals
from driftwatch.pipeline.work import Work
from driftwatch.ports import Clock, Spool, SpoolEntry, State

STAGES = (slice_predictions, join_labels, compare_shadows)
"""What happens to accepted events inside one transaction, in this order; judging follows in the same one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much is done at once, and how long things may wait."""

    rows_a_step: int = 10_000
    rows_a_file: int = 100_000
    file_age: timedelta = timedelta(seconds=30)
    idle_seconds: float = 1.0
    rests_a_step: float = 10.0
    longest_rest_seconds: float = 0.2
    stands_back: float = 10.0
    longest_stand_back_seconds: float = 1.0
    most_behind: timedelta = timedelta(seconds=30)
    housekeeping_seconds: float = 60.0
    trouble_seconds: float = 2.0
    label_horizon: timedelta = timedelta(days=90)


class Pipeline:
    """Takes accepted events through the stages, and what went through them to the log. A thread may do each of both."""

    def __init__(  # noqa: PLR0913 - one parameter a part
        self,
        *,
        spool: Spool,
        state: State,
        baselines: Baselines,
        judge: Judge,
        recorder: Recorder,
        plan: WindowPlan,
        segments: SegmentPlan,
        clock: Clock,
        telemetry: Telemetry,
        pace: Pace,
        own: OwnMeasures | None = None,
    ) -> None:
        self._spool = spool
        self._state = state
        self._baselines = baselines
        self._judge = judge
        self._recorder = recorder
        self._plan = plan
        self._segments = segments
        self._clock = clock
        self._telemetry = telemetry
        self._pace = pace
        self._own = own or OwnMeasures()
        self._totals = Totals()
        self._recorded_at: datetime | None = None
        self._behind = timedelta(0)
        self._stepping = threading.Lock()
        self._recording = threading.Lock()
        self._is_cut = False

    def recall(self) -> None:
        """Let the counters go on where they were when the service ended; the first step does it else."""
        with self._stepping, self._state.read() as reader:
            self._totals.recall(reader, self._telemetry)

    def step(self) -> int:
        """Take the next entries through every stage, judge what is due; answers how many rows were taken."""
        with self._stepping:
            tally = Tally()
            try:
                entries = self._taken(tally)
            except BaseException:
                self._judge.look_again()
                raise
            tally.publish(self._telemetry)
        rows = sum(len(one.batch) for one in entries)
        is_all = rows < self._pace.rows_a_step
        self._behind = timedelta(0) if is_all else self._clock.now() - entries[-1].received_time
        return rows

    def behind(self) -> timedelta:
        """How long ago the last rows of the last step were received; nothing where it took all that there was."""
        return self._behind

    def record_due(self) -> bool:
        """Move what went through the stages to the log, where enough of it waits or waited long enough.

        One step of it; answers whether there was one.
        """
        with self._recording:
            now = self._clock.now()
            due = self._recorded_at is None or now - self._recorded_at >= self._pace.file_age
            if not due and self._spool.pending_rows() < self._pace.rows_a_file:
                return False
            self._recorded_at = now
            return self._recorder.unrecorded() and self._recorder.record() > 0

    def _taken(self, tally: Tally) -> list[SpoolEntry]:
        with self._state.transaction() as transaction:
            self._totals.recall(transaction, self._telemetry)
            if not self._is_cut:
                begin_anew_if_cut_otherwise(transaction, self._plan)
            entries = self._spool.read(transaction.mark(APPLIED), self._pace.rows_a_step)
            work = Work(
                transaction=transaction,
                entries=entries,
                baselines=self._baselines,
                plan=self._plan,
                segments=self._segments,
                tally=tally,
                own=self._own,
            )
            for stage in STAGES:
                stage(work)
            work.save()
            if entries:
                transaction.set_mark(APPLIED, entries[-1].sequence)
            for model, moment in self._judge.judge_due(transaction, tally, work.changed()).items():
                forget_the_unmet(transaction, tally, model, moment, self._pace.label_horizon)
            added = self._totals.keep(transaction, tally)
            reached("stages.saved")
        reached("stages.committed")
        self._is_cut = True
        self._totals.kept(added)
        return entries

    def applied(self) -> int:
        """The sequence up to which entries went through the stages."""
        with self._state.read() as reader:
            return reader.mark(APPLIED)

    def unapplied_rows(self) -> int:
        """Rows that are acknowledged and did not go through the stages yet; 0 says that due windows are judged."""
        return self._spool.rows_after(self.applied())

    def flush(self) -> None:
        """Take everything that is acknowledged now through the stages and into the log."""
        last = self._spool.last_sequence()
        while self.applied() < last:
            self.step()
        with self._recording:
            self._recorder.record_all()

    def acknowledged(self) -> int:
        """The sequence up to which entries were acknowledged."""
        return self._spool.last_sequence()

    def wait_for_work(self) -> bool:
        """Block until there are new entries (true), or until the idle time is over."""
        return self._spool.wait(self.applied(), self._pace.idle_seconds)
