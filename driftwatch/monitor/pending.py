"""Labels that the monitor has and the pipeline must not know yet: each waits for the stream to come to its time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.raw_column import RawColumn, RawKind
from driftwatch.core.table import Numbers, concatenated
from driftwatch.wire.columnar import LabelColumns


class PendingLabels:
    """Labels in the order in which they become known.

    Examples
    --------
    >>> pending = PendingLabels()
    >>> label = RawColumn(RawKind.NUMBER, Numbers(np.array([1.0, 2.0])))
    >>> times = RawColumn(RawKind.TIME, Numbers(np.array([20.0, 10.0])))
    >>> pending.add(LabelColumns(n_rows=2, prediction_ids=("a", "b"), label=label, event_time=times))
    >>> released = pending.released(10)
    >>> released.prediction_ids, released.label.values.to_list(), len(pending), pending.last_time
    (('b',), [2.0], 1, 20)
    """

    def __init__(self) -> None:
        self._times: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._ids: NDArray[np.object_] = np.empty(0, dtype=np.object_)
        self._labels: RawColumn | None = None
        self._next = 0

    def __len__(self) -> int:
        return len(self._times) - self._next

    @property
    def last_time(self) -> int | None:
        """When the last one becomes known; None where there is none."""
        return int(self._times[-1]) if len(self) else None

    def add(self, labels: LabelColumns) -> None:
        """Take in labels that have a time and none of which is missing.

        Raises
        ------
        TypeError
            If they are of another kind than those before, or have no times.
        """
        if labels.event_time is None or not isinstance(labels.event_time.values, Numbers):
            raise TypeError("labels that wait need times")
        named = np.empty(labels.n_rows, dtype=np.object_)
        named[:] = labels.prediction_ids
        ids = np.concatenate([self._ids[self._next :], named])
        times = np.concatenate([self._times[self._next :], labels.event_time.values.values.astype(np.int64)])
        values = labels.label.values
        if self._labels is not None:
            kept = self._labels.values
            values = concatenated([kept.take(np.arange(self._next, len(kept))), values])
        order = np.argsort(times, kind="stable")
        self._ids, self._times = ids[order], times[order]
        self._labels = RawColumn(labels.label.kind, values.take(order))
        self._next = 0

    def released(self, moment: int) -> LabelColumns | None:
        """Let go of those that are known at a moment; None where there are none."""
        last = int(np.searchsorted(self._times, moment, side="right"))
        if last <= self._next or self._labels is None:
            return None
        rows = np.arange(self._next, last)
        self._next = last
        return LabelColumns(
            n_rows=len(rows),
            prediction_ids=tuple(self._ids[rows].tolist()),
            label=RawColumn(self._labels.kind, self._labels.values.take(rows)),
            event_time=RawColumn(RawKind.TIME, Numbers(self._times[rows].astype(np.float64))),
        )


__all__ = ["PendingLabels"]
