"""The spool and the state of a monitor: in memory, for one thread, and small however long the stream.

They are those of ``driftwatch.testing``, which the conformance suite holds to the promises of `driftwatch.ports`, with
two differences: a transaction changes the contents where they are, without a copy (a monitor whose step fails is at an
end), and a stream's slices are found without looking through all.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from driftwatch.core.events import PredictionBatch
from driftwatch.core.records import Alert, RetrainEpisode, WindowRecord
from driftwatch.ports import SliceKey, StateTransaction, StoredSlice, StreamKey
from driftwatch.testing.spool import MemorySpool
from driftwatch.testing.state import MemoryState
from driftwatch.testing.state_changes import MemoryStateTransaction
from driftwatch.testing.state_contents import Contents

MADE_HERE = "\x1frow "
"""How the ids of predictions begin that came without one: nobody else knows them."""

News = WindowRecord | Alert | RetrainEpisode


class MonitorSpool(MemorySpool):
    """Looks for duplicates only among ids that somebody gave."""

    def _remember(self, batch: PredictionBatch, received_time: datetime) -> tuple[int, ...]:
        if batch.prediction_ids and batch.prediction_ids[0].startswith(MADE_HERE):
            return ()
        return super()._remember(batch, received_time)


class MonitorState(MemoryState):
    """The state of a monitor.

    Attributes
    ----------
    news
        Windows, alerts and retrains that were put, in order; whoever reads them empties it.
    """

    def __init__(self, label_horizon: timedelta) -> None:
        super().__init__(label_horizon)
        self.news: list[News] = []
        self._starts: dict[StreamKey, list[int]] = {}

    @contextmanager
    def transaction(self) -> Iterator[StateTransaction]:
        """See `driftwatch.ports.State.transaction`; what it changes stays changed, whatever happens in it."""
        with self._writing:
            yield _Transaction(self._contents, self._stretch_us, self.news, self._starts)

    def forget_predictions(self, model: str, prediction_ids: Collection[str]) -> None:
        """Let go of predictions that no other label can come for."""
        for prediction_id in prediction_ids:
            self._contents.predictions.pop((model, prediction_id), None)

    def waiting(self) -> int:
        """How many predictions it holds for the join."""
        return len(self._contents.predictions)


class _Transaction(MemoryStateTransaction):
    """Changes the contents, and says what is new."""

    def __init__(
        self, contents: Contents, stretch_us: int, news: list[News], starts: dict[StreamKey, list[int]]
    ) -> None:
        super().__init__(contents, stretch_us)
        self._news = news
        self._starts = starts

    def put_window(self, window: WindowRecord) -> None:
        """See `driftwatch.ports.StateTransaction.put_window`."""
        super().put_window(window)
        self._news.append(window)

    def put_alert(self, alert: Alert) -> None:
        """See `driftwatch.ports.StateTransaction.put_alert`."""
        super().put_alert(alert)
        self._news.append(alert)

    def open_retrain(self, episode: RetrainEpisode) -> None:
        """See `driftwatch.ports.StateTransaction.open_retrain`."""
        super().open_retrain(episode)
        self._news.append(episode)

    def put_slices(self, slices: Sequence[StoredSlice]) -> None:
        """See `driftwatch.ports.StateTransaction.put_slices`."""
        for one in slices:
            if one.key not in self._contents.slices:
                insort(self._starts.setdefault(one.key.stream, []), one.key.start)
        super().put_slices(slices)

    def slices(self, model: str, model_version: str, segment: str, start: int, end: int) -> list[StoredSlice]:
        """See `driftwatch.ports.StateReader.slices`."""
        stream = StreamKey(model=model, model_version=model_version, segment=segment)
        starts = self._starts.get(stream, [])
        first, last = bisect_left(starts, start), bisect_left(starts, end)
        keys = [
            SliceKey(model=model, model_version=model_version, segment=segment, start=one) for one in starts[first:last]
        ]
        return [self._contents.slices[key] for key in keys]

    def forget_stream(self, stream: StreamKey) -> None:
        """See `driftwatch.ports.StateTransaction.forget_stream`."""
        super().forget_stream(stream)
        self._starts.pop(stream, None)

    def forget_slices(self, model: str, before: int, limit: int) -> int:
        """See `driftwatch.ports.StateTransaction.forget_slices`."""
        forgotten = super().forget_slices(model, before, limit)
        if forgotten:
            kept = {(key.stream, key.start) for key in self._contents.slices}
            for stream, starts in self._starts.items():
                starts[:] = [start for start in starts if (stream, start) in kept]
        return forgotten


__all__ = ["MADE_HERE", "MonitorSpool", "MonitorState", "News"]
