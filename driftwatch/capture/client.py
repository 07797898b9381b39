"""``Client``: everything a driftwatch service can be asked, as Python."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, overload

from driftwatch.capture.answers import Acceptance, read_as
from driftwatch.capture.loop_client import Document, LoopClient
from driftwatch.capture.outgoing import (
    encoded,
    model_named_in,
    model_path,
    outgoing_event,
    outgoing_prediction,
    query,
)
from driftwatch.capture.transport import Transport
from driftwatch.capture.values import rfc_3339
from driftwatch.errors import ServiceError

if TYPE_CHECKING:
    import pandas as pd

PARQUET = "application/vnd.apache.parquet"

Moment = datetime | str
"""A point in time: a ``datetime`` with a time zone, or RFC 3339 text."""


class WritesJson(Protocol):
    """A baseline: something that gives its document."""

    def to_json(self) -> str:
        """The document."""
        ...


class Client(LoopClient):
    """Talks to one driftwatch service. Safe to use from several threads; ``with`` closes its connections.

    Every method raises ``ServiceUnavailable`` where it may work later (nobody answers, the service is full or
    asks to wait) and ``ServiceRejected`` where it never will; both have the service's own ``detail`` and ``field``.
    Nothing is tried again by itself.

    Parameters
    ----------
    url
        The service, such as ``http://localhost:8000``.
    timeout_seconds
        How long to wait for a connection, and for each piece of an answer.
    headers
        Sent with every request, for a gateway in between.
    token
        Shown to the service, where it wants one; by default what ``DRIFTWATCH_TOKEN`` holds, or the file that
        ``DRIFTWATCH_TOKEN_FILE`` names.
    ca
        A PEM file with whom to trust over https; by default what ``DRIFTWATCH_CA`` names, else the machine's
        authorities.

    Raises
    ------
    InputError
        For a URL that is none, and for a token that cannot be sent.
    FileError
        For a file of these that cannot be read.

    Examples
    --------
    >>> with Client("http://localhost:8000") as client:
    ...     client.url
    'http://localhost:8000'
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float = 10.0,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        ca: str | Path | None = None,
    ) -> None:
        self._transport = Transport(url, timeout_seconds=timeout_seconds, headers=headers, token=token, ca=ca)

    @classmethod
    def over(cls, transport: Transport) -> Client:
        """A client that shares the connections of another part."""
        made = cls.__new__(cls)
        made._transport = transport
        return made

    @property
    def url(self) -> str:
        """Where the service is."""
        return self._transport.url

    def close(self) -> None:
        """Close the open connections; a later call opens new ones."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ready(self) -> bool:
        """Whether the service is there and takes events; false, too, where nobody answers."""
        try:
            self._transport.request("GET", "/readyz")
        except ServiceError:
            return False
        return True

    def register(
        self, baseline: WritesJson | str | bytes, *, model: str | None = None, role: str | None = None
    ) -> None:
        """Put a baseline up, which becomes the current version; the same document again changes nothing.

        Parameters
        ----------
        baseline
            A ``Baseline``, or its document as JSON text.
        model
            The name to register it under; by default the one in the document.
        role
            ``"shadow"`` for a version that is only compared with the live one; ``"live"`` makes a shadow the current
            version.

        Raises
        ------
        InputError
            If the document is no JSON object with a model's name.
        """
        document = baseline if isinstance(baseline, str | bytes) else baseline.to_json()
        body = document.encode() if isinstance(document, str) else document
        address = f"{model_path(model or model_named_in(body))}/baseline{query({'role': role})}"
        self._transport.request("PUT", address, body)

    def baseline(self, model: str, *, model_version: str | None = None) -> str:
        """The baseline's document as JSON text, for ``Baseline.from_json``; by default of the latest version."""
        path = f"{model_path(model)}/baseline{query({'model_version': model_version})}"
        return self._transport.request("GET", path).body.decode()

    def send_predictions(self, model: str, events: Iterable[Mapping[str, Any]]) -> Acceptance:
        """Log predictions, in one request.

        Parameters
        ----------
        model
            The model's name.
        events
            Each with ``features`` (a mapping) and ``prediction``, and where known ``prediction_id``,
            ``event_time``, ``model_version``, ``segment`` and ``score``. Values may be NumPy's or pandas'. Ids are
            made where they are missing, so that the same call can be repeated by its ids.

        Returns
        -------
        Acceptance
            With the ids of the events that were taken, and those that were refused: one bad event does not keep the
            others out. Where all of them are bad, it is ``ServiceRejected``.
        """
        return self._post(model, "predictions", [outgoing_prediction(event) for event in events])

    def send_labels(self, model: str, labels: Iterable[Mapping[str, Any]]) -> Acceptance:
        """Send labels, in one request: each with ``prediction_id``, ``label`` and, where known, ``event_time``.

        ``event_time`` is when the label became known. A label may come before its prediction; a later one for the
        same prediction corrects it.
        """
        return self._post(model, "labels", [outgoing_event(label) for label in labels])

    @overload
    def export(
        self, model: str, start: Moment | None = None, end: Moment | None = None, *, labelled: bool = False
    ) -> pd.DataFrame: ...

    @overload
    def export(
        self,
        model: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        labelled: bool = False,
        path: str | Path,
    ) -> Path: ...

    def export(
        self,
        model: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        labelled: bool = False,
        path: str | Path | None = None,
    ) -> pd.DataFrame | Path:
        """Logged predictions with the labels that have arrived: what the next model can be trained on.

        Parameters
        ----------
        model
            The model's name.
        start, end
            Event times with ``start <= event_time < end``; open where None.
        labelled
            Only rows that have a label.
        path
            Where to write them as Parquet; the file appears whole or not at all.

        Returns
        -------
        DataFrame or Path
            The rows, or ``path`` where it is given.
        """
        asked = {"from": rfc_3339(start), "to": rfc_3339(end), "labelled": "true" if labelled else None}
        address = f"{model_path(model)}/events{query(asked)}"
        if path is not None:
            return self._download(address, Path(path))
        from io import BytesIO

        import pandas as pd

        buffer = BytesIO()
        self._transport.download(address, PARQUET, buffer.write)
        buffer.seek(0)
        return pd.read_parquet(buffer)

    def models(self) -> list[Document]:
        """Every model that the service knows."""
        return list(read_as(list[dict[str, Any]], self._transport.request("GET", "/v1/models")))

    def shadows(self, model: str) -> list[Document]:
        """Each shadow version beside each live one, on requests that both answered."""
        return list(read_as(list[dict[str, Any]], self._transport.request("GET", f"{model_path(model)}/shadows")))

    def drift(
        self,
        model: str,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        segment: str | None = None,
        model_version: str | None = None,
        limit: int | None = None,
    ) -> Document:
        """What was found in the model's latest window, or in those that begin in ``start <= time < end``."""
        asked = _window_query(start, end, segment, model_version, limit)
        return self._document(f"{model_path(model)}/drift{asked}")

    def performance(
        self,
        model: str,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        segment: str | None = None,
        model_version: str | None = None,
        limit: int | None = None,
        provisional: bool = False,
    ) -> Document:
        """The model's realized quality, in the latest window or in those that begin in ``start <= time < end``.

        With ``provisional`` also in windows that wait for more labels, with those that came by now.
        """
        asked = _window_query(start, end, segment, model_version, limit, provisional=provisional)
        return self._document(f"{model_path(model)}/performance{asked}")

    def _post(self, model: str, what: str, events: list[Document]) -> Acceptance:
        if not events:
            return Acceptance(accepted=0)
        reply = self._transport.request("POST", f"{model_path(model)}/{what}", encoded(events))
        answer: Acceptance = read_as(Acceptance, reply)
        return answer

    def _document(self, address: str) -> Document:
        document: Document = read_as(dict[str, Any], self._transport.request("GET", address))
        return document

    def _download(self, address: str, path: Path) -> Path:
        beside = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with beside.open("wb") as file:
                self._transport.download(address, PARQUET, file.write)
            beside.replace(path)
        finally:
            with suppress(FileNotFoundError):
                beside.unlink()
        return path


def _window_query(
    start: Moment | None,
    end: Moment | None,
    segment: str | None,
    model_version: str | None,
    limit: int | None,
    *,
    provisional: bool = False,
) -> str:
    return query(
        {
            "from": rfc_3339(start),
            "to": rfc_3339(end),
            "segment": segment,
            "model_version": model_version,
            "limit": None if limit is None else str(limit),
            "provisional": "true" if provisional else None,
        }
    )


__all__ = ["Client"]
