"""Many small calls as few large ones: a thousand one-row arrays are read as one array of a thousand rows.

What runs in the background takes time from the model all the same, since Python runs one thread at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from driftwatch.capture.events import NOTHING_GIVEN, Call, Given
from driftwatch.capture.rows import ArrayForm, Form

Paired = tuple[Call, Call | None]
"""A call, and another method's call on the same rows."""


def paired(calls: Iterable[Call]) -> list[Paired]:
    """Each call with another method's call on the same rows, where both are here."""
    by_rows: dict[object, list[Call]] = {}
    for call in calls:
        by_rows.setdefault(call.first if call.given.ids is None else call.given.ids, []).append(call)
    return [(group[0], None) if len(group) == 1 else _best_two(group) for group in by_rows.values()]


def _best_two(calls: list[Call]) -> Paired:
    """The first call of the kind that says most, and of the next kind: a decision adds nothing to these."""
    first = min(calls, key=lambda call: call.answer)
    others = [call for call in calls if call.answer is not first.answer]
    return first, min(others, key=lambda call: call.answer, default=None)


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
    given = Given(
        ids=tuple(one for call in calls for one in call.prediction_ids()),
        event_times=tuple(moment for call in calls for moment in (call.time_ns / 1e9,) * call.n_rows),
    )
    first = calls[0]
    count = sum(call.n_rows for call in calls)
    data, form = _end_to_end([call.data or b"" for call in calls], first.form, count)
    result_data, result_form = _end_to_end([call.result_data or b"" for call in calls], first.result_form, count)
    return Call(
        first.target, first.answer, data, form, result_data, result_form, count, count, first.time_ns, 0, given, 0
    )


def _end_to_end(arrays: list[bytes], form: Form | None, total: int) -> tuple[bytes, ArrayForm]:
    assert isinstance(form, ArrayForm)
    data = b"".join(arrays)
    return data, ArrayForm(form.dtype, (total, *form.shape[1:]), total, len(data))


def _kind(pair: Paired) -> object:
    """Equal for calls that can be read as one; None for a call that cannot."""
    call, partner = pair
    kind = _kind_of(call)
    if kind is None or partner is None:
        return kind
    other = _kind_of(partner)
    return None if other is None else (kind, other)


def _kind_of(call: Call) -> object:
    form, result = call.form, call.result_form
    if (
        not isinstance(form, ArrayForm)
        or not isinstance(result, ArrayForm)
        or call.given is not NOTHING_GIVEN
        or not call.n_rows == call.kept == form.shape[0] == result.shape[0]
    ):
        return None
    return id(call.target), call.answer, form.dtype, form.shape[1:], result.dtype, result.shape[1:]


__all__ = ["Paired", "as_one", "grouped", "paired"]
