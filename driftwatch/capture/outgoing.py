"""Events and questions of any make, as the service takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from driftwatch.capture.values import class_name, plain, plain_mapping, rfc_3339
from driftwatch.errors import InputError
from driftwatch.identifiers import uuid7


def outgoing_prediction(event: Mapping[str, Any]) -> dict[str, Any]:
    """A prediction with plain values, and with an id where it had none.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> outgoing_prediction(
    ...     {"prediction_id": "a", "event_time": datetime(2026, 1, 31, tzinfo=UTC), "features": {"x": float("inf")},
    ...      "prediction": True, "score": {True: 0.9}}
    ... )
    {'prediction_id': 'a', 'event_time': '2026-01-31T00:00:00.000000Z', 'features': {'x': 'Infinity'},
     'prediction': True, 'score': {'true': 0.9}}
    """
    made = outgoing_event(event)
    made.setdefault("prediction_id", uuid7())
    return made


def outgoing_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """A prediction or label with plain values; fields that are None are left out."""
    return {name: _value(name, value) for name, value in event.items() if value is not None}


def encoded(value: object) -> bytes:
    """A value as JSON.

    Raises
    ------
    InputError
        If JSON cannot hold it: a text that is no Unicode, an integer beyond 64 bits.
    """
    import msgspec

    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"JSON cannot hold what was given: {error}.", remedy="Nothing was sent.") from None


def model_path(model: str) -> str:
    """Where a model is in the service."""
    if not model:
        raise InputError("is empty.", field="model", remedy="Give the model's name.")
    return f"/v1/models/{quote(model, safe='')}"


def query(parameters: Mapping[str, str | None]) -> str:
    """Parameters as the end of an address, without those that are None."""
    given = {name: value for name, value in parameters.items() if value is not None}
    return f"?{urlencode(given)}" if given else ""


def model_named_in(document: bytes) -> str:
    """The model's name in a baseline's document.

    Raises
    ------
    InputError
        If there is none.
    """
    import msgspec

    try:
        found = msgspec.json.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = None
    inner = found.get("baseline") if isinstance(found, dict) else None
    name = inner.get("model") if isinstance(inner, dict) else None
    if not isinstance(name, str) or not name:
        raise InputError(
            "names no model, or is no baseline.", field="baseline", remedy="Give what Baseline.to_json() wrote."
        )
    return name


def _value(name: str, value: Any) -> Any:
    if name == "event_time":
        try:
            return rfc_3339(value)
        except ValueError:
            return str(value)  # The service says which event it is.
    if isinstance(value, Mapping):
        if name == "score":
            return {class_name(key): plain(one) for key, one in value.items()}
        return plain_mapping(value)
    return plain(value)


__all__ = ["encoded", "model_named_in", "model_path", "outgoing_event", "outgoing_prediction", "query"]
