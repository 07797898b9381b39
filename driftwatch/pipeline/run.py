"""The whole pipeline: its stages in order, and the two threads that run them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from driftwatch.core.segments import SegmentPlan
from driftwatch.core.windows import WindowPlan
from driftwatch.crash_points import reached
from driftwatch.errors import StoreError
from driftwatch.pipeline.baselines import Baselines
from driftwatch.pipeline.deliver import Deliverer
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

_LOGGER = logging.getLogger(__name__)

_HOUSEKEEPING = "housekeeping"
_BREATH_SECONDS = 0.1
"""Between two steps of housekeeping, so that it takes at most its turn."""

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
    housekeeping_seconds: float = 60.0
    trouble_seconds: float = 2.0
    label_horizon: timedelta = timedelta(days=90)


class Pipeline:
    """Takes accepted events through the stages. One thread steps it."""

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
        self._one_at_a_time = threading.Lock()
        self._is_cut = False

    def recall(self) -> None:
        """Let the counters go on where they were when the service ended; the first step does it else."""
        with self._one_at_a_time, self._state.read() as reader:
            self._totals.recall(reader, self._telemetry)

    def step(self) -> int:
        """Take the next entries through every stage, judge what is due; answers how many rows were taken."""
        with self._one_at_a_time:
            tally = Tally()
            try:
                entries = self._taken(tally)
            except BaseException:
                self._judge.look_again()
                raise
            tally.publish(self._telemetry)
        return sum(len(one.batch) for one in entries)

    def record_due(self) -> None:
        """Move what went through the stages to the log, where enough of it waits or waited long enough."""
        with self._one_at_a_time:
            self._record_in_steps()

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
        with self._one_at_a_time:
            self._recorder.record_all()

    def wait_for_work(self) -> bool:
        """Block until there are new entries (true), or until the idle time is over."""
        return self._spool.wait(self.applied(), self._pace.idle_seconds)

    def _record_in_steps(self) -> None:
        now = self._clock.now()
        due = self._recorded_at is None or now - self._recorded_at >= self._pace.file_age
        if not due and self._spool.pending_rows() < self._pace.rows_a_file:
            return
        if self._recorder.unrecorded():
            self._recorder.record()
        self._recorded_at = now


class Runner:
    """One thread steps the pipeline, one keeps house, and one a sink delivers. Trouble is logged, and tried again.

    Where the log cannot be written, windows are judged all the same: the spool holds what the log has not.

    Parameters
    ----------
    pipeline, deliverer
        What the others do.
    housekeep
        Does a little of what is due, and answers whether there is more. Its trouble keeps nobody from working, so
        it is logged and not shown.
    pace
        How long to wait when there is nothing to do, and after trouble.
    beside
        Says what is in the way of work that has a thread of its own.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        deliverer: Deliverer,
        housekeep: Callable[[], bool],
        pace: Pace,
        beside: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._pipeline = pipeline
        self._deliverer = deliverer
        self._housekeep = housekeep
        self._pace = pace
        self._beside = beside
        self._stop = threading.Event()
        self._trouble: dict[str, str] = {}
        self._not_before: dict[str, float] = {}
        self._threads = [
            threading.Thread(target=self._run_pipeline, name="driftwatch-pipeline", daemon=True),
            threading.Thread(target=self._run_housekeeping, name="driftwatch-housekeeping", daemon=True),
            *(
                threading.Thread(
                    target=self._run_deliverer,
                    args=(f"delivery to {name}", partial(deliverer.deliver_to, name)),
                    name=f"driftwatch-deliver-{name}",
                    daemon=True,
                )
                for name in deliverer.sinks
            ),
            threading.Thread(
                target=self._run_deliverer,
                args=("delivery", deliverer.give_up_unknown),
                name="driftwatch-deliver",
                daemon=True,
            ),
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """Let them finish what they are at; nothing where they were never started."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout_seconds)

    def trouble(self) -> str | None:
        """What keeps the pipeline from going on at the moment, if anything."""
        found = [text for name, text in self._trouble.items() if name != _HOUSEKEEPING]
        return "; ".join([*found, *filter(None, [self._beside()])]) or None

    def _run_pipeline(self) -> None:
        while not self._stop.is_set():
            begun = time.monotonic()
            taken = self._guarded("pipeline", self._pipeline.step)
            if taken and taken < self._pace.rows_a_step // 2:
                # A step costs the same for one row as for a hundred: where few came, the next ones gather meanwhile.
                rest = self._pace.rests_a_step * (time.monotonic() - begun)
                self._stop.wait(min(rest, self._pace.longest_rest_seconds))
            if time.monotonic() >= self._not_before.get("log", 0.0):
                self._guarded("log", self._pipeline.record_due)
            if taken is None or (taken == 0 and self._guarded("spool", self._pipeline.wait_for_work) is None):
                self._stop.wait(self._pace.trouble_seconds)

    def _run_deliverer(self, name: str, deliver: Callable[[], int]) -> None:
        while not self._stop.is_set():
            delivered = self._guarded(name, deliver)
            if not delivered:
                self._stop.wait(self._pace.trouble_seconds if delivered is None else self._pace.idle_seconds / 4)

    def _run_housekeeping(self) -> None:
        while not self._stop.wait(self._pace.idle_seconds):
            while self._guarded(_HOUSEKEEPING, self._housekeep) and not self._stop.wait(_BREATH_SECONDS):
                continue
            self._stop.wait(self._pace.housekeeping_seconds)

    def _guarded(self, name: str, act: Callable[[], int | bool | None]) -> int | None:
        """Do it, and remember what was in the way; answers None then, and where there is nothing to answer."""
        try:
            done = act()
        except StoreError as error:
            if self._trouble.get(name) != str(error):
                _LOGGER.error("%s: %s", name, error)
            self._trouble[name] = str(error)
        except Exception as error:
            _LOGGER.exception("%s stopped at something unforeseen; trying again", name)
            self._trouble[name] = f"{type(error).__name__} in the {name}; see the log"
        else:
            if self._trouble.pop(name, None) is not None:
                _LOGGER.info("%s goes on", name)
            return done
        self._not_before[name] = time.monotonic() + self._pace.trouble_seconds
        return None
