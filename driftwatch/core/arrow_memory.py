"""Arrow arrays of fixed width as NumPy arrays over their own memory, without importing the library.

Its own way there loads pandas, which costs a process 50 MB and the first caller a second.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def flat_values(array: Any, kind: type[np.generic], missing: float) -> NDArray[Any]:
    """Values of fixed width: a view where none is null, else a copy with ``missing`` in their places.

    Parameters
    ----------
    array
        An Arrow array that was validated, not a chunked one.
    kind
        What its values are in memory.
    missing
        Takes the place of nulls.
    """
    data = array.buffers()[1]
    if not len(array):
        return np.empty(0, dtype=kind)
    values: NDArray[Any] = np.frombuffer(data, dtype=kind, count=array.offset + len(array))[array.offset :]
    if not values.flags.aligned:
        # A sender may lay a buffer anywhere; compiled loops read aligned ones only.
        values = values.copy()
    present = present_rows(array)
    return values if present is None else np.where(present, values, np.array(missing, dtype=kind))


def present_rows(array: Any) -> NDArray[np.bool_] | None:
    """For each row whether it has a value; None where all have."""
    if not array.null_count:
        return None
    return _bits(array, array.buffers()[0])


def flat_bits(array: Any) -> NDArray[np.bool_]:
    """Values of an array of booleans, of which none is null."""
    return _bits(array, array.buffers()[1]) if len(array) else np.empty(0, dtype=np.bool_)


def _bits(array: Any, buffer: Any) -> NDArray[np.bool_]:
    count = array.offset + len(array)
    found = np.unpackbits(np.frombuffer(buffer, dtype=np.uint8), count=count, bitorder="little")
    return found[array.offset :].view(np.bool_)


__all__ = ["flat_bits", "flat_values", "present_rows"]
