"""A text a row without an object a row: ids and segments of many rows, as they lie in a stream or on the disk.

Both kinds are sequences of ``str``, so whoever wants single texts has them; what moves many rows moves arrays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import overload

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.table import Names


class Texts(Sequence[str]):
    """Texts that mostly differ, one after another in one piece of memory.

    Parameters
    ----------
    data
        Their UTF-8, ``uint8``.
    offsets
        Where each begins, and where the last one ends; one more than there are texts, ascending.

    Examples
    --------
    >>> texts = Texts.of(["a", "", "née"])
    >>> texts[2], len(texts), texts == ("a", "", "née"), texts.sizes.tolist()
    ('née', 3, True, [1, 0, 4])
    """

    __slots__ = ("data", "offsets")

    def __init__(self, data: NDArray[np.uint8], offsets: NDArray[np.int32] | NDArray[np.int64]) -> None:
        self.data = data
        self.offsets = offsets

    @classmethod
    def of(cls, values: Sequence[str]) -> Texts:
        """From single texts; `Texts` as they are.

        Raises
        ------
        UnicodeEncodeError
            A text is no Unicode.
        """
        if isinstance(values, Texts):
            return values
        joined = "".join(values)
        encoded = joined.encode()
        lengths = map(len, values) if len(encoded) == len(joined) else (len(one.encode()) for one in values)
        offsets = np.zeros(len(values) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(lengths, dtype=np.int64, count=len(values)), out=offsets[1:])
        return cls(np.frombuffer(encoded, dtype=np.uint8), offsets)

    @property
    def sizes(self) -> NDArray[np.int32] | NDArray[np.int64]:
        """How many bytes each has."""
        return np.diff(self.offsets)

    @property
    def size_bytes(self) -> int:
        """What they take in memory."""
        return int(self.offsets[-1] - self.offsets[0]) + self.offsets.nbytes

    @property
    def block(self) -> NDArray[np.uint8] | None:
        """The bytes as rows of a table, where all texts have equally many."""
        n_rows = len(self)
        if not n_rows:
            return None
        first, last = int(self.offsets[0]), int(self.offsets[-1])
        size, rest = divmod(last - first, n_rows)
        if rest or not (self.sizes == size).all():
            return None
        return self.data[first:last].reshape(n_rows, size)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> Texts: ...

    def __getitem__(self, row: int | slice) -> str | Texts:
        if isinstance(row, slice):
            return self.take(np.arange(len(self))[row])
        at = range(len(self))[row]
        return self.data[self.offsets[at] : self.offsets[at + 1]].tobytes().decode()

    def __iter__(self) -> Iterator[str]:
        bounds = (self.offsets - self.offsets[0]).tolist()
        encoded = self.data[self.offsets[0] : self.offsets[-1]].tobytes()
        if encoded.isascii():
            text = encoded.decode()
            return iter([text[bounds[at] : bounds[at + 1]] for at in range(len(self))])
        return iter([encoded[bounds[at] : bounds[at + 1]].decode() for at in range(len(self))])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sequence) and not isinstance(other, str):
            return len(self) == len(other) and all(mine == one for mine, one in zip(self, other, strict=True))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment] # as of a list: they are compared by what they hold

    def __repr__(self) -> str:
        return f"Texts.of({list(self)!r})"

    def take(self, rows: NDArray[np.intp]) -> Texts:
        """Those of the rows chosen by position."""
        sizes = self.sizes[rows].astype(np.int64)
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(sizes, out=offsets[1:])
        block = self.block
        if block is not None:
            return Texts(block[rows].reshape(-1), offsets)
        # Each byte's place before: its text's beginning, and how far it is in it.
        places = np.repeat(self.offsets[:-1][rows] - offsets[:-1], sizes) + np.arange(offsets[-1])
        return Texts(self.data[places], offsets)


class Repeated(Sequence[str]):
    """Texts of which there are few different ones, as `Names` of which none is missing.

    Examples
    --------
    >>> texts = Repeated.of(["DE", "FR", "DE"])
    >>> texts[1], texts == ("DE", "FR", "DE"), texts.named.names
    ('FR', True, ('DE', 'FR'))
    """

    __slots__ = ("named",)

    def __init__(self, named: Names) -> None:
        self.named = named

    @classmethod
    def of(cls, values: Sequence[str]) -> Repeated:
        """From single texts; `Repeated` as they are."""
        return values if isinstance(values, Repeated) else cls(Names.of(values))

    @classmethod
    def one(cls, text: str, n_rows: int) -> Repeated:
        """The same text so many times."""
        return cls(Names(np.zeros(n_rows, dtype=np.int32), (text,)))

    def __len__(self) -> int:
        return len(self.named)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> Repeated: ...

    def __getitem__(self, row: int | slice) -> str | Repeated:
        if isinstance(row, slice):
            return Repeated(Names(self.named.codes[row], self.named.names))
        return self.named.names[int(self.named.codes[row])]

    def __iter__(self) -> Iterator[str]:
        return map(self.named.names.__getitem__, self.named.codes.tolist())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sequence) and not isinstance(other, str):
            return len(self) == len(other) and all(mine == one for mine, one in zip(self, other, strict=True))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment] # as of a list: they are compared by what they hold

    def __repr__(self) -> str:
        return f"Repeated.of({list(self)!r})"

    def take(self, rows: NDArray[np.intp]) -> Repeated:
        """Those of the rows chosen by position."""
        return Repeated(self.named.take(rows))


def taken(texts: Sequence[str], rows: NDArray[np.intp]) -> Sequence[str]:
    """The texts of the rows chosen by position."""
    if isinstance(texts, Texts | Repeated):
        return texts.take(rows)
    return tuple(map(texts.__getitem__, rows.tolist()))


def chained(parts: Sequence[Sequence[str]]) -> Sequence[str]:
    """Texts, one part after another: as `Texts` or `Repeated` where all parts are, else as a tuple.

    Examples
    --------
    >>> chained([Texts.of(["a"]), Texts.of(["b", "c"])])
    Texts.of(['a', 'b', 'c'])
    >>> chained([("a",), Texts.of(["b"])])
    ('a', 'b')
    """
    if len(parts) == 1:
        return parts[0]
    whole = [part for part in parts if isinstance(part, Texts)]
    if whole and len(whole) == len(parts):
        data = np.concatenate([part.data[part.offsets[0] : part.offsets[-1]] for part in whole])
        offsets = np.zeros(sum(map(len, whole)) + 1, dtype=np.int64)
        np.cumsum(np.concatenate([part.sizes for part in whole]), out=offsets[1:])
        return Texts(data, offsets)
    coded = [part for part in parts if isinstance(part, Repeated)]
    if coded and len(coded) == len(parts):
        names = tuple(dict.fromkeys(chain.from_iterable(part.named.names for part in coded)))
        return Repeated(Names(np.concatenate([part.named.recoded(names) for part in coded]), names))
    return tuple(chain.from_iterable(parts))


__all__ = ["Repeated", "Texts", "chained", "taken"]
