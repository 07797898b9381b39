"""The threads that run the pipeline, the log, the house and the deliveries, and how they make room for requests."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from driftwatch.errors import StoreError
from driftwatch.pipeline.deliver import Deliverer
from driftwatch.pipeline.run import Pace, Pipeline

_LOGGER = logging.getLogger(__name__)

_HOUSEKEEPING = "housekeeping"
_LOOK_SECONDS = 0.02
_BREATH_SECONDS = 0.1
"""Between two steps of housekeeping, so that it takes at most its turn."""


@dataclass(frozen=True, slots=True)
class Moment:
    """By the clock, and by the time that this thread has had the processor; in seconds."""

    clock: float
    worked: float

    @classmethod
    def now(cls) -> Moment:
        """As it is when this is asked."""
        return cls(time.monotonic(), time.thread_time())

    def waited(self) -> float:
        """How long this thread did nothing since."""
        now = Moment.now()
        return max(0.0, now.clock - self.clock - (now.worked - self.worked))


class Runner:
    """A thread steps the pipeline, one writes the log, one keeps house, and one a sink delivers.

    Trouble is logged, and tried again.

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
        self._threads = [
            threading.Thread(target=self._run_pipeline, name="driftwatch-pipeline", daemon=True),
            threading.Thread(target=self._run_log, name="driftwatch-log", daemon=True),
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
            begun, acknowledged = Moment.now(), self._pipeline.acknowledged()
            taken = self._guarded("pipeline", self._pipeline.step)
            if taken and taken < self._pace.rows_a_step // 2:
                # A step costs the same for one row as for a hundred: where few came, the next ones gather meanwhile.
                rest = self._pace.rests_a_step * (time.monotonic() - begun.clock)
                self._stop.wait(min(rest, self._pace.longest_rest_seconds))
            elif taken:
                self._stand_back(begun, acknowledged)
            if taken is None or (taken == 0 and self._guarded("spool", self._pipeline.wait_for_work) is None):
                self._stop.wait(self._pace.trouble_seconds)

    def _run_log(self) -> None:
        while not self._stop.is_set():
            begun, acknowledged = Moment.now(), self._pipeline.acknowledged()
            recorded = self._guarded("log", self._pipeline.record_due)
            if recorded:
                self._stand_back(begun, acknowledged)
            else:
                self._stop.wait(self._pace.trouble_seconds if recorded is None else self._pace.idle_seconds / 4)

    def _stand_back(self, begun: Moment, acknowledged: int) -> None:
        """Leave the processor to those who wait for an acknowledgement, as long as some do and this is not far behind.

        What came in a burst is judged some seconds later, and the burst is over sooner.

        Parameters
        ----------
        begun
            When the work began that was just done. It is rested for a multiple of the time that it had to wait for the
            processor: where there is enough for all, hardly at all.
        acknowledged
            The sequence up to which entries were acknowledged then.
        """
        rest = min(self._pace.stands_back * begun.waited(), self._pace.longest_stand_back_seconds)
        until = time.monotonic() + rest
        while timedelta(0) < self._pipeline.behind() < self._pace.most_behind:
            before, acknowledged = acknowledged, self._pipeline.acknowledged()
            left = until - time.monotonic()
            if acknowledged == before or left <= 0 or self._stop.wait(min(left, _LOOK_SECONDS)):
                return

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
        return None
