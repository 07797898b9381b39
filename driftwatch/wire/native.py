"""driftwatch's own events in JSON: one object, an array of them, or one a line (NDJSON).

The fast way decodes the whole body in one call. Only where that fails is the body taken apart, so that one bad event
is named with its index and field and the others are taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta, Struct

from driftwatch.errors import EventError

if TYPE_CHECKING:
    from driftwatch.wire.columnar import LabelColumns, PredictionColumns

MAX_EVENTS = 20_000
"""Most events of one request."""

Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Moment = Annotated[datetime, Meta(tz=True)]
Name = Annotated[str, Meta(min_length=1, max_length=256)]


class PredictionEvent(Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True):
    """One prediction as it is sent.

    ``event_time`` is RFC 3339 with an offset or seconds since 1970; without one, the time of receipt counts.
    ``score`` is the probability of a binary model's last class, or probabilities by class.
    """

    features: dict[str, Int64 | float | str | bool | None]
    prediction: Int64 | float | str | bool
    prediction_id: Name | None = None
    event_time: Moment | Int64 | float | None = None
    model_version: Name | None = None
    segment: Annotated[str, Meta(max_length=256)] | None = None
    score: float | dict[str, float] | None = None


class LabelEvent(Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True):
    """One label as it is sent. ``event_time`` is when it became known."""

    prediction_id: Name
    label: Int64 | float | str | bool
    event_time: Moment | Int64 | float | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """An event that is not taken: its index in the request, the field at fault, and what is wrong with it."""

    index: int
    field: str
    problem: str


EventT = TypeVar("EventT", PredictionEvent, LabelEvent)


@dataclass(frozen=True, slots=True)
class Decoded(Generic[EventT]):
    """What a body held: events with their index in it, and what is no event. ``single``: it was one object."""

    rows: list[tuple[int, EventT]]
    rejections: list[Rejection]
    single: bool


@dataclass(frozen=True, slots=True)
class Format:
    """One format: how it is called in the documentation, and how both kinds of event are read from a body.

    Formats of rows give events, formats of columns give columns.
    """

    title: str
    predictions: Callable[[bytes], Decoded[PredictionEvent] | PredictionColumns]
    labels: Callable[[bytes], Decoded[LabelEvent] | LabelColumns]


_RULES = {
    "features": "must be an object of feature names and values",
    "prediction": "must be a number, a text or a boolean",
    "label": "must be a number, a text or a boolean",
    "prediction_id": "must be a text of 1 to 256 characters",
    "event_time": "must be a time with an offset, such as 2026-01-31T08:00:00Z, or seconds since 1970",
    "model_version": "must be a text of 1 to 256 characters",
    "segment": "must be a text of at most 256 characters",
    "score": "must be a number, or an object of class names and numbers",
}
_ENTRY_RULES = {"features": "must be a number, a text, a boolean or null", "score": "must be a number"}
_TEXTS = frozenset({"prediction_id", "event_time", "model_version", "segment"})
_ENTRY_TYPES: Mapping[str, frozenset[type]] = {
    "features": frozenset({int, float, str, bool, type(None)}),
    "score": frozenset({int, float}),
}
_KINDS: Mapping[type, str] = {
    type(None): "null", bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list",
    dict: "an object",
}  # fmt: skip
_WHITE = re.compile(r"[ \t\r\n]*")
_LINE = re.compile(rb"[^\n]+")
# Texts are matched whole, so that the word NaN inside one is not taken for a number. One that never ends is matched
# too: trying again from each of its quotes would take the square of its length.
_NOT_A_NUMBER = re.compile(
    r'"(?P<key>(?:[^"\\]|\\.?)*+)(?:"|\Z)(?:\s*+:\s*+-?(?P<named>NaN|Infinity)\b)?|\b(?P<bare>NaN|Infinity)\b',
    re.DOTALL,
)
_SEARCHED_BYTES = 2**20
_UNKNOWN = re.compile("unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile("missing required field `(.*)`")
_AT = re.compile(r" - at `\$\.(\w+)(.*)`$")


class _Reader(Generic[EventT]):
    """Reads one kind of event from JSON."""

    def __init__(self, kind: type[EventT]) -> None:
        self._kind: type[EventT] = kind
        self._one: msgspec.json.Decoder[EventT] = msgspec.json.Decoder(kind)
        self._many: msgspec.json.Decoder[list[EventT]] = msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]

    def json(self, body: bytes) -> Decoded[EventT]:
        """One object, or an array of them."""
        if body.lstrip(b" \t\r\n")[:1] != b"[":
            return self._single(body)
        try:
            return _all_good(self._many.decode(body))
        except msgspec.ValidationError:
            return self._sorted_out(_elements(_text_of(body)), lines=False)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _not_json(body, error) from None

    def ndjson(self, body: bytes) -> Decoded[EventT]:
        """One object a line; empty lines are passed over."""
        try:
            decoded = _all_good(self._one.decode_lines(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            lines = (line.group() for line in _LINE.finditer(body))
            decoded = self._sorted_out((line for line in lines if line.strip()), lines=True)
        if not decoded.rows and not decoded.rejections:
            raise _not_json(b"")
        return decoded

    def _single(self, body: bytes, index: int = 0) -> Decoded[EventT]:
        try:
            return Decoded([(index, self._one.decode(body))], [], single=True)
        except msgspec.ValidationError as error:
            return Decoded([], [self._rejection(index, body, error)], single=True)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _not_json(body, error) from None

    def _sorted_out(self, raws: Iterator[bytes], *, lines: bool) -> Decoded[EventT]:
        """The good events, and the bad ones with what is wrong with each."""
        rows: list[tuple[int, EventT]] = []
        rejections: list[Rejection] = []
        for index, raw in enumerate(raws):
            if index >= MAX_EVENTS:
                raise too_many_events()
            try:
                one = self._single(raw, index)
            except EventError as malformed:
                if not lines:
                    raise
                remedy = f" {malformed.remedy}" if malformed.remedy else ""
                rejections.append(Rejection(index, malformed.field or "", f"{malformed.problem}{remedy}"))
            else:
                rows += one.rows
                rejections += one.rejections
        return Decoded(rows, rejections, single=False)

    def _rejection(self, index: int, raw: bytes, error: msgspec.ValidationError) -> Rejection:
        message = str(error)
        if unknown := _UNKNOWN.search(message):
            known = ", ".join(self._kind.__struct_fields__)
            return Rejection(index, unknown[1][:256], f"is no field of an event. The fields are: {known}.")
        if missing := _MISSING.search(message):
            return Rejection(index, missing[1], "is missing.")
        at = _AT.search(message)
        try:
            value = msgspec.json.decode(raw)
        except msgspec.ValidationError:
            return Rejection(index, at[1] if at else "", "holds a number beyond the range of a 64-bit float.")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as malformed:
            raise _not_json(raw, malformed) from None
        if at is None or not isinstance(value, dict):
            return Rejection(index, "", f"An event must be an object, not {_kind_of(value)}.")
        return _field_problem(index, at[1], value[at[1]])


def _field_problem(index: int, field: str, value: object) -> Rejection:
    entry_rule = _ENTRY_RULES.get(field)
    if entry_rule is None or not isinstance(value, dict):
        return Rejection(index, field, f"{_RULES[field]}{_but(field, value)}.")
    for key, entry in value.items():
        if type(entry) not in _ENTRY_TYPES[field] or _beyond_int64(entry):
            return Rejection(index, f"{field}.{key[:256]}", f"{entry_rule}{_but(field, entry)}.")
    return Rejection(index, field, f"holds a value that does not fit: each {entry_rule}.")


def _but(field: str, value: object) -> str:
    if _beyond_int64(value):
        return ", not an integer beyond 64 bits"
    if isinstance(value, str) and field in _TEXTS:
        return ""
    return f", not {_kind_of(value)}"


def _beyond_int64(value: object) -> bool:
    return isinstance(value, int) and not -(2**63) <= value < 2**63


def _kind_of(value: object) -> str:
    return _KINDS[type(value)]


def _all_good(events: list[EventT]) -> Decoded[EventT]:
    if len(events) > MAX_EVENTS:
        raise too_many_events()
    return Decoded(list(enumerate(events)), [], single=False)


def too_many_events() -> EventError:
    """The error for a request of more events than `MAX_EVENTS`."""
    return EventError(
        f"The request holds more than {MAX_EVENTS:,} events.",
        remedy="Send them in several requests; nothing was taken.",
    )


def _text_of(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise _not_json(body, error) from None


def _elements(text: str) -> Iterator[bytes]:
    """The elements of a JSON array, one after the other, so that memory does not grow with their number.

    Raises
    ------
    EventError
        Where the text is no array, as soon as that is seen.
    """
    # What the values are is of no interest here, only where they end.
    scan = json.JSONDecoder(parse_int=len, parse_float=len, parse_constant=_refused).raw_decode
    position = _after_white(text, _after_white(text, 0) + 1)
    try:
        while text[position : position + 1] != "]":
            _, end = scan(text, position)
            yield text[position:end].encode(errors="surrogatepass")
            position = _after_white(text, end)
            if text[position : position + 1] == ",":
                position = _after_white(text, position + 1)
                if text[position : position + 1] == "]":
                    raise ValueError("a value is missing before the end of the list")
            elif text[position : position + 1] != "]":
                raise ValueError(f"a comma or the end of the list is missing (character {position})")
        if text[position + 1 :].strip(" \t\r\n"):
            raise ValueError(f"something follows the end of the list (character {position + 1})")
    except (ValueError, RecursionError) as error:
        raise _not_json(text.encode(), error) from None


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no value")


def _after_white(text: str, position: int) -> int:
    found = _WHITE.match(text, position)
    return position if found is None else found.end()


def _not_json(body: bytes, error: Exception | None = None) -> EventError:
    if not body.strip(b" \t\r\n"):
        return EventError("The body is empty.", remedy="Send a JSON object, an array of them, or one a line.")
    if isinstance(error, UnicodeDecodeError):
        return EventError("The body is no JSON: it is not UTF-8.")
    if isinstance(error, RecursionError):
        return EventError("The body is nested too deeply.")
    inside = ""
    for found in _NOT_A_NUMBER.finditer(body[:_SEARCHED_BYTES].decode(errors="replace")):
        if word := found["named"] or found["bare"]:
            key = found["key"]
            field = key if key is None or key in _RULES or not inside else f"{inside}.{key[:256]}"
            return EventError(f"JSON has no {word};", field=field, remedy="send null for a missing value.")
        if found["key"] in _ENTRY_RULES:
            inside = found["key"]
    return EventError(f"The body is no JSON: {error}.")


_PREDICTIONS = _Reader(PredictionEvent)
_LABELS = _Reader(LabelEvent)

JSON = Format("an object or an array of objects", _PREDICTIONS.json, _LABELS.json)
NDJSON = Format("one object a line", _PREDICTIONS.ndjson, _LABELS.ndjson)


__all__ = [
    "JSON",
    "MAX_EVENTS",
    "NDJSON",
    "Decoded",
    "Format",
    "LabelEvent",
    "PredictionEvent",
    "Rejection",
    "too_many_events",
]
