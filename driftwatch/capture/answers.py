"""What a driftwatch service answers, as frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from driftwatch.capture.transport import Reply
from driftwatch.errors import ServiceUnavailable


@dataclass(frozen=True, slots=True)
class Rejection:
    """One event that the service refused: its position in what was sent, the field at fault, and why."""

    index: int
    field: str | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What became of the events of a request.

    Parameters
    ----------
    accepted
        Events that are durable now.
    duplicates
        Events whose id had been accepted before; nothing changed.
    rejected
        Events that were refused, each with its reason.
    prediction_ids
        Ids of the events that were taken, in their order.
    """

    accepted: int
    duplicates: int = 0
    rejected: tuple[Rejection, ...] = ()
    prediction_ids: tuple[str, ...] = ()


def read_as(kind: Any, reply: Reply) -> Any:
    """The reply's JSON as a record (or a list of them) of the given type; fields that it does not know are left out.

    Raises
    ------
    ServiceUnavailable
        If the answer has another shape: something else than driftwatch answered.
    """
    import msgspec

    try:
        return msgspec.convert(reply.json(), kind, strict=True, from_attributes=False)
    except msgspec.ValidationError as error:
        raise ServiceUnavailable(
            f"The answer is not of the expected shape ({error}). Does the URL point to a driftwatch service of "
            "the same version?",
            status=reply.status,
        ) from None


__all__ = ["Acceptance", "Rejection", "read_as"]
