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
    waiting
        Of labels: how many are about a prediction that has not arrived yet.
    """

    accepted: int
    duplicates: int = 0
    rejected: tuple[Rejection, ...] = ()
    prediction_ids: tuple[str, ...] = ()
    waiting: int = 0

    def __add__(self, other: Acceptance) -> Acceptance:
        """The sum over two requests; the other's rejections keep the positions that they had there."""
        return Acceptance(
            accepted=self.accepted + other.accepted,
            duplicates=self.duplicates + other.duplicates,
            rejected=self.rejected + other.rejected,
            prediction_ids=self.prediction_ids + other.prediction_ids,
            waiting=self.waiting + other.waiting,
        )


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
