"""Lives the year again: predictions through the watched model, labels when they arrive, a retrain when it comes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from driftwatch import Client
from driftwatch.capture.wrapper import Watched
from driftwatch.core.records import AlertState, RetrainEpisode
from driftwatch.core.retrain import FINISHED
from driftwatch.demo.flights import FEATURES, ID, LABEL, LABELLED, SCHEDULED, Step, steps
from driftwatch.demo.progress import Display, Moment
from driftwatch.demo.service import ServiceProcess
from driftwatch.errors import ServiceUnavailable

STEP = pd.Timedelta(hours=12)

_LOOK_SECONDS = 0.02
_PATIENCE_SECONDS = 120.0
_WEEK = 7

Answer = TypeVar("Answer")


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
    """

    def __init__(self, model: Watched, name: str, client: Client, service: ServiceProcess) -> None:
        self._model = model
        self._name = name
        self._client = client
        self._service = service
        self._daily_errors: deque[pd.Series] = deque(maxlen=_WEEK)
        self._told: set[str] = set()

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
                self._wait_until(partial(self._model.flush, 1.0), "Predictions could not be sent")
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
        self._wait_until(self._caught_up, "The service fell behind")
        episodes = self._ask(self._client.retrains)
        self._show(now, episodes, shown)
        if _open(episodes):
            self._wait_until(lambda: not _open(self._client.retrains()), "A retrain stayed open")
            episodes = self._ask(self._client.retrains)
            self._show(now, episodes, shown)
        for episode in reversed(episodes):
            if episode.retrain_id not in self._told:
                self._told.add(episode.retrain_id)
                shown.say(f"{episode.triggered:%Y-%m-%d}  retrain asked for: {episode.reason}")
                shown.say(f"{'':12}{episode.state.value}: {episode.history[-1].note}")

    def _show(self, now: pd.Timestamp, episodes: list[RetrainEpisode], shown: Display) -> None:
        promoted = [one.new_version for one in episodes if one.new_version is not None]
        alerts = self._ask(self._client.alerts)
        shown.show(
            Moment(
                day=now.to_pydatetime(),
                error=float(pd.concat(self._daily_errors).mean()),
                model_version=promoted[0] if promoted else "1",
                alerts=sum(one.state is AlertState.FIRING for one in alerts),
                retraining=_open(episodes),
            )
        )

    def _caught_up(self) -> bool:
        return all(one["pending_rows"] == 0 for one in self._client.models())

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

    def _wait_until(self, condition: Callable[[], bool], trouble: str) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._ask(condition):
            if time.monotonic() > deadline:
                raise ServiceUnavailable(f"{trouble} for {_PATIENCE_SECONDS:.0f} seconds.")
            self._service.keep_running()
            time.sleep(_LOOK_SECONDS)


def _open(episodes: list[RetrainEpisode]) -> bool:
    return any(one.state not in FINISHED for one in episodes)
