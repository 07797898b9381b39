"""Housekeeping of the state: what is older than it is wanted goes, a bounded number of rows a step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from driftwatch.core.windows import from_microseconds, to_microseconds
from driftwatch.pipeline.judge import stream_time
from driftwatch.ports import Clock, State

_ROWS_A_STEP = 500
_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepState:
    """How long the state remembers, behind how far a model's stream has come.

    Attributes
    ----------
    windows
        Judged windows, alerts that were resolved, retrains that are finished, notifications that were delivered or
        given up, and the evidence of versions that were replaced.
    slices
        The profiles that windows are made of.
    """

    windows: timedelta = timedelta(days=400)
    slices: timedelta = timedelta(days=100)


class StateKeeper:
    """Forgets what is old, once an hour. Used by one thread."""

    def __init__(self, state: State, clock: Clock, keep: KeepState) -> None:
        self._state = state
        self._clock = clock
        self._keep = keep
        self._due: datetime | None = None

    def step(self) -> bool:
        """Forget a bounded part of what is due; answers whether there may be more."""
        now = self._clock.now()
        if self._due is not None and now < self._due:
            return False
        with self._state.read() as reader:
            moments = {model: stream_time(reader, model, self._clock) for model in reader.models()}
        for model, moment in moments.items():
            if moment is not None and self._forget(model, from_microseconds(moment)):
                return True
        with self._state.transaction() as transaction:
            if transaction.forget_messages(now - self._keep.windows, _ROWS_A_STEP):
                return True
        self._due = now + _EVERY
        return False

    def _forget(self, model: str, moment: datetime) -> int:
        slices = to_microseconds(moment - self._keep.slices)
        with self._state.transaction() as transaction:
            forgotten = transaction.forget_slices(model, slices, _ROWS_A_STEP)
            return forgotten + transaction.forget_history(model, moment - self._keep.windows, _ROWS_A_STEP)
