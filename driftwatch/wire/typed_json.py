"""Predictions in JSON read straight into the columns of a model's schema.

`driftwatch.wire.native` takes whatever an event may be and says what is wrong with it. Here a whole body is decoded
into types that are made of the schema, which costs half, and becomes columns without a look at single values. Where
anything is not as the schema expects (an unknown feature, a text for a number, one bad event), nothing is said but
that the other way is to be taken: both ways give the same events.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum, auto
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

from driftwatch.core.raw_column import RawColumn, RawKind
from driftwatch.core.table import Names, Numbers, name_of
from driftwatch.core.windows import to_microseconds
from driftwatch.wire.columnar import LONE_SCORE, PredictionColumns
from driftwatch.wire.native import JSON, MAX_EVENTS, NDJSON, Format, Int64, PredictionEvent

_NUMBERS = frozenset({int, float})
_TEXTS = frozenset({str, type(None)})
_TIMES = frozenset({datetime, type(None)})
_LONE_SCORES = frozenset({float, type(None)})
_WHITE = b" \t\r\n"


Features = tuple[tuple[str, bool], ...]
TypedEvent = Any
"""A `PredictionEvent` whose features are fields: of a type that is made of a schema."""


class Prediction(Enum):
    """What a schema's predictions are."""

    NUMBER = auto()
    NAME = auto()
    EITHER = auto()


class _Otherwise(Exception):
    """A body that is to be read the other way."""


class TypedJson:
    """Reads bodies for one schema.

    Parameters
    ----------
    features
        In the order in which senders most probably have them: their names, and whether they hold numbers.
    prediction
        What it is: a number, a name, or what the schema does not know: either.

    Raises
    ------
    ValueError
        A feature has a name that cannot be told in JSON without a backslash.
    """

    def __init__(self, features: Features, prediction: Prediction) -> None:
        self._features = features
        type_of_features = msgspec.defstruct(
            "Features",
            [(f"f{at}", _NUMBER if is_number else _ANY, None) for at, (_, is_number) in enumerate(features)],
            rename={f"f{at}": name for at, (name, _) in enumerate(features)},
            forbid_unknown_fields=True,
            frozen=True,
            gc=False,
        )
        self._prediction = prediction
        type_of_prediction = Int64 | float if prediction is Prediction.NUMBER else Int64 | float | str | bool
        event = msgspec.defstruct(
            "Event",
            [("features", type_of_features), ("prediction", type_of_prediction)],
            bases=(PredictionEvent,),
            forbid_unknown_fields=True,
            frozen=True,
            gc=False,
            kw_only=True,
        )
        self._one: msgspec.json.Decoder[Any] = msgspec.json.Decoder(event)
        self._many: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(list[event])  # type: ignore[valid-type]

    def read(self, wire_format: Format, body: bytes, version: str) -> PredictionColumns | None:
        """A body's events as columns; None where another way is to be taken.

        Parameters
        ----------
        wire_format, body
            What was sent. Other formats and one event alone are left to the other way.
        version
            Of the schema: events that name another one are left to the other way, too.
        """
        decode = None
        if wire_format is NDJSON:
            decode = self._one.decode_lines
        elif wire_format is JSON and body.lstrip(_WHITE)[:1] == b"[":
            decode = self._many.decode
        return None if decode is None else self._read(decode, body, version)

    def one(self, wire_format: Format, body: bytes, version: str) -> TypedEvent | None:
        """A body's only event, for `columns`; None where another way is to be taken. Parameters as of `read`."""
        if wire_format is not JSON or body[:1] != b"{":
            return None
        try:
            event = self._one.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        plain = (
            event.model_version in (None, version)
            and type(event.event_time) in _TIMES
            and type(event.score) in _LONE_SCORES
        )
        return event if plain else None

    def _read(self, decode: Callable[[bytes], list[Any]], body: bytes, version: str) -> PredictionColumns | None:
        try:
            events = decode(body)
            if not 0 < len(events) <= MAX_EVENTS or not {one.model_version for one in events} <= {None, version}:
                return None
            return self.columns(events)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, _Otherwise):
            return None

    def columns(self, events: Sequence[TypedEvent]) -> PredictionColumns:
        """Events that `one` gave, as columns."""
        values = list(zip(*(msgspec.structs.astuple(one.features) for one in events), strict=True))
        features = {
            name: RawColumn(RawKind.NUMBER, _numbers(column)) if is_number else _named(column)
            for (name, is_number), column in zip(self._features, values, strict=True)
        }
        return PredictionColumns(
            n_rows=len(events),
            features=features,
            prediction=self._predictions([one.prediction for one in events]),
            scores=_scores([one.score for one in events]),
            event_time=_times([one.event_time for one in events]),
            prediction_ids=_unless_missing([one.prediction_id for one in events]),
            model_versions=_unless_missing([one.model_version for one in events]),
            segments=_unless_missing([one.segment for one in events]),
        )

    def _predictions(self, values: list[Any]) -> RawColumn:
        is_number = self._prediction is Prediction.NUMBER
        if is_number or (self._prediction is Prediction.EITHER and set(map(type, values)) <= _NUMBERS):
            return RawColumn(RawKind.NUMBER, _numbers(values))
        return _named(values)


@lru_cache(maxsize=256)
def typed_json(features: Features, prediction: Prediction) -> TypedJson | None:
    """The reader of a schema, made once; None where there can be none."""
    try:
        return TypedJson(features, prediction)
    except ValueError:
        return None


_NUMBER = Int64 | float | None
_ANY = Int64 | float | str | bool | None


def _numbers(values: Sequence[float | None]) -> Numbers:
    try:
        return Numbers(np.frombuffer(struct.pack(f"{len(values)}d", *values), dtype=np.float64))
    except struct.error:
        return Numbers(np.array(values, dtype=np.float64))


def _named(values: Sequence[Any]) -> RawColumn:
    if set(map(type, values)) <= _TEXTS:
        return RawColumn(RawKind.TEXT, Names.of(values))
    return RawColumn(RawKind.MIXED, Names.of([None if one is None else name_of(one) for one in values]))


def _times(values: Sequence[Any]) -> RawColumn | None:
    if not any(one is not None for one in values):
        return None
    if not set(map(type, values)) <= _TIMES:
        raise _Otherwise
    times = [math.nan if one is None else float(to_microseconds(one)) for one in values]
    return RawColumn(RawKind.TIME, Numbers(np.array(times)))


def _scores(values: Sequence[Any]) -> Mapping[str, RawColumn]:
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return {}
    if kinds == {float}:
        return {LONE_SCORE: RawColumn(RawKind.NUMBER, _numbers(values))}
    if kinds != {dict}:
        raise _Otherwise
    classes = {name: None for one in values if one is not None for name in one}
    return {
        name: RawColumn(RawKind.NUMBER, _numbers([None if one is None else one.get(name) for one in values]))
        for name in classes
    }


def _unless_missing(values: Sequence[str | None]) -> Sequence[str | None] | None:
    return values if any(one is not None for one in values) else None


__all__ = ["Prediction", "TypedEvent", "TypedJson", "typed_json"]
