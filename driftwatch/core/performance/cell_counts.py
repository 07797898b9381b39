"""Counts over numbered cells, most of which are empty: only the others are kept."""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_ROWS = 2**53
"""Nobody counts that many."""

_WIDTHS = tuple(np.dtype(f"<i{width}") for width in (1, 2, 4, 8))
_LARGEST_BYTES = 1 << 24


@dataclass(frozen=True, slots=True, eq=False)
class CellCounts:
    """How many rows lie in which cell.

    Attributes
    ----------
    keys
        Numbers of the cells that hold any, ascending.
    counts
        How many; above 0.

    Examples
    --------
    >>> import numpy as np
    >>> both = CellCounts.of(np.array([7, 3, 7])) + CellCounts.of(np.array([3]))
    >>> both.keys.tolist(), both.counts.tolist()
    ([3, 7], [2, 2])
    """

    keys: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def empty(cls) -> CellCounts:
        """Nothing counted."""
        return cls(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))

    @classmethod
    def of(cls, keys: NDArray[np.int64]) -> CellCounts:
        """Count one row a key."""
        if len(keys) == 0:
            return cls.empty()
        ascending = np.sort(keys)
        starts = np.flatnonzero(np.concatenate(([True], ascending[1:] != ascending[:-1])))
        return cls(ascending[starts], np.diff(starts, append=len(ascending)))

    @property
    def n(self) -> int:
        """How many rows."""
        return int(self.counts.sum())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CellCounts):
            return NotImplemented
        return np.array_equal(self.keys, other.keys) and np.array_equal(self.counts, other.counts)

    def __hash__(self) -> int:
        return hash((self.keys.tobytes(), self.counts.tobytes()))

    def __add__(self, other: CellCounts) -> CellCounts:
        """The counts of both sets of rows."""
        return self._combined(other, other.counts)

    def __sub__(self, other: CellCounts) -> CellCounts:
        """The counts without rows that were counted before.

        Raises
        ------
        ValueError
            If more is taken out than there is.
        """
        result = self._combined(other, -other.counts)
        if result.counts.min(initial=0) < 0:
            raise ValueError("more rows are taken out than were counted")
        return result

    def _combined(self, other: CellCounts, counts: NDArray[np.int64]) -> CellCounts:
        if len(other.keys) == 0:
            return self
        if len(self.keys) == 0:
            return CellCounts(other.keys, counts)
        keys = np.concatenate([self.keys, other.keys])
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        total = np.add.reduceat(np.concatenate([self.counts, counts])[order], starts)
        held = total != 0
        return CellCounts(keys[starts][held], total[held])

    def to_text(self) -> str:
        """A compact form: base64 of zlib over the keys' differences and the counts, each as narrow as they fit."""
        parts = (np.diff(self.keys, prepend=0), self.counts)
        body = len(self.keys).to_bytes(4, "little")
        for part in parts:
            width = next(at for at, one in enumerate(_WIDTHS) if _fits(part, one))
            body += bytes([width]) + part.astype(_WIDTHS[width]).tobytes()
        return b64encode(zlib.compress(body, 1)).decode()

    @classmethod
    def from_text(cls, text: Any) -> CellCounts:
        """The inverse of `to_text`.

        Raises
        ------
        ValueError
            If the text is cut short or altered.
        """
        if not isinstance(text, str):
            raise ValueError("counts of cells are a text")
        inflater = zlib.decompressobj()
        try:
            body = inflater.decompress(b64decode(text, validate=True), _LARGEST_BYTES)
        except zlib.error as error:
            raise ValueError("counts of cells are cut short or altered") from error
        n, at, parts = int.from_bytes(body[:4], "little"), 4, []
        for _ in range(2):
            width = body[at] if at < len(body) else len(_WIDTHS)
            size = n * _WIDTHS[width].itemsize if width < len(_WIDTHS) else len(body)
            chunk = body[at + 1 : at + 1 + size]
            if width >= len(_WIDTHS) or len(chunk) != size:
                raise ValueError("counts of cells are cut short or altered")
            parts.append(np.frombuffer(chunk, dtype=_WIDTHS[width]).astype(np.int64))
            at += 1 + size
        differences, counts = parts
        ascending = differences[1:].min(initial=1) >= 1 and np.abs(differences).sum(dtype=np.float64) < 2.0**53
        possible = counts.min(initial=1) >= 1 and counts.sum(dtype=np.float64) < MOST_ROWS
        if not (inflater.eof and at == len(body) and ascending and possible):
            raise ValueError("counts of cells are altered")
        return cls(np.cumsum(differences), counts)


def _fits(values: NDArray[np.int64], width: np.dtype[Any]) -> bool:
    limits = np.iinfo(width)
    return bool(values.min(initial=0) >= limits.min and values.max(initial=0) <= limits.max)
