"""What a message in the outbox says, for sinks that put it into other words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from driftwatch.errors import SinkRejected
from driftwatch.ports import OutboxMessage

RETRAIN_REQUESTED = "io.driftwatch.retrain.requested"
ALERT_FIRING = "io.driftwatch.alert.firing"
ALERT_RESOLVED = "io.driftwatch.alert.resolved"

FIELDS = frozenset(
    {
        "key", "type", "model", "model_version", "segment", "reason", "retrain_id", "triggered", "until", "events_url",
        "status_url", "alert_id", "alert_kind", "alert_state", "alert_url", "page_url", "title",
    }
)  # fmt: skip
"""What templates may name."""

_FIELD = re.compile(r"\{([a-z_]+)\}")
_NOT_IN_NAMES = re.compile("[^a-z0-9-]+")
_LONGEST_NAME = 63


class _Alert(msgspec.Struct, frozen=True):
    alert_id: str = ""
    model_version: str = ""
    segment: str = ""
    kind: str = ""
    state: str = ""
    reason: str = ""
    resolution: str = ""
    columns: tuple[str, ...] = ()
    evidence: float | None = None
    started: datetime | None = None
    ended: datetime | None = None


class _Data(msgspec.Struct, frozen=True):
    retrain_id: str = ""
    model_version: str = ""
    segment: str = ""
    reason: str = ""
    triggered: str = ""
    until: str = ""
    events_url: str = ""
    status_url: str = ""
    alert_url: str = ""
    page_url: str = ""
    alert: _Alert | None = None


class _Envelope(msgspec.Struct, frozen=True):
    id: str
    type: str = ""
    source: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message, read.

    Attributes
    ----------
    key
        The same over every retry, and different for every sink.
    id
        The same for every sink: of a request to retrain the retrain's id.
    fields
        Texts by the names of `FIELDS`; empty where the message has nothing to say there.
    data
        All that it says, with the evidence, as JSON has it.
    columns, evidence, started, ended
        Of an alert.
    """

    key: str
    id: str
    type: str
    source: str
    model: str
    fields: Mapping[str, str]
    data: Mapping[str, Any]
    columns: tuple[str, ...] = ()
    evidence: float | None = None
    started: datetime | None = None
    ended: datetime | None = None

    @property
    def object_name(self) -> str:
        """A name for what a receiver makes of it, from the id: as DNS labels are, at most 63 characters.

        Other systems take it for the key: the same message makes the same name.
        """
        cleaned = _NOT_IN_NAMES.sub("-", self.id.lower())
        return f"driftwatch-{cleaned}"[:_LONGEST_NAME].strip("-")

    def filled(self, template: str, written: Callable[[str], str] = str) -> str:
        """The template with its fields replaced by their texts, each as ``written`` writes it. Nothing is computed.

        Examples
        --------
        >>> notice = Notice(key="k", id="1", type="", source="", model="m", fields={"model": "a b"}, data={})
        >>> from urllib.parse import quote
        >>> notice.filled("retrain-{model}", quote)
        'retrain-a%20b'
        """
        return _FIELD.sub(lambda found: written(self.fields.get(found[1], "")), template)

    def filled_throughout(self, value: Any) -> Any:
        """A JSON value with the fields in each of its texts replaced; the names in its objects stay as they are."""
        if isinstance(value, str):
            return self.filled(value)
        if isinstance(value, dict):
            return {key: self.filled_throughout(one) for key, one in value.items()}
        return [self.filled_throughout(one) for one in value] if isinstance(value, list) else value

    def compact(self, most_bytes: int) -> dict[str, Any]:
        """What it says in at most so many bytes of JSON: of findings and verdicts only as many as fit, the first ones.

        ``left_out`` says of which there were more.
        """
        kept = dict(self.data)
        if len(msgspec.json.encode(kept)) <= most_bytes:
            return kept
        kept["left_out"] = []
        for name in ("findings", "verdicts", "alerts", "performance", "alert"):
            if len(msgspec.json.encode(kept)) <= most_bytes:
                break
            values = kept.get(name)
            if isinstance(values, list):
                kept[name] = []
                room = most_bytes - len(msgspec.json.encode(kept)) - len(name) - 4
                kept[name] = _first_that_fit(values, room)
                kept["left_out"].append(name)
            elif values:
                del kept[name]
                kept["left_out"].append(name)
        if len(msgspec.json.encode(kept)) > most_bytes:
            kept = {name: text[: most_bytes // 40] for name, text in self.fields.items() if text}
        return kept


def _first_that_fit(values: list[Any], room: int) -> list[Any]:
    kept = []
    for one in values:
        room -= len(msgspec.json.encode(one)) + 1
        if room < 0:
            break
        kept.append(one)
    return kept


def notice_of(message: OutboxMessage) -> Notice:
    """Read a message.

    Raises
    ------
    SinkRejected
        It is none that driftwatch writes.
    """
    try:
        envelope = msgspec.json.decode(message.body, type=_Envelope)
        found = msgspec.json.decode(envelope.data, type=_Data)
        data = msgspec.json.decode(envelope.data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise SinkRejected("The message cannot be read.") from None
    alert = found.alert or _Alert()
    fields = {
        "key": message.message_id,
        "type": envelope.type,
        "model": message.model,
        "model_version": found.model_version or alert.model_version,
        "segment": found.segment or alert.segment,
        "reason": found.reason or alert.reason,
        "retrain_id": found.retrain_id,
        "triggered": found.triggered,
        "until": found.until,
        "events_url": found.events_url,
        "status_url": found.status_url,
        "alert_id": alert.alert_id,
        "alert_kind": alert.kind,
        "alert_state": alert.state,
        "alert_url": found.alert_url,
        "page_url": found.page_url,
    }
    fields["title"] = _title(envelope.type, message.model, alert)
    return Notice(
        key=message.message_id,
        id=envelope.id,
        type=envelope.type,
        source=envelope.source,
        model=message.model,
        fields=fields,
        data=data if isinstance(data, dict) else {},
        columns=alert.columns,
        evidence=alert.evidence,
        started=alert.started,
        ended=alert.ended,
    )


def _title(kind: str, model: str, alert: _Alert) -> str:
    """One line for people."""
    what = alert.kind.replace("_", " ")
    if kind == ALERT_FIRING:
        return f"{model}: {what}"
    if kind == ALERT_RESOLVED:
        return f"{model}: {what} is over"
    return f"{model}: retrain requested"


__all__ = ["ALERT_FIRING", "ALERT_RESOLVED", "FIELDS", "RETRAIN_REQUESTED", "Notice", "notice_of"]
