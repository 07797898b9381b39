"""What the log's files are called, while they count and after."""

from __future__ import annotations

from pathlib import Path, PurePosixPath


def file_name(first: int, last: int, layout: str) -> str:
    """The name of the file with the sequences from ``first`` to ``last``.

    Examples
    --------
    >>> file_name(1, 20, "names")
    '000000000001-000000000020-names.parquet'
    """
    return f"{first:012d}-{last:012d}-{layout}.parquet"


def layout_of(path: str) -> str:
    """What tells versions and columns apart, out of a file's path.

    Examples
    --------
    >>> layout_of("labels/model=m/date=2026-01-31/000000000001-000000000020-names.parquet")
    'names'
    """
    return PurePosixPath(path).stem.rpartition("-")[2]


def hidden(path: Path) -> Path:
    """Where a file lies when it counts no longer: under a name that no reader of a folder takes."""
    return path.with_name(f".{path.name}.retired")


def present(path: Path) -> Path:
    """Where a file lies now: it may have been hidden since its name was read."""
    return path if path.exists() or not hidden(path).exists() else hidden(path)
