"""Tensors of the Open Inference Protocol: their values from JSON and from bytes, in rows.

References
----------
Open Inference Protocol, REST, "Tensor Data"; its binary tensor data extension.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from msgspec import Struct

from driftwatch.errors import EventError
from driftwatch.wire.input_table import MAX_COLUMNS, Value, values_of
from driftwatch.wire.native import MAX_EVENTS

_CODES: Mapping[str, tuple[str, int]] = {
    "BOOL": ("?", 1),
    "UINT8": ("B", 1),
    "UINT16": ("H", 2),
    "UINT32": ("I", 4),
    "UINT64": ("Q", 8),
    "INT8": ("b", 1),
    "INT16": ("h", 2),
    "INT32": ("i", 4),
    "INT64": ("q", 8),
    "FP16": ("e", 2),
    "FP32": ("f", 4),
    "FP64": ("d", 8),
    "BF16": ("H", 2),
}
_LENGTH = struct.Struct("<I")
BINARY_SIZE = "binary_data_size"


class Tensor(Struct, gc=False):
    """A tensor as it is written; ``data`` are bytes where its values stand behind the JSON."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] | None = None
    data: Any = None


def shape_of(tensor: Tensor) -> tuple[int, int]:
    """Rows, and values a row; one row where it has no dimension.

    Raises
    ------
    EventError
        If it has more than two dimensions of more than one value, or is too large.

    Examples
    --------
    >>> shape_of(Tensor("x", [3, 4], "FP32")), shape_of(Tensor("x", [3], "FP32")), shape_of(Tensor("x", [3, 1, 2], ""))
    ((3, 4), (3, 1), (3, 2))
    """
    shape = tensor.shape
    if any(one < 0 for one in shape):
        raise EventError("has a shape with a negative number.", field=tensor.name[:256])
    rows = shape[0] if shape else 1
    inner = [one for one in shape[1:] if one != 1]
    if len(inner) > 1:
        raise EventError("has rows of more than one dimension.", field=tensor.name[:256])
    width = inner[0] if inner else 1
    if rows > MAX_EVENTS or width > MAX_COLUMNS:
        raise EventError(
            f"has more than {MAX_EVENTS:,} rows, or {MAX_COLUMNS:,} values a row.", field=tensor.name[:256]
        )
    return rows, width


def flat_values(tensor: Tensor) -> list[Value]:
    """All values, row by row.

    Raises
    ------
    EventError
        If there are not as many as the shape says, or of another type than the tensor's.
    """
    rows, width = shape_of(tensor)
    count = rows * width
    if isinstance(tensor.data, bytes):
        return _from_bytes(tensor, tensor.data, count)
    if not isinstance(tensor.data, list):
        raise EventError("has no data.", field=tensor.name[:256])
    if tensor.datatype != "BYTES" and tensor.datatype not in _CODES:
        raise _unknown_type(tensor)
    found = tensor.data
    if len(found) != count or any(type(one) is list for one in found):
        found = list(islice(_leaves(found, 0), count + 1))
    if len(found) != count:
        raise EventError("does not have as many values as its shape says.", field=tensor.name[:256])
    values = values_of(found)
    if tensor.datatype == "BOOL":
        return [bool(one) if type(one) is int else one for one in values]
    return values


def attach_binary(tensors: Sequence[Tensor], tail: bytes) -> None:
    """Give the tensors their share of the bytes behind the JSON, in their order.

    Raises
    ------
    EventError
        If the bytes are not as many as the tensors say.
    """
    at = 0
    for tensor in tensors:
        size = (tensor.parameters or {}).get(BINARY_SIZE)
        if size is None:
            continue
        if type(size) is not int or not 0 <= size <= len(tail) - at:
            raise EventError("says a size of its bytes that they do not have.", field=tensor.name[:256])
        tensor.data = tail[at : at + size]
        at += size
    if at != len(tail):
        raise EventError("The body has bytes that belong to no tensor.")


def _from_bytes(tensor: Tensor, data: bytes, count: int) -> list[Value]:
    if tensor.datatype == "BYTES":
        texts = list(islice(_texts(data, tensor.name), count + 1))
        if len(texts) != count:
            raise EventError("does not have as many texts as its shape says.", field=tensor.name[:256])
        return [*texts]
    if tensor.datatype not in _CODES:
        raise _unknown_type(tensor)
    code, size = _CODES[tensor.datatype]
    if len(data) != count * size:
        raise EventError("does not have as many bytes as its shape and type say.", field=tensor.name[:256])
    found = struct.unpack(f"<{count}{code}", data)
    if tensor.datatype == "BF16":
        # The upper half of a 32-bit float.
        found = struct.unpack(f"<{count}f", struct.pack(f"<{count}I", *(one << 16 for one in found)))
    if (code in "efdHQ" and not all(map(math.isfinite, found))) or tensor.datatype == "UINT64":
        return values_of(found)
    return list(found)


def _texts(data: bytes, name: str) -> Iterator[str]:
    """Each behind its length in four bytes; bytes that are no UTF-8 are shown as U+FFFD."""
    at = 0
    while at < len(data):
        if at + 4 > len(data):
            raise EventError("has a text that was cut short.", field=name[:256])
        (length,) = _LENGTH.unpack_from(data, at)
        at += 4
        if length > len(data) - at:
            raise EventError("has a text that was cut short.", field=name[:256])
        yield data[at : at + length].decode(errors="replace")
        at += length


def _leaves(values: list[Any], depth: int) -> Iterator[Any]:
    if depth > 16:
        raise EventError("The data is nested too deeply.")
    for one in values:
        if type(one) is list:
            yield from _leaves(one, depth + 1)
        else:
            yield one


def _unknown_type(tensor: Tensor) -> EventError:
    return EventError("has a datatype that the protocol does not know.", field=tensor.name[:256])


__all__ = ["BINARY_SIZE", "Tensor", "attach_binary", "flat_values", "shape_of"]
