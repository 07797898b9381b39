from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.capture.copying import copied
from driftwatch.capture.events import NOTHING_GIVEN, Answer, Call, Given, Target, events_of
from driftwatch.capture.grouping import as_one, grouped, paired

CLASSES = ("no", "yes")
TARGETS = tuple(
    Target(model=None, model_version=version, feature_names=None, classes=CLASSES) for version in ("1", "2")
)
ROWS = [
    np.array([[1.5, 2.5]]),
    np.array([[np.nan, np.inf]]),
    np.array([[1.5, 2.5], [3.5, 4.5]]),
    np.array([[1, 2]]),
    np.array([["DE", "a"]]),
    np.array([["a", 1.0]], dtype=object),
    [[1.5, 2.5]],
    np.array([[1.5]]),
]


@st.composite
def calls(draw: st.DrawFn) -> list[Call]:
    """Calls as a buffer holds them: of any rows, some followed by the other method's call on the same rows."""
    found: list[Call] = []
    for number in range(draw(st.integers(0, 12))):
        rows = draw(st.sampled_from(ROWS))
        count = len(rows)
        first = number * 1_000
        target = draw(st.sampled_from(TARGETS))
        facts = draw(st.sampled_from([NOTHING_GIVEN, Given(segments=("DE",))]))
        answers = draw(st.permutations(list(Answer)))[: draw(st.integers(1, 2))]
        for answer in answers:
            probabilities = np.linspace(0, 1, 2 * count).reshape(count, 2)
            result: Any = probabilities if answer is Answer.PROBABILITIES else np.arange(float(count))
            time_ns = 1_700_000_000_000_000_000 + number * 7_000_000
            found.append(
                Call(target, answer, *copied(rows, 9), *copied(result, 9), count, count, time_ns, first, facts, 0)
            )
    return found


@given(calls())
def test_calls_read_together_give_the_events_of_the_calls_read_one_by_one(recorded: list[Call]) -> None:
    together = [event for group in grouped(paired(recorded)) for event in events_of(*as_one(group))]
    one_by_one = [event for pair in paired(recorded) for event in events_of(*pair)]
    assert together == one_by_one
    assert len(together) == sum({call.first: call.n_rows for call in recorded}.values())


def test_one_row_arrays_of_a_kind_are_read_at_once() -> None:
    row, answer = copied(ROWS[0], 9), copied(np.array([1.0]), 9)
    recorded = [
        Call(TARGETS[0], Answer.PREDICTIONS, *row, *answer, 1, 1, 0, number, NOTHING_GIVEN, 0) for number in range(100)
    ]
    assert [len(group) for group in grouped(paired(recorded))] == [100]
