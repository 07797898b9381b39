"""A stopped service's rows: its log, and what waits in the spool. Reading them changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np

from driftwatch.core.events import LabelBatch, PredictionBatch
from driftwatch.core.windows import to_microseconds
from driftwatch.errors import UnknownModel
from driftwatch.pipeline.export import EventPart, labelled_events
from driftwatch.pipeline.marks import LOGGED
from driftwatch.ports import Log, LogFile, Spool, State

_ROWS_AT_ONCE = 50_000


class _LogAndSpool:
    """The log of one model, followed by what is acknowledged and not in it yet."""

    def __init__(self, log: Log, spool: Spool, model: str, logged: int) -> None:
        self._log = log
        self._spool = spool
        self._model = model
        self._logged = logged

    def read_predictions(
        self, files: Sequence[LogFile], start: datetime | None, end: datetime | None
    ) -> Iterator[PredictionBatch]:
        """See `driftwatch.ports.Log.read_predictions`."""
        yield from self._log.read_predictions(files, start, end)
        for batch in self._waiting():
            if isinstance(batch, PredictionBatch):
                first = -np.inf if start is None else to_microseconds(start)
                last = np.inf if end is None else to_microseconds(end)
                wanted = np.flatnonzero((batch.event_time >= first) & (batch.event_time < last))
                if len(wanted):
                    yield batch.take(wanted)

    def read_labels(self, files: Sequence[LogFile]) -> Iterator[LabelBatch]:
        """See `driftwatch.ports.Log.read_labels`."""
        yield from self._log.read_labels(files)
        for batch in self._waiting():
            if isinstance(batch, LabelBatch):
                yield batch

    def _waiting(self) -> Iterator[PredictionBatch | LabelBatch]:
        after = self._logged
        while entries := self._spool.read(after, _ROWS_AT_ONCE):
            for entry in entries:
                if entry.batch.model == self._model:
                    yield entry.batch
            after = entries[-1].sequence


def stored_events(
    spool: Spool, log: Log, state: State, model: str, *, start: datetime | None, end: datetime | None
) -> Iterator[EventPart]:
    """Predictions with ``start <= event_time < end`` with the labels that have arrived, as they lie there.

    Raises
    ------
    UnknownModel
        Nobody registered it.
    """
    with state.read() as reader:
        if model not in reader.models():
            raise UnknownModel(model)
        logged = reader.mark(LOGGED)
        predictions, labels = reader.log_files(model, "predictions"), reader.log_files(model, "labels")
    everything = _LogAndSpool(log, spool, model, logged)
    return labelled_events(everything, predictions, labels, start=start, end=end, only_labelled=False)
