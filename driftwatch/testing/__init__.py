"""Working in-memory parts for tests: no files, no threads, no time of their own.

They keep every promise of `driftwatch.ports` but durability, and the same suite holds them to it as holds the real
ones. Use them to test what you build on driftwatch, such as a sink or a stage.

Examples
--------
>>> from datetime import UTC, datetime, timedelta
>>> clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
>>> clock.advance(timedelta(hours=1))
>>> clock.now().hour
1
"""

from driftwatch.testing.batches import as_rows, joined_rows, label_batch, prediction_batch
from driftwatch.testing.inbox import MemoryInbox
from driftwatch.testing.log import MemoryLog
from driftwatch.testing.outside import ManualClock, RecordingSink
from driftwatch.testing.spool import MemorySpool
from driftwatch.testing.state import MemoryState

__all__ = [
    "ManualClock",
    "MemoryInbox",
    "MemoryLog",
    "MemorySpool",
    "MemoryState",
    "RecordingSink",
    "as_rows",
    "joined_rows",
    "label_batch",
    "prediction_batch",
]
