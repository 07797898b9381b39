"""What the inference formats have in common: from a request and its answer to prediction events.

A format knows how a server's protocol is written. It does not know the model: feature names where the payload has
none, and classes where the answer has probabilities alone, come from the baseline, as `Expected`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from driftwatch.errors import EventError
from driftwatch.wire.exchange import Request, Response
from driftwatch.wire.input_table import InputTable
from driftwatch.wire.model_answers import Output, answers_of
from driftwatch.wire.native import PredictionEvent

LONGEST_ID = 240
"""Ids of requests are at most this long, so that a row's position fits behind."""

_ID = re.compile(rf"[!-~]{{1,{LONGEST_ID}}}")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Inference:
    """What a request and its answer say.

    Attributes
    ----------
    inputs, outputs
        With equally many rows, if the server did its work.
    model_version
        As the answer names it.
    """

    inputs: InputTable
    outputs: Sequence[Output]
    model_version: str | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of the model beforehand.

    Attributes
    ----------
    features
        Names in the model's order; None where they are not known.
    classes
        Names in the order of the model's probabilities; empty for regression, None where they are not known.
    """

    features: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None


NOTHING_EXPECTED = Expected()


@dataclass(frozen=True, slots=True)
class InferenceFormat:
    """One protocol of model servers.

    Attributes
    ----------
    title
        How it is called in the documentation.
    route
        Paths that may be in it: what can be said before there is a body.
    sniff
        Whether a request is in it.
    decode
        Reads a request and its answer, and raises nothing but `EventError`.
    request_id
        The id in a request's body, where the protocol has a place for it.
    """

    title: str
    route: re.Pattern[str]
    sniff: Callable[[Request], bool]
    decode: Callable[[Request, Response], Inference]
    request_id: Callable[[Request], str | None] = lambda request: None


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Prediction events, and whether their features had to be called ``x0``, ``x1`` and so on."""

    rows: list[PredictionEvent]
    unnamed: bool


def events_of(
    inference: Inference,
    expected: Expected,
    *,
    prediction_id: str,
    event_time: float,
    model_version: str | None = None,
) -> Events:
    """One event a row. The id of a lone row is ``prediction_id``, that of row i of several ``prediction_id/i``.

    Raises
    ------
    EventError
        If the answer does not fit the request.
    """
    inputs = inference.inputs
    names, unnamed = feature_names(inputs, expected)
    if not inputs.n_rows:
        return Events([], unnamed=False)
    answers = answers_of(inference.outputs, inputs.n_rows, expected.classes)
    rows = zip(*inputs.columns, strict=True) if inputs.columns else iter([()] * inputs.n_rows)
    scores: Sequence[float | dict[str, float] | None] = answers.scores or [None] * inputs.n_rows
    single = inputs.n_rows == 1
    events = [
        PredictionEvent(
            features=dict(zip(names, row, strict=True)),
            prediction=prediction,
            prediction_id=prediction_id if single else f"{prediction_id}/{position}",
            event_time=event_time,
            model_version=model_version,
            score=score,
        )
        for position, (row, prediction, score) in enumerate(zip(rows, answers.predictions, scores, strict=True))
    ]
    return Events(events, unnamed)


def feature_names(inputs: InputTable, expected: Expected) -> tuple[Sequence[str], bool]:
    """Names for the columns, and whether they had to be made up.

    The payload's, unless the baseline knows none of them and expects just as many: then the server's client called
    them something else, such as ``input-0``, and the baseline's are meant, in their order.

    Raises
    ------
    EventError
        If columns without names are not as many as the baseline has.
    """
    width = len(inputs.columns)
    known = expected.features
    if inputs.names is not None:
        if known is not None and len(known) == width and not set(known).intersection(inputs.names):
            return known, False
        return inputs.names, False
    if known is None:
        return [f"x{position}" for position in range(width)], True
    if len(known) != width and inputs.n_rows:
        raise EventError(f"The rows have {width} columns without names, and the baseline has {len(known)} features.")
    return known, False


def usable_id(value: object) -> str | None:
    """The value, if it can be an id: text of 1 to 240 visible ASCII characters.

    Examples
    --------
    >>> usable_id("a-1"), usable_id("two words"), usable_id(7), usable_id("")
    ('a-1', None, None, None)
    """
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


__all__ = [
    "LONGEST_ID",
    "NOTHING_EXPECTED",
    "Events",
    "Expected",
    "Inference",
    "InferenceFormat",
    "events_of",
    "feature_names",
    "usable_id",
]
