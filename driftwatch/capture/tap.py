"""The copy of one exchange, taken while it passes: at most so many bytes of each body, and nothing of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from driftwatch.errors import EventError
from driftwatch.identifiers import uuid7
from driftwatch.wire.exchange import Request, inflated
from driftwatch.wire.inference import InferenceFormat, usable_id

if TYPE_CHECKING:
    from driftwatch.capture.proxy.heads import RequestHead

ID_HEADERS = ("x-request-id", "ce-id", "seldon-puid", "x-amzn-sagemaker-inference-id")
"""Where ids are looked for behind the body's own, in this order: in the request, then in the answer."""
PREDICTION_ID_HEADER = "x-driftwatch-prediction-id"

_LONGEST_LOOKED_INTO = 64 * 1024


Field = tuple[bytes, bytes, bytes]
"""A header: its name in lower case, its value, and its line as it came."""


class Head(Protocol):
    """What a message begins with."""

    @property
    def fields(self) -> Sequence[Field]:
        """Its headers."""
        ...


class Asked(Head, Protocol):
    """What a request begins with."""

    @property
    def path(self) -> str:
        """Without the query."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TapRules:
    """What is copied.

    Attributes
    ----------
    formats
        By name; the first that knows a request reads it.
    most_bytes
        Of a request's body, and of an answer's; also after inflation.
    served_as
        The model's name in paths that have one; None takes every model's.
    id_headers
        Names in lower case.
    """

    formats: Mapping[str, InferenceFormat]
    most_bytes: int = 2**20
    served_as: str | None = None
    id_headers: Sequence[str] = ID_HEADERS

    def tapper(self) -> Callable[[RequestHead], Tap | None]:
        """Makes a copy's place for a request that may be a prediction, and None for any other."""
        routes = [one.route for one in self.formats.values()]
        served_as = self.served_as

        def tap(head: RequestHead) -> Tap | None:
            if head.method != b"POST":
                return None
            path = head.path
            for route in routes:
                found = route.fullmatch(path)
                if found is not None:
                    named = found.groupdict().get("model")
                    if served_as is None or named is None or named == served_as:
                        return Tap(self, head)
            return None

        return tap


class Tap:
    """Copies one exchange."""

    __slots__ = ("_asked", "_asked_bytes", "_rules", "_told", "_told_bytes", "answer_fields", "head", "prediction_id")

    def __init__(self, rules: TapRules, head: Asked) -> None:
        self._rules = rules
        self.head = head
        self.answer_fields: Sequence[Field] = ()
        self.prediction_id = ""
        self._asked: list[bytes] = []
        self._told: list[bytes] = []
        self._asked_bytes = self._told_bytes = 0

    def asked(self, piece: bytes) -> None:
        """Take a piece of the request's body."""
        self._asked_bytes += len(piece)
        if self._asked_bytes <= self._rules.most_bytes:
            self._asked.append(piece)
        else:
            self._asked = []

    def told(self, piece: bytes) -> None:
        """Take a piece of the answer's body."""
        self._told_bytes += len(piece)
        if self._told_bytes <= self._rules.most_bytes:
            self._told.append(piece)
        else:
            self._told = []

    @property
    def is_whole(self) -> bool:
        """Whether nothing had to be left out."""
        return max(self._asked_bytes, self._told_bytes) <= self._rules.most_bytes

    @property
    def size_bytes(self) -> int:
        """How many bytes are copied."""
        return self._asked_bytes + self._told_bytes

    @property
    def wants_answer(self) -> bool:
        """Whether the answer is of use."""
        return self._asked_bytes <= self._rules.most_bytes

    def answered(self, head: Head) -> None:
        """The answer begins: from here on the prediction has an id."""
        self.answer_fields = head.fields
        try:
            found = self._id_in_body() or self._id_in_headers()
        except Exception:  # noqa: BLE001 - a defect in a decoder is no reason not to pass an answer on
            found = None
        self.prediction_id = found or uuid7()

    def bodies(self) -> tuple[bytes, bytes]:
        """What was asked and told."""
        return b"".join(self._asked), b"".join(self._told)

    def _id_in_headers(self) -> str | None:
        for fields in (self.head.fields, self.answer_fields):
            by_name = {name: value for name, value, _ in fields}
            for wanted in self._rules.id_headers:
                found = usable_id(by_name.get(wanted.encode(), b"").decode("latin-1"))
                if found is not None:
                    return found
        return None

    def _id_in_body(self) -> str | None:
        if not self._asked or self._asked_bytes > _LONGEST_LOOKED_INTO:
            return None
        headers = text_headers(self.head.fields)
        try:
            body = inflated(headers, b"".join(self._asked), _LONGEST_LOOKED_INTO)
        except EventError:
            return None
        request = Request(self.head.path, headers, body)
        for one in self._rules.formats.values():
            if one.route.fullmatch(request.path) is not None:
                found = one.request_id(request)
                if found is not None:
                    return found
        return None


def text_headers(fields: Sequence[Field]) -> dict[str, str]:
    """Headers by name, the last of equal names."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value, _ in fields}


__all__ = ["ID_HEADERS", "PREDICTION_ID_HEADER", "Tap", "TapRules", "text_headers"]
