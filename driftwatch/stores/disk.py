"""What goes wrong with a disk, as the errors that driftwatch raises; and making files that appear whole."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from driftwatch.crash_points import reached
from driftwatch.errors import StoreError, StoreFull

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SQLITE_PRIMARY_CODE = 0xFF
_NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})


def disk_failure(error: OSError | sqlite3.Error, what: str) -> StoreError:
    """The store's error for the disk's: `StoreFull` where room or the device gave out, else `StoreError`.

    SQLite reports a full disk sometimes as an input/output error of its write-ahead log, so both mean: nothing was
    kept, try again.

    Parameters
    ----------
    error
        What the operating system or SQLite said.
    what
        What could not be done, as the beginning of a sentence: ``"The spool cannot be written"``.
    """
    if isinstance(error, OSError):
        if error.errno in _FULL:
            return StoreFull(f"{what}: the disk is full. Free some space; it goes on by itself.")
        return StoreError(f"{what}: {error.strerror or error}. Check the data folder and its permissions.")
    if getattr(error, "sqlite_errorcode", 0) & _SQLITE_PRIMARY_CODE in _NO_ROOM:
        return StoreFull(f"{what}: {error}. Free some space; it goes on by itself.")
    return StoreError(f"{what}: {error}. Check the data folder and its permissions.")


@contextmanager
def appearing_whole(path: Path) -> Iterator[Path]:
    """Give a temporary name to write to; when the block ends, sync it and rename it to ``path``.

    The name begins with a dot and does not end as ``path`` does, so that no reader of the folder takes it for a
    file of its own. If the block fails, nothing of it stays, unless the process is killed: then the temporary file
    stays until the same file is written again.

    Raises
    ------
    OSError
        As the disk says.
    """
    folder_of(path)
    temporary = temporary_name(path)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        reached("file.written")
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    reached("file.renamed")
    sync_folder(path.parent)


def temporary_name(path: Path) -> Path:
    """What `appearing_whole` calls a file until it is whole."""
    return path.with_name(f".{path.name}.tmp")


def folder_of(path: Path) -> None:
    """Make the folders above ``path`` that are missing, durably."""
    missing = [folder for folder in path.parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)


def sync_content(descriptor: int) -> None:
    """Make durable what was written to a file, and what it takes to read it."""
    # Not every system has the call that leaves out the time of the change.
    getattr(os, "fdatasync", os.fsync)(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
