"""Files that appear whole, and the disk's errors by their right names."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest

from driftwatch.errors import StoreError, StoreFull
from driftwatch.stores.disk import appearing_whole, disk_failure


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("said sqlite")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        sqlite_error(sqlite3.SQLITE_FULL),
        sqlite_error(sqlite3.SQLITE_IOERR_WRITE),
        sqlite_error(sqlite3.SQLITE_IOERR_FSYNC),
    ],
)
def test_no_room_says_that_it_goes_on_by_itself(error: OSError | sqlite3.Error) -> None:
    failure = disk_failure(error, "The spool cannot be written")
    assert isinstance(failure, StoreFull)
    assert str(failure).startswith("The spool cannot be written: ")
    assert str(failure).endswith("Free some space; it goes on by itself.")


@pytest.mark.parametrize(
    "error",
    [OSError(errno.EACCES, "Permission denied"), sqlite_error(sqlite3.SQLITE_READONLY), sqlite3.ProgrammingError("x")],
)
def test_anything_else_asks_to_check_the_folder(error: OSError | sqlite3.Error) -> None:
    failure = disk_failure(error, "It cannot be written")
    assert type(failure) is StoreError
    assert "Check the data folder" in str(failure)


def test_a_file_is_there_when_the_block_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "file.bin"
    with appearing_whole(path) as temporary:
        temporary.write_bytes(b"all")
        assert not path.exists()
    assert path.read_bytes() == b"all"
    assert [one.name for one in path.parent.iterdir()] == ["file.bin"]


def test_a_failed_block_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), appearing_whole(path) as temporary:  # noqa: PT012
        temporary.write_bytes(b"ha")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["file.bin"]
