"""The data folder of a service, and the lock that keeps a second service out of it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from driftwatch.errors import StoreError, StoreInUse

_LOCK_NAME = "lock"


class DataFolder:
    """A folder with everything that a service keeps, held by one process at a time.

    ::

        lock        who holds the folder
        spool.db    what was acknowledged and is not in the log yet; beside it, files of its events and of known ids
        inbox.db    halves of exchanges that loggers sent, until they are whole
        state.db    baselines, windows, alerts, retrains, the outbox; beside it, files of the join of labels
        log/        predictions and labels as Parquet

    The folder is made with permissions 0700 where it is missing. The lock is the operating system's: it goes when
    the process ends, however it ends.

    Parameters
    ----------
    path
        Where. Missing folders above it are made too.

    Raises
    ------
    StoreInUse
        Another process, or another `DataFolder` of this one, holds it.
    StoreError
        It cannot be made or written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place, DataFolder(Path(place) / "data") as folder:
    ...     print(folder.spool_path.name, folder.log_path.name)
    spool.db log
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path).absolute()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.log_path.mkdir(mode=0o700, exist_ok=True)
            self._lock = os.open(self.path / _LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(
                f"The data folder {self.path} cannot be used: {error.strerror}. "
                "Give its permissions to the user of this process, or name another folder with --data."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._lock, 32, 0).decode("ascii", "replace").strip()
            os.close(self._lock)
            by = f" by process {holder}" if holder else ""
            raise StoreInUse(
                f"The data folder {self.path} is in use{by}. Stop that service, or name another folder with --data."
            ) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    @property
    def spool_path(self) -> Path:
        """The spool's database."""
        return self.path / "spool.db"

    @property
    def inbox_path(self) -> Path:
        """The inbox's database."""
        return self.path / "inbox.db"

    @property
    def state_path(self) -> Path:
        """The state's database."""
        return self.path / "state.db"

    @property
    def state_url(self) -> str:
        """The state's database as SQLAlchemy names it."""
        return f"sqlite:///{self.state_path}"

    @property
    def log_path(self) -> Path:
        """The folder of the Parquet files."""
        return self.path / "log"

    def close(self) -> None:
        """Let go of the lock. A second call does nothing."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
