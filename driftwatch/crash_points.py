"""Named places between the steps of durable work, at which a test can have the process killed.

Whatever the service writes, it writes in an order in which a crash between any two steps loses nothing and counts
nothing twice. Each such boundary has a name here and calls `reached`. That compares two texts and returns, unless the
process was started with ``DRIFTWATCH_CRASH_AT=NAME`` (or ``NAME:3``, for the third time): then it kills itself there
with SIGKILL, as no handler, ``finally`` or buffer can notice.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from driftwatch.errors import SettingError

VARIABLE = "DRIFTWATCH_CRASH_AT"

POINTS: Mapping[str, str] = MappingProxyType(
    {
        "spool.begun": "batches wait, nothing of them is written",
        "spool.appended": "bodies of entries are in their file, which is not synced",
        "spool.written": "entries are written, the transaction is not committed",
        "spool.committed": "entries are synced to the disk, nobody was told",
        "spool.acknowledged": "whoever waited was told",
        "inbox.written": "halves of exchanges are written, the transaction is not committed",
        "inbox.committed": "they are synced to the disk, nobody was told",
        "inbox.ingested": "the rows of whole exchanges are in the spool, and the inbox still has their bodies",
        "inbox.forgotten": "their bodies are deleted, the transaction is not committed",
        "ids.file_written": "a file of known ids is there and does not count yet",
        "ids.file_counted": "it counts, and what it was made of is still there",
        "join.rows_written": "some rows of the join are written, the transaction is not committed",
        "join.file_written": "a file of the join is there and does not count yet",
        "join.file_counted": "it counts, and what it was made of is still there",
        "stages.saved": "slices, joins and verdicts are written, the transaction is not committed",
        "stages.committed": "they are on disk",
        "record.planned": "the range of the next files of the log is written down",
        "file.written": "a file is written under its temporary name",
        "file.renamed": "it has its name, its folder is not synced",
        "record.files_written": "all files of the range are there and do not count yet",
        "record.counted": "they count, and their rows are still in the spool",
        "record.removed": "the spool has forgotten the range",
        "compaction.planned": "files are chosen that become one, and its name is written down",
        "compaction.written": "it is there and does not count",
        "log.retired": "files of the log count no longer, another one where there is one does",
        "log.hidden": "readers of the folder see them no longer",
        "log.removed": "they are deleted, and the state still knows their names",
        "outbox.delivering": "a message is due and was not sent",
        "outbox.delivered": "its receiver has it, and that is not noted",
        "outbox.failed": "an attempt failed, and that is not noted",
        "outbox.noted": "it is noted as delivered, in the retrain's history too",
    }
)
"""Every place and what is so there."""


@dataclass(slots=True)
class _Crash:
    name: str = ""
    left: int = 0


_crash = _Crash()


def arm(environment: Mapping[str, str]) -> None:
    """Take the place from the environment, where it names one. Called once, when the service starts.

    Raises
    ------
    SettingError
        No place has this name.
    """
    name, _, times = environment.get(VARIABLE, "").partition(":")
    if name and (name not in POINTS or not (times or "1").isdecimal()):
        raise SettingError(f"there is no crash point {name!r}.", field=VARIABLE, remedy=f"Take one of {list(POINTS)}.")
    _crash.name, _crash.left = name, int(times or "1")


def reached(name: str) -> None:
    """Say that the process is at a place: nothing happens, or everything ends.

    Examples
    --------
    >>> reached("record.planned")
    """
    if name == _crash.name:
        _crash.left -= 1
        if _crash.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


__all__ = ["POINTS", "VARIABLE", "arm", "reached"]
