"""Many small calls as few large ones: a thousand one-row arrays are read as one array of a thousand rows.

What runs in the background takes time from the model all the same, since Python runs one thread at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby

from driftwatch.capture.events import NOTHING_GIVEN, Call, Given
from driftwatch.capture.rows import ArrayRows

Paired = tuple[Call, Call | None]
"""A call, and the other method's call on the same rows."""


def paired(calls: Iterable[Call]) -> list[Paired]:
    """Each call with the other method's call on the same rows, where both are here."""
    by_rows: dict[object, list[Call]] = {}
    for call in calls:
        by_rows.setdefault(call.first if call.given.ids is None else call.given.ids, []).append(call)
    return [
        (group[0], next((other for other in group[1:] if other.answer is not group[0].answer), None))
        for group in by_rows.values()
    ]


def grouped(pairs: Iterable[Paired]) -> Iterator[list[Paired]]:
    """Runs of calls whose rows and results are arrays of the same kind; every other call by itself."""
    for kind, run in groupby(pairs, _kind):
        if kind is None:
            for pair in run:
                yield [pair]
        else:
            yield list(run)


def as_one(group: list[Paired]) -> Paired:
    """The calls of a group as one, with an id and a time for each row."""
    if len(group) == 1:
        return group[0]
    calls = [call for call, _ in group]
    one = _joined(calls)
    partners = [partner for _, partner in group if partner is not None]
    return one, _joined(partners) if partners else None


def _joined(calls: list[Call]) -> Call:
    rows = [call.rows for call in calls if isinstance(call.rows, ArrayRows)]
    results = [call.result for call in calls if isinstance(call.result, ArrayRows)]
    count = sum(call.count for call in calls)
    moments = [(datetime.fromtimestamp(call.time_ns / 1e9, UTC), call.count) for call in calls]
    given = Given(
        ids=tuple(one for call in calls for one in call.prediction_ids()),
        event_times=tuple(moment for moment, times in moments for _ in range(times)),
    )
    first = calls[0]
    return Call(
        first.target, first.answer, _end_to_end(rows), _end_to_end(results), count, count, first.time_ns, 0, given, 0
    )


def _end_to_end(arrays: list[ArrayRows]) -> ArrayRows:
    total = sum(array.shape[0] for array in arrays)
    shape = (total, *arrays[0].shape[1:])
    return ArrayRows(b"".join([array.data for array in arrays]), arrays[0].dtype, shape, total)


def _kind(pair: Paired) -> object:
    """Equal for calls that can be read as one; None for a call that cannot."""
    call, partner = pair
    kind = _kind_of(call)
    if kind is None or partner is None:
        return kind
    other = _kind_of(partner)
    return None if other is None else (kind, other)


def _kind_of(call: Call) -> object:
    rows, result = call.rows, call.result
    if (
        not isinstance(rows, ArrayRows)
        or not isinstance(result, ArrayRows)
        or call.given is not NOTHING_GIVEN
        or not call.count == call.kept == rows.shape[0] == result.shape[0]
    ):
        return None
    return id(call.target), call.answer, rows.dtype, rows.shape[1:], result.dtype, result.shape[1:]


__all__ = ["Paired", "as_one", "grouped", "paired"]
