"""Keys out of files."""

from __future__ import annotations

from pathlib import Path

from driftwatch.errors import FileError

_LARGEST_BYTES = 4_096


def read_key(path: Path) -> bytes:
    """The bytes of a file of one key, without white space around them.

    Raises
    ------
    FileError
        It cannot be read, or is longer than any key.
    """
    try:
        with path.open("rb") as file:
            key = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise FileError(f"cannot be read ({error.strerror}).", field=str(path), remedy="Check hash_key_file.") from None
    if len(key) > _LARGEST_BYTES:
        raise FileError("is too long for a key.", field=str(path), remedy="Check hash_key_file.")
    return key.strip()


__all__ = ["read_key"]
