"""A request to a model server and its answer, as bytes: what the inference formats read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from driftwatch.errors import EventError
from driftwatch.wire.inflation import INFLATERS, Damaged, TooLarge

_GZIP_MAGIC = b"\x1f\x8b"
_AS_IT_IS = frozenset({"", "identity"})
StructT = TypeVar("StructT", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Request:
    """What a model server was asked.

    Attributes
    ----------
    path
        Without query.
    headers
        Names in lower case.
    body
        Inflated.
    """

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """What a model server answered: headers with names in lower case, and the inflated body."""

    headers: Mapping[str, str]
    body: bytes


def inflated(headers: Mapping[str, str], body: bytes, most_bytes: int) -> bytes:
    """The body as it was before it was compressed; gzip is known by its first bytes, also where no header says so.

    Raises
    ------
    EventError
        For an encoding that is not read, a damaged body, and one of more than ``most_bytes``.

    Examples
    --------
    >>> import gzip
    >>> inflated({}, gzip.compress(b"{}"), 10)
    b'{}'
    """
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding in _AS_IT_IS and body.startswith(_GZIP_MAGIC):
        encoding = "gzip"
    if encoding in _AS_IT_IS:
        return body
    inflate = INFLATERS.get(encoding)
    if inflate is None:
        raise EventError("The body has an encoding that is not read.", field="content-encoding")
    try:
        return inflate(body, most_bytes)
    except TooLarge:
        raise EventError(f"The body inflates to more than {most_bytes:,} bytes.") from None
    except Damaged as damage:
        raise EventError(f"The body {damage}.") from None


def json_of(body: bytes) -> Any:
    """The body's JSON. Servers in Python also write NaN and Infinity: a missing value and the text of an infinite one.

    Raises
    ------
    EventError
        If it is no JSON, or nested too deeply.

    Examples
    --------
    >>> json_of(b'[1, NaN, -Infinity]')
    [1, None, '-Infinity']
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(body, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise EventError(f"The body is no JSON ({type(error).__name__}).") from None


def object_of(body: bytes) -> dict[str, Any]:
    """The body's JSON object.

    Raises
    ------
    EventError
        If it is none.
    """
    found = json_of(body)
    if not isinstance(found, dict):
        raise EventError("The body is no JSON object.")
    return found


def struct_of(kind: type[StructT], body: bytes) -> StructT:
    """The body's JSON as a record of the given type; what it does not know is left out.

    Raises
    ------
    EventError
        If it does not fit.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise EventError(f"The body is not of the expected shape: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return msgspec.convert(json_of(body), type=kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise EventError(f"The body is not of the expected shape: {error}.") from None
    except UnicodeError:
        raise EventError("The body has text that is no Unicode.") from None


def _constant(word: str) -> str | None:
    return None if word == "NaN" else word


__all__ = ["Request", "Response", "inflated", "json_of", "object_of", "struct_of"]
