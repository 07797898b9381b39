"""Begin anew where the settings cut streams otherwise than they were cut before.

Slices of a day cannot be made windows of an hour. So slices, and what was remembered of the windows made of them, are
let go; the next row begins new ones. What was said of windows stays, and so do alerts and the log.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from driftwatch.core.windows import WindowPlan
from driftwatch.ports import StateTransaction

_CUT = "cut"

_LOGGER = logging.getLogger(__name__)


def begin_anew_if_cut_otherwise(transaction: StateTransaction, plan: WindowPlan) -> None:
    """Compare how the streams of the state are cut with the plan."""
    before = transaction.document(_CUT)
    if before == plan.text:
        return
    transaction.put_document(_CUT, plan.text)
    if before is None:
        return
    for model in transaction.models():
        for stream in transaction.streams(model):
            transaction.forget_stream(stream.key)
            if plan.counted:
                # No ordinal is given twice: labels of former rows find no slice.
                rows = -(-stream.rows // plan.window_length) * plan.window_length
                bare = replace(stream, rows=rows, first=rows, last=rows, closed=None, complete=None)
                transaction.put_streams([replace(bare, stale_closed=None, stale_complete=None)])
    _LOGGER.warning("windows are cut otherwise than before (%s, now %s): new ones begin", before, plan.text)
