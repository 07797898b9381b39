"""The part of ``Client`` that is about alerts, retrains and notifications."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from driftwatch.capture.answers import read_as
from driftwatch.capture.outgoing import encoded, model_path, query
from driftwatch.capture.transport import Transport
from driftwatch.capture.values import rfc_3339

if TYPE_CHECKING:
    from driftwatch.core.records import Alert, AlertState, RetrainEpisode, RetrainState

Document = dict[str, Any]
"""A JSON object of the service, as it is."""


class LoopClient:
    """What ``driftwatch.Client`` asks about alerts and retrains; its errors are as there."""

    _transport: Transport

    def alerts(
        self, *, model: str | None = None, state: AlertState | str | None = None, limit: int | None = None
    ) -> list[Alert]:
        """Alerts, newest first; of one model or in one state where asked for."""
        from driftwatch.core.records import Alert

        address = f"/v1/alerts{_query(model=model, state=state, limit=limit)}"
        return list(read_as(list[Alert], self._transport.request("GET", address)))

    def acknowledge_alert(self, alert_id: str, by: str, note: str = "") -> Alert:
        """Say that somebody knows of an alert; it still calls for a retrain."""
        return self._said_of_alert(alert_id, "acknowledge", {"by": by, "note": note})

    def silence_alert(self, alert_id: str, until: datetime | str, by: str, note: str = "") -> Alert:
        """Let an alert call for nothing and tell nobody until then; a time that has come ends a silence."""
        return self._said_of_alert(alert_id, "silence", {"by": by, "note": note, "until": rfc_3339(until)})

    def retrains(self, *, model: str | None = None, limit: int | None = None) -> list[RetrainEpisode]:
        """Retrain episodes, newest first; of one model where asked for."""
        from driftwatch.core.records import RetrainEpisode

        address = f"/v1/retrains{_query(model=model, limit=limit)}"
        return list(read_as(list[RetrainEpisode], self._transport.request("GET", address)))

    def retrain(self, retrain_id: str) -> RetrainEpisode:
        """One retrain episode with everything that happened in it."""
        return self._episode("GET", _of_retrain(retrain_id))

    def retrain_status(
        self, retrain_id: str, state: RetrainState | str, note: str = "", new_version: str | None = None
    ) -> None:
        """Say how a retrain goes.

        Parameters
        ----------
        retrain_id
            The id that the trigger brought.
        state
            Where it stands now: ``acknowledged``, ``training``, ``evaluating``, ``promoted``, ``rejected``, ``failed``.
        note
            One line for people.
        new_version
            The version that was trained, once there is one.
        """
        status = {"state": str(state), "note": note}
        if new_version is not None:
            status["new_version"] = new_version
        self._transport.request("POST", f"{_of_retrain(retrain_id)}/status", encoded(status))

    def approve_retrain(self, retrain_id: str, by: str, note: str = "") -> RetrainEpisode:
        """Let a retrain that awaits approval be asked for."""
        return self._episode("POST", f"{_of_retrain(retrain_id)}/approve", {"by": by, "note": note})

    def cancel_retrain(self, retrain_id: str, by: str, note: str = "") -> RetrainEpisode:
        """End a retrain that is not finished."""
        return self._episode("POST", f"{_of_retrain(retrain_id)}/cancel", {"by": by, "note": note})

    def shadows(self, model: str) -> list[Document]:
        """How the shadow versions of a model compare with the live ones on the same requests."""
        return list(read_as(list[dict[str, Any]], self._transport.request("GET", f"{model_path(model)}/shadows")))

    def outbox(self, *, state: str | None = None, limit: int | None = None) -> list[Document]:
        """Notifications without their bodies, oldest first; ``state="dead"`` for those that were given up."""
        reply = self._transport.request("GET", f"/v1/outbox{_query(state=state, limit=limit)}")
        return list(read_as(list[dict[str, Any]], reply))

    def resend(self, message_id: str) -> Document:
        """Deliver a notification that was given up after all, under the same key."""
        reply = self._transport.request("POST", f"/v1/outbox/{quote(message_id, safe='')}/resend")
        document: Document = read_as(dict[str, Any], reply)
        return document

    def _said_of_alert(self, alert_id: str, what: str, said: Document) -> Alert:
        from driftwatch.core.records import Alert

        address = f"/v1/alerts/{quote(alert_id, safe='')}/{what}"
        alert: Alert = read_as(Alert, self._transport.request("POST", address, encoded(said)))
        return alert

    def _episode(self, method: str, address: str, said: Document | None = None) -> RetrainEpisode:
        from driftwatch.core.records import RetrainEpisode

        reply = self._transport.request(method, address, None if said is None else encoded(said))
        episode: RetrainEpisode = read_as(RetrainEpisode, reply)
        return episode


def _of_retrain(retrain_id: str) -> str:
    return f"/v1/retrains/{quote(retrain_id, safe='')}"


def _query(**asked: object) -> str:
    return query({name: None if value is None else str(value) for name, value in asked.items()})
