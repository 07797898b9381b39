"""How full the spool and its disk are, and when it may take something again after it could not."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from driftwatch.errors import InputError, StoreError, StoreFull
from driftwatch.ports import SpoolRoom

_ENOUGH = 0.9
"""After it was full, a spool is in trouble until it holds no more than this share of its bound."""
_TRIED_BYTES = 2**20


class Room:
    """The bounds of a spool. Whoever calls holds the spool's lock, but for what asks the disk.

    Parameters
    ----------
    folder
        Where the spool lies.
    most_rows, most_bytes
        What may wait for the pipeline.
    reserve_bytes
        What stays free on the disk, so that the pipeline can empty the spool into the log.
    """

    def __init__(self, folder: Path, *, most_rows: int, most_bytes: int, reserve_bytes: int) -> None:
        self._folder = folder
        self._most_rows = most_rows
        self._most_bytes = most_bytes
        self._reserve = reserve_bytes
        self.rows = 0
        self.size_bytes = 0
        self._full: str | None = None
        self._disk: str | None = None

    def check(self, rows: int, waiting: int) -> None:
        """Whether so many rows more fit beside what is there and ``waiting``.

        Raises
        ------
        StoreFull
            They do not.
        InputError
            They never will.
        """
        if rows > self._most_rows:
            raise InputError(
                f"{rows:,} rows at once are more than the spool may hold.",
                remedy=f"Send at most {self._most_rows:,}, or raise the setting spool_rows.",
            )
        held = self.rows + waiting
        if held + rows > self._most_rows:
            self._full = (
                f"The spool holds {held:,} of at most {self._most_rows:,} rows. "
                "Try again when the pipeline has caught up."
            )
            raise StoreFull(self._full)
        if self.size_bytes >= self._most_bytes:
            self._full = (
                f"The spool holds {self.size_bytes:,} of at most {self._most_bytes:,} bytes. "
                "Try again when the pipeline has caught up."
            )
            raise StoreFull(self._full)

    def check_disk(self) -> None:
        """Whether the disk has more free than what is kept in reserve.

        Raises
        ------
        StoreFull
            It has not.
        OSError
            As the disk says.
        """
        if self._reserve and (free := self.disk_free()) < self._reserve:
            raise StoreFull(
                f"The disk of {self._folder} has {free:,} bytes left, and {self._reserve:,} are kept for emptying the "
                "spool. Free some space, or lower the setting disk_reserve_bytes; it goes on by itself."
            )

    def failed(self, problem: StoreError) -> None:
        """Writing did not work: in trouble until `try_disk` finds that it does."""
        self._disk = str(problem)

    def wrote(self) -> None:
        """Writing works."""
        self._disk = None

    @property
    def disk_failed(self) -> bool:
        """Whether the last writing did not work."""
        return self._disk is not None

    def try_disk(self) -> None:
        """Ask the disk for a megabyte, and give it back.

        Raises
        ------
        StoreFull, OSError
            It does not have it.
        """
        self.check_disk()
        with tempfile.TemporaryFile(dir=self._folder) as file:
            file.write(bytes(_TRIED_BYTES))
            file.flush()
            os.fsync(file.fileno())

    def disk_free(self) -> int:
        """What the disk has left for this process, in bytes."""
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize

    def seen(self, disk_free_bytes: int) -> SpoolRoom:
        """Everything, for those who ask."""
        if self.rows <= _ENOUGH * self._most_rows and self.size_bytes <= _ENOUGH * self._most_bytes:
            self._full = None
        return SpoolRoom(
            rows=self.rows,
            most_rows=self._most_rows,
            size_bytes=self.size_bytes,
            most_bytes=self._most_bytes,
            disk_free_bytes=disk_free_bytes,
            trouble=self._disk or self._full,
        )
