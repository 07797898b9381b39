"""Bodies of the spool's entries, in files that only grow: each byte goes to the disk once.

SQLite writes a large value twice, to its write-ahead log and to the database, and reads it page by page. So the
database says which entries there are, and where in which file each of them lies; a body is written and synced before
the transaction that counts on it. What no entry counts on is never read: not the end of a file that was being written
when the process died, and not a file that nothing is left of, which is removed.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from driftwatch.core.events import Batch
from driftwatch.errors import StoreError
from driftwatch.stores.disk import folder_of, sync_content, sync_folder
from driftwatch.wire.arrow import write

FILE_BYTES = 16 << 20
"""A file that is longer takes no further body. Files are removed whole, so this is what may lie about for nothing."""
_WORTH_REMOVING_BYTES = 1 << 20
"""Where nothing is left of the newest file either, it goes if it is longer."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a body lies: the number of a file, the first byte and how many."""

    file: int
    start: int
    size_bytes: int


@dataclass(slots=True)
class _Open:
    """The file that grows. What lies behind ``kept_bytes`` counts not yet."""

    number: int
    path: Path
    descriptor: int
    kept_bytes: int = 0
    written_bytes: int = 0


class SpoolBodies:
    """Files of bodies in a folder. One thread writes and removes; others read meanwhile.

    Parameters
    ----------
    folder
        Where the files lie; made when the first is written.
    counted
        Numbers of the files that entries count on. Others are removed.

    Raises
    ------
    OSError
        As the disk says.
    """

    def __init__(self, folder: Path, counted: Sequence[int]) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._files = set(counted)
        self._open: _Open | None = None
        self._doubtful: list[tuple[Path, int]] = []
        there = [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
        known = {body_file(number) for number in self._files}
        for path in there:
            if path.name not in known:
                path.unlink()
        # A name is not given twice, so that whoever copies the folder cannot take a file for another one.
        self._last = max([*self._files, *(number_of(path.name) for path in there)], default=0)

    def append(self, batch: Batch) -> Place:
        """Write a body; it counts once `sync` and `keep` have returned.

        Raises
        ------
        StoreError
            A text of the batch is no Unicode.
        OSError
            As the disk says. Then, or where anything else goes wrong, `take_back` is to be called.
        """
        file = self._growing()
        # The stream owns its descriptor, and closes it.
        with pa.OSFile(os.dup(file.descriptor), mode="wb") as sink:
            write(batch, sink)
        start, file.written_bytes = file.written_bytes, os.lseek(file.descriptor, 0, os.SEEK_CUR)
        return Place(file.number, start, file.written_bytes - start)

    def sync(self) -> None:
        """Have everything that was appended on the disk when this returns.

        Raises
        ------
        OSError
            As the disk says.
        """
        if self._open is not None and self._open.written_bytes > self._open.kept_bytes:
            sync_content(self._open.descriptor)

    def keep(self) -> None:
        """After the transaction that counts on it: what was appended stays."""
        if self._open is not None:
            self._open.kept_bytes = self._open.written_bytes
        doubtful, self._doubtful = self._doubtful, []
        for path, size in doubtful:
            # The space is given back with the file, where not before.
            with suppress(OSError):
                os.truncate(path, size)

    def take_back(self, *, in_doubt: bool) -> None:
        """Forget what was appended and not kept.

        Parameters
        ----------
        in_doubt
            The transaction that counts on it failed when it was to be committed. The database has it not, but where
            the process dies before the next commit, it may find it after all: until then the bytes stay as they are.
        """
        file = self._open
        if file is None:
            return
        if not in_doubt:
            # Of a body that failed, a part may be there that was not counted.
            file.written_bytes = file.kept_bytes
            os.lseek(file.descriptor, file.kept_bytes, os.SEEK_SET)
            with suppress(OSError):
                os.ftruncate(file.descriptor, file.kept_bytes)
        elif file.written_bytes > file.kept_bytes:
            self._doubtful.append((file.path, file.kept_bytes))
            self._let_go()

    def remove_before(self, first: int | None) -> None:
        """Remove files below a number; with None, all that nothing is left of."""
        if first is None and self._open is not None and self._open.kept_bytes >= _WORTH_REMOVING_BYTES:
            self._let_go()
        growing = None if self._open is None else self._open.number
        with self._lock:
            gone = {one for one in self._files if (first is None or one < first) and one != growing}
            self._files -= gone
        for number in gone:
            # What cannot be removed now is removed at the next opening.
            with suppress(OSError):
                (self._folder / body_file(number)).unlink()

    def read(self, places: Sequence[Place]) -> Iterator[memoryview | None]:
        """Bodies, as views of the files; None for one whose file was removed since the place was looked up.

        A body is asked for before the file of the next one is touched, so that no more is mapped than is used.

        Raises
        ------
        StoreError
            A file is gone or cut short.
        OSError
            As the disk says.
        """
        file: int | None = None
        content: memoryview | None = None
        for place in places:
            if place.file != file:
                file, content = place.file, self._mapped(place.file)
            if content is not None and place.start + place.size_bytes > len(content):
                # It has grown since it was mapped, or was cut.
                content = self._mapped(place.file)
            if content is None:
                yield None
                continue
            body = content[place.start : place.start + place.size_bytes]
            if len(body) != place.size_bytes:
                raise StoreError(f"The spool's file {self._folder / body_file(place.file)} was altered or cut short.")
            yield body

    def close(self) -> None:
        """Let go of the file that grows."""
        self._let_go()

    def _mapped(self, number: int) -> memoryview | None:
        path = self._folder / body_file(number)
        with self._lock:
            if number not in self._files:
                return None
            try:
                with path.open("rb") as file:
                    size = os.fstat(file.fileno()).st_size
                    return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b"")
            except FileNotFoundError:
                raise StoreError(f"The spool's file {path} is gone. Restore a backup.") from None

    def _growing(self) -> _Open:
        if self._open is not None and self._open.written_bytes >= FILE_BYTES:
            if self._open.kept_bytes != self._open.written_bytes:
                return self._open  # A commit is in one file.
            self._let_go()
        if self._open is None:
            self._last += 1
            path = self._folder / body_file(self._last)
            folder_of(path)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                sync_folder(self._folder)
            except OSError:
                os.close(descriptor)
                raise
            with self._lock:
                self._files.add(self._last)
            self._open = _Open(self._last, path, descriptor)
        return self._open

    def _let_go(self) -> None:
        if self._open is not None:
            os.close(self._open.descriptor)
            self._open = None


def body_file(number: int) -> str:
    """The name of a file of bodies.

    Examples
    --------
    >>> body_file(7)
    '000000000007.arrows'
    """
    return f"{number:012d}.arrows"


def number_of(name: str) -> int:
    """The inverse of `body_file`; 0 for the name of another file."""
    stem, _, kind = name.partition(".")
    return int(stem) if kind == "arrows" and stem.isdecimal() else 0


__all__ = ["FILE_BYTES", "Place", "SpoolBodies", "body_file", "number_of"]
