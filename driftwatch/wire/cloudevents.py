"""CloudEvents over HTTP, as model servers' loggers send them: bytes into events.

Three modes (CloudEvents HTTP binding, section 3). *Binary*: attributes in ``ce-`` headers, the data as the body.
*Structured*: one JSON envelope, ``application/cloudevents+json``. *Batched*: an array of envelopes,
``application/cloudevents-batch+json``. Read are version 1.0, and those that loggers in use still name: 0.3 and 0.2.

References
----------
CloudEvents 1.0.2, HTTP protocol binding and JSON event format: https://github.com/cloudevents/spec
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from driftwatch.errors import EventError
from driftwatch.wire.native import Rejection

MAX_EVENTS = 1_000
"""Most events of one batch."""
LONGEST_ATTRIBUTE = 4_096
"""Most characters of an attribute; longer extensions are left out, of others the event is refused."""
MOST_ATTRIBUTES = 64

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"

_ANY_MODE = "application/cloudevents"
_VERSIONS = frozenset({"1.0", "0.3", "0.2"})
_NEEDED = ("specversion", "id", "source", "type")
_EXTENSION = re.compile(r"[a-z0-9]{1,64}")
_OF_THE_ENVELOPE = frozenset({"data", "data_base64", "datacontenttype", "datacontentencoding", "contenttype"})
_JSON_TYPE = re.compile(r"[^/]+/(?:.+\+)?json", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudEvent:
    """One event.

    Attributes
    ----------
    id, source, type
        Together they tell events apart.
    time
        Seconds since 1970; None where there is none that can be read.
    content_type
        Of the data; empty where it is not said.
    attributes
        All others, by name in lower case, as texts.
    data
        As it was logged: possibly compressed.
    """

    id: str
    source: str
    type: str
    time: float | None
    content_type: str
    attributes: Mapping[str, str]
    data: bytes


@dataclass(frozen=True, slots=True)
class DecodedEvents:
    """Events with their place in the request, and what is no event."""

    rows: list[tuple[int, CloudEvent]]
    rejections: list[Rejection]


def is_cloudevent(headers: Mapping[str, str]) -> bool:
    """Whether a request says that it is CloudEvents in any mode, also one that is not read.

    Examples
    --------
    >>> is_cloudevent({"ce-id": "1"}), is_cloudevent({"content-type": "text/html"})
    (True, False)
    """
    return _media_type(headers).startswith(_ANY_MODE) or any(name.startswith("ce-") for name in headers)


def decode(headers: Mapping[str, str], body: bytes) -> DecodedEvents:
    """Read a request in whichever mode it is.

    Parameters
    ----------
    headers
        Names in lower case.
    body
        Of which HTTP's own content coding is taken off.

    Raises
    ------
    EventError
        The request holds no event, or is in a format of envelopes that is not read.

    Examples
    --------
    >>> found = decode({"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/m", "ce-type": "t"}, b"{}")
    >>> found.rows[0][1].source, found.rows[0][1].data
    ('/m', b'{}')
    """
    media_type = _media_type(headers)
    if media_type == BATCHED:
        return _batch(body)
    if media_type == STRUCTURED:
        return DecodedEvents([(0, _enveloped(_record(body)))], [])
    if media_type.startswith(_ANY_MODE):
        raise EventError(
            "holds envelopes in a format that is not read.", field="Content-Type", remedy=f"Send {STRUCTURED}."
        )
    return DecodedEvents([(0, _binary(headers, body))], [])


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _binary(headers: Mapping[str, str], body: bytes) -> CloudEvent:
    given = {name[3:]: _header_text(value) for name, value in headers.items() if name.startswith("ce-")}
    return _event(given, headers.get("content-type", ""), body)


def _header_text(value: str) -> str:
    """Header values are percent-encoded UTF-8; what is no such thing stays as it is."""
    if value[:1] == value[-1:] == '"' and len(value) > 1:
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    try:
        return unquote_to_bytes(value.encode("latin-1")).decode()
    except UnicodeError:
        return value


def _batch(body: bytes) -> DecodedEvents:
    try:
        parts = msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise EventError("The body is no JSON array of CloudEvents.") from None
    if len(parts) > MAX_EVENTS:
        raise EventError(f"The batch holds more than {MAX_EVENTS:,} events.", remedy="Send several; none was taken.")
    found = DecodedEvents([], [])
    for index, part in enumerate(parts):
        try:
            found.rows.append((index, _enveloped(_record(bytes(part)))))
        except EventError as error:
            found.rejections.append(Rejection(index, error.field or "", error.problem))
    return found


def _record(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        # The data stays as it was written, byte by byte.
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise EventError("The body is no JSON object with the attributes of a CloudEvent.") from None


def _enveloped(record: Mapping[str, msgspec.Raw]) -> CloudEvent:
    given: dict[str, str] = {}
    for name, raw in record.items():
        if name not in _OF_THE_ENVELOPE and len(raw) <= LONGEST_ATTRIBUTE:
            value = _value(raw)
            if isinstance(value, bool):
                given[name] = "true" if value else "false"
            elif isinstance(value, str | int | float):
                given[name] = str(value)
    content_type = _text(record, "datacontenttype") or _text(record, "contenttype") or "application/json"
    return _event(given, content_type, _data(record, content_type))


def _data(record: Mapping[str, msgspec.Raw], content_type: str) -> bytes:
    encoded = _text(record, "data_base64")
    if encoded is None and (_text(record, "datacontentencoding") or "").lower() == "base64":
        encoded = _text(record, "data") or ""
    if encoded is not None:
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise EventError("is no base64.", field="data_base64") from None
    if "data" not in record:
        return b""
    raw = bytes(record["data"])
    if _JSON_TYPE.fullmatch(content_type.partition(";")[0].strip()):
        return raw
    value = _value(msgspec.Raw(raw))
    if not isinstance(value, str):
        return raw
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise EventError("has text that is no Unicode.", field="data") from None


def _value(raw: msgspec.Raw) -> Any:
    try:
        return json.loads(bytes(raw), parse_int=str)
    except (ValueError, RecursionError):
        return None


def _text(record: Mapping[str, msgspec.Raw], name: str) -> str | None:
    raw = record.get(name)
    value = None if raw is None else _value(raw)
    return value if isinstance(value, str) else None


def _event(given: Mapping[str, str], content_type: str, data: bytes) -> CloudEvent:
    for name in _NEEDED:
        value = given.get(name)
        if not value or len(value) > LONGEST_ATTRIBUTE or not value.isprintable():
            raise EventError(f"must be a text of 1 to {LONGEST_ATTRIBUTE:,} characters.", field=name)
    if given["specversion"] not in _VERSIONS:
        raise EventError(f"must be one of {', '.join(sorted(_VERSIONS))}.", field="specversion")
    attributes = {
        name: value
        for name, value in given.items()
        if name not in _NEEDED and _EXTENSION.fullmatch(name) and len(value) <= LONGEST_ATTRIBUTE
    }
    if len(attributes) > MOST_ATTRIBUTES:
        raise EventError(f"The event has more than {MOST_ATTRIBUTES} attributes.")
    return CloudEvent(
        id=given["id"],
        source=given["source"],
        type=given["type"],
        time=_seconds(attributes.pop("time", "")),
        content_type=content_type,
        attributes=attributes,
        data=data,
    )


def _seconds(text: str) -> float | None:
    """RFC 3339, to the microsecond; Go writes nanoseconds."""
    try:
        moment = msgspec.convert(text, type=datetime)
        return None if moment.tzinfo is None else moment.astimezone(UTC).timestamp()
    except (msgspec.ValidationError, ValueError, OverflowError):
        return None


__all__ = [
    "BATCHED",
    "LONGEST_ATTRIBUTE",
    "MAX_EVENTS",
    "STRUCTURED",
    "CloudEvent",
    "DecodedEvents",
    "decode",
    "is_cloudevent",
]
