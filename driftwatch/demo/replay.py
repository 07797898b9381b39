"""Lives the year again: predictions through the watched model, labels when they arrive, a retrain when it comes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from driftwatch import Client
from driftwatch.capture.wrapper import Watched
from driftwatch.core.episodes import FINISHED
from driftwatch.demo.flights import FEATURES, ID, LABEL, LABELLED, SCHEDULED, Step, steps
from driftwatch.demo.progress import Display, Moment
from driftwatch.demo.rival import Rival
from driftwatch.demo.service import ServiceProcess
from driftwatch.errors import ServiceUnavailable

STEP = pd.Timedelta(hours=12)

_LOOK_SECONDS = 0.03
_FLUSH_SECONDS = 1.0
_PATIENCE_SECONDS = 120.0
_WEEK = 7

Answer = TypeVar("Answer")
Document = dict[str, Any]
"""A model as ``GET /v1/models`` shows it."""


class Replay:
    """Replays flights against a running service.

    Parameters
    ----------
    model
        The watched model.
    name
        What the service calls it.
    client, service
        The service: as it is asked, and as a process that is started again if it dies.
    rival
        A shadow that answers beside the model.
    """

    def __init__(
        self, model: Watched, name: str, client: Client, service: ServiceProcess, rival: Rival | None = None
    ) -> None:
        self._model = model
        self._rival = rival
        self._name = name
        self._client = client
        self._service = service
        self._daily_errors: deque[pd.Series] = deque(maxlen=_WEEK)
        self._told = ""
        self._restarts = 0

    def run(self, flights: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp, shown: Display) -> pd.Series:
        """Replay ``start <= scheduled < end``; answers what was served, by the index of ``flights``.

        Event time waits at the end of each day until the service has taken and judged everything, and while a
        retrain is open: in life that takes minutes of a day, and here a day takes a quarter of a second.

        Raises
        ------
        ServiceUnavailable
            The service does not come back, or falls behind for too long.
        """
        served = pd.Series(np.nan, index=flights.index)
        today: list[pd.Series] = []
        for step in steps(flights, start, end, STEP):
            if len(step.flights):
                served.loc[step.flights.index] = self._predict(step)
                if self._rival is not None:
                    self._rival.answer(step)
                self._wait_for(self._flushed, "Predictions could not be sent")
            self._ask(partial(self._send_labels, step.labels))
            today.append((step.labels[LABEL] - served.loc[step.labels.index]).abs())
            if step.end == step.end.normalize() or step.end >= end:
                self._daily_errors.append(pd.concat(today))
                today.clear()
                self._settle(step.end, shown)
        return served

    def _predict(self, step: Step) -> NDArray[np.float64]:
        with self._model.request(ids=step.flights[ID].tolist(), event_times=step.flights[SCHEDULED].tolist()):
            return np.asarray(self._model.predict(step.flights[FEATURES]), dtype=np.float64)

    def _send_labels(self, labels: pd.DataFrame) -> None:
        rows = zip(labels[ID].tolist(), labels[LABEL].tolist(), labels[LABELLED].tolist(), strict=True)
        self._client.send_labels(
            self._name, [{"prediction_id": one, "label": value, "event_time": time} for one, value, time in rows]
        )

    def _settle(self, now: pd.Timestamp, shown: Display) -> None:
        time.sleep(_LOOK_SECONDS)
        seen = self._wait_for(self._caught_up, "The service fell behind")
        self._show(now, seen, shown)
        if _retraining(seen):
            seen = self._wait_for(self._retrained, "A retrain stayed open")
            self._show(now, seen, shown)
        if self._service.restarts > self._restarts:
            self._restarts = self._service.restarts
            shown.say("The service had ended, and was started again.")
        retrain = seen["retrain"]
        if retrain is not None and retrain["retrain_id"] != self._told:
            self._told = retrain["retrain_id"]
            shown.say(f"{retrain['triggered'][:10]}  retrain asked for: {retrain['reason']}")
            shown.say(f"{'':12}{retrain['state']}: {retrain['history'][-1]['note']}")

    def _show(self, now: pd.Timestamp, seen: Document, shown: Display) -> None:
        shown.show(
            Moment(
                day=now.to_pydatetime(),
                error=float(pd.concat(self._daily_errors).mean()),
                model_version=seen["current_version"],
                alerts=seen["firing_alerts"],
                retraining=_retraining(seen),
            )
        )

    def _flushed(self) -> bool | None:
        flushed = self._model.flush(_FLUSH_SECONDS)
        if flushed and self._rival is not None:
            flushed = self._rival.flush(_FLUSH_SECONDS)
        return flushed or None

    def _caught_up(self) -> Document | None:
        """The model as the service shows it; None while there is something that the service has not judged."""
        (seen,) = (one for one in self._client.models() if one["model"] == self._name)
        return seen if seen["pending_rows"] == 0 else None

    def _retrained(self) -> Document | None:
        seen = self._caught_up()
        return None if seen is None or _retraining(seen) else seen

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        """Ask the service, again and again while it is away."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return question()
            except ServiceUnavailable:
                if time.monotonic() > deadline:
                    raise
            self._service.keep_running()
            time.sleep(_LOOK_SECONDS)

    def _wait_for(self, question: Callable[[], Answer | None], trouble: str) -> Answer:
        """Ask until there is an answer, and start the service again where it has died meanwhile."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (answer := self._ask(question)) is None:
            if time.monotonic() > deadline:
                raise ServiceUnavailable(f"{trouble} for {_PATIENCE_SECONDS:.0f} seconds.")
            self._service.keep_running()
            time.sleep(_LOOK_SECONDS)
        return answer


def _retraining(seen: Document) -> bool:
    return seen["retrain"] is not None and seen["retrain"]["state"] not in FINISHED
