"""Stage 5: stop waiting for labels and predictions that never came."""

from __future__ import annotations

from datetime import timedelta

from driftwatch.core.windows import MICROSECONDS
from driftwatch.pipeline import marks
from driftwatch.pipeline.shadow import joins_of
from driftwatch.pipeline.telemetry import Tally
from driftwatch.ports import StateTransaction

_DAY = 86_400 * MICROSECONDS


def forget_the_unmet(
    transaction: StateTransaction, tally: Tally, model: str, stream_time: int, horizon: timedelta
) -> None:
    """Forget what waits longer than ``horizon``, once a day of the stream's time."""
    before = stream_time - horizon // timedelta(microseconds=1)
    if before < transaction.mark(marks.forgotten(model)) + _DAY:
        return
    unlabelled, orphans = transaction.forget_outstanding(model, before)
    for name in joins_of(transaction, model):
        transaction.forget_outstanding(name, before)
    transaction.set_mark(marks.forgotten(model), before)
    if unlabelled:
        tally.count("labels_total", unlabelled, model=model, outcome="never_came")
    if orphans:
        tally.count("labels_total", orphans, model=model, outcome="orphaned")
