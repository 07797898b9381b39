"""A data folder copied while its service runs, with a sum of every file: as a folder, or as one tar file.

Databases, and what counts of files that grow, are copied as they were at one moment; files that never change are linked
where the copy lies on the same file system. A service that replaces a file meanwhile makes the copy begin again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Protocol

import msgspec

from driftwatch import __version__
from driftwatch.errors import FileError, StoreError
from driftwatch.stores.disk import sync_folder
from driftwatch.stores.snapshot import CountedFile, snapshot

MANIFEST = "backup.json"
FORMAT = 1
_ATTEMPTS = 5
_PIECE_BYTES = 2**20
_TAR = ".tar"


class FileSum(msgspec.Struct, frozen=True):
    """A file's size and what it must hash to."""

    size_bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds. ``last_sequence`` is the last one that was acknowledged when it was taken."""

    format: int = FORMAT
    driftwatch: str
    taken_at: datetime
    last_sequence: int
    applied: int
    files: dict[str, FileSum]

    @property
    def size_bytes(self) -> int:
        """Of all files together."""
        return sum(one.size_bytes for one in self.files.values())


class _Moved(Exception):
    """A file was replaced while it was to be copied."""


class _Destination(Protocol):
    def add(self, name: str, source: Path, *, keep: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class _Folder:
    root: Path

    def add(self, name: str, source: Path, *, keep: bool) -> None:
        target = self.root / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not keep:
            source.replace(target)
            return
        try:
            os.link(source, target)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copyfile(source, target)


@dataclass(frozen=True, slots=True)
class _Tar:
    archive: tarfile.TarFile

    def add(self, name: str, source: Path, *, keep: bool) -> None:
        self.archive.add(source, arcname=name, recursive=False)
        if not keep:
            source.unlink()


def back_up(data: Path, destination: Path) -> Manifest:
    """Copy a data folder; its service may run.

    Parameters
    ----------
    data
        The data folder.
    destination
        A new folder, or a new file that ends with ``.tar``. It appears whole or not at all.

    Raises
    ------
    FileError
        ``data`` is no data folder, or ``destination`` is there already or cannot be written.
    StoreError
        A database or a file that counts is damaged or gone.
    """
    if destination.exists():
        raise FileError("it is there already.", field=str(destination), remedy="Name a new one.")
    partial = destination.with_name(f".{destination.name}.partial")
    for _ in range(_ATTEMPTS):
        try:
            with _new(destination, partial) as target:
                manifest = _copied(data, partial, target)
        except _Moved:
            continue
        except OSError as error:
            raise FileError(
                f"cannot be written ({error.strerror or error}).",
                field=str(destination),
                remedy="Check the folder and its space.",
            ) from error
        return manifest
    raise StoreError(
        f"Files of {data} that count are gone, or are replaced faster than they are copied. "
        "`driftwatch doctor` says which; try again."
    )


@contextmanager
def _new(destination: Path, partial: Path) -> Iterator[_Destination]:
    destination.parent.mkdir(parents=True, exist_ok=True)
    try:
        if destination.suffix == _TAR:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
                    yield _Tar(archive)
                file.flush()
                os.fsync(file.fileno())
        else:
            partial.mkdir(mode=0o700)
            yield _Folder(partial)
        partial.replace(destination)
        sync_folder(destination.parent)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial)
        partial.unlink(missing_ok=True)


def _copied(data: Path, partial: Path, target: _Destination) -> Manifest:
    sums: dict[str, FileSum] = {}
    scratch = partial.with_name(f"{partial.name}.copy")
    with snapshot(data) as moment:
        taken_at = datetime.now(UTC)
        for file in moment.files():
            try:
                if file.grows:
                    _copy_beginning(file, scratch)
                source = scratch if file.grows else file.path
                sums[file.name] = sum_of(source)
                target.add(file.name, source, keep=not file.grows)
            except FileNotFoundError:
                raise _Moved from None
            finally:
                scratch.unlink(missing_ok=True)
        for name in moment.databases():
            try:
                moment.copy(name, scratch)
                sums[name] = sum_of(scratch)
                target.add(name, scratch, keep=False)
            finally:
                scratch.unlink(missing_ok=True)
        manifest = Manifest(
            driftwatch=__version__,
            taken_at=taken_at,
            last_sequence=moment.last_sequence(),
            applied=moment.mark("applied"),
            files=sums,
        )
    scratch.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    target.add(MANIFEST, scratch, keep=False)
    return manifest


def _copy_beginning(file: CountedFile, destination: Path) -> None:
    left = file.size_bytes or 0
    with file.path.open("rb") as source, destination.open("wb") as copy:
        while piece := source.read(min(_PIECE_BYTES, left)):
            left -= copy.write(piece)
    if left:
        raise StoreError(f"The file {file.path} lacks {left:,} bytes that count. Run driftwatch doctor.")


def restore(source: Path, data: Path) -> Manifest:
    """Bring a backup back as a new data folder, once every file is what it was.

    Parameters
    ----------
    source
        What `back_up` made.
    data
        The folder to make; one that is there must be empty.

    Raises
    ------
    FileError
        ``source`` is no backup, is damaged, or is of a later driftwatch; ``data`` holds something or cannot be
        written. Then there is no new folder.
    """
    if not source.exists():
        raise FileError("there is no such backup.", field=str(source), remedy="Check the path.")
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise FileError("it is there already, and not empty.", field=str(data), remedy="Name a new folder with --data.")
    data = data.absolute()
    partial = data.with_name(f".{data.name}.partial")
    try:
        partial.mkdir(mode=0o700, parents=True)
        try:
            _unpack(source, partial)
            manifest = _checked(source, partial)
            (partial / MANIFEST).unlink()
            if data.exists():
                data.rmdir()
            partial.replace(data)
            sync_folder(data.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise FileError(
            f"cannot be restored to {data} ({error.strerror or error}).", field=str(source), remedy="Check both."
        ) from error
    return manifest


def _unpack(source: Path, folder: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, folder, dirs_exist_ok=True, symlinks=True)
        return
    try:
        with tarfile.open(source) as archive:
            archive.extractall(folder, filter="data")
    except tarfile.TarError as error:
        raise FileError(
            f"is no backup: {error}.", field=str(source), remedy="Name what `driftwatch backup` made."
        ) from error


def _checked(source: Path, folder: Path) -> Manifest:
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (FileNotFoundError, msgspec.MsgspecError):
        raise FileError(
            f"is no backup: it has no {MANIFEST} that can be read.",
            field=str(source),
            remedy="Name what `driftwatch backup` made.",
        ) from None
    if manifest.format > FORMAT:
        raise FileError(
            f"was made by a later driftwatch ({manifest.driftwatch}).", field=str(source), remedy="Upgrade driftwatch."
        )
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()} - {MANIFEST}
    for name in sorted(there | set(manifest.files)):
        path = folder / PurePosixPath(name)
        if name not in there or name not in manifest.files or path.is_symlink() or sum_of(path) != manifest.files[name]:
            raise FileError(f"is damaged: {name} is not what it was.", field=str(source), remedy="Take another backup.")
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    return manifest


def sum_of(path: Path) -> FileSum:
    """A file's size and hash.

    Raises
    ------
    OSError
        As the disk says.
    """
    found = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            found.update(piece)
            size += len(piece)
    return FileSum(size, found.hexdigest())


__all__ = ["FORMAT", "MANIFEST", "FileSum", "Manifest", "back_up", "restore", "sum_of"]
