"""Alerts that fire, told again to those who forget what nobody repeats."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping

from driftwatch.core.alert_lives import awake
from driftwatch.core.records import Alert, AlertKind, AlertState
from driftwatch.errors import DriftwatchError
from driftwatch.pipeline.telemetry import Telemetry
from driftwatch.ports import Clock, RepeatingSink, Sink, State

_LOGGER = logging.getLogger(__name__)
_TOLD = frozenset({AlertState.FIRING, AlertState.ACKNOWLEDGED})
_MOST_ALERTS = 1_000
_LOOK_SECONDS = 0.5


class AlertRepeater:
    """Tells sinks that want it of the alerts that fire, each at its own pace. What fails is told the next time.

    Parameters
    ----------
    state, clock
        Where the alerts are.
    sinks
        By name; those that are no `RepeatingSink` are passed over.
    public_url
        What links begin with.
    telemetry
        Counts what was told.
    """

    def __init__(
        self, state: State, clock: Clock, sinks: Mapping[str, Sink], public_url: str, telemetry: Telemetry
    ) -> None:
        self._state = state
        self._clock = clock
        self._sinks = {name: sink for name, sink in sinks.items() if isinstance(sink, RepeatingSink)}
        self._public_url = public_url
        self._telemetry = telemetry
        self._due: dict[str, float] = dict.fromkeys(self._sinks, 0.0)
        self._trouble: dict[str, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="driftwatch-repeat", daemon=True)

    def firing(self) -> list[Alert]:
        """The alerts that fire now, the newest thousand; those that came from outside are not ours to tell."""
        now = self._clock.now()
        with self._state.read() as reader:
            found = [awake(one, now) for one in reader.alerts(is_open=True)]
        return [one for one in found if one.state in _TOLD and one.kind is not AlertKind.EXTERNAL][:_MOST_ALERTS]

    def repeat(self, name: str) -> None:
        """Tell one sink of all alerts that fire."""
        sink = self._sinks[name]
        try:
            sink.repeat(self.firing(), self._public_url)
        except DriftwatchError as error:
            self._failed(name, str(error))
        except Exception as error:
            _LOGGER.exception("sink %s", name)
            self._failed(name, type(error).__name__)
        else:
            if self._trouble.pop(name, None) is not None:
                _LOGGER.info("sink %s is told again", name)
            self._telemetry.count("notifications_total", sink=name, outcome="repeated")

    def start(self) -> None:
        """Start the thread, where somebody wants it."""
        if self._sinks:
            self._thread.start()

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """Let it finish what it is at."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def _failed(self, name: str, text: str) -> None:
        if self._trouble.get(name) != text:
            _LOGGER.warning("sink %s, told again of what fires: %s", name, text)
        self._trouble[name] = text
        self._telemetry.count("notifications_total", sink=name, outcome="failed")

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            for name, sink in self._sinks.items():
                if time.monotonic() >= self._due[name]:
                    self._due[name] = time.monotonic() + sink.repeat_seconds
                    self.repeat(name)


__all__ = ["AlertRepeater"]
