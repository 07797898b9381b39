"""Rows divided into declared segments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.events import PredictionBatch
from driftwatch.core.segments import ALL_ROWS, LONGEST_NAME, SegmentPlan, divided
from driftwatch.testing import prediction_batch


def batch(own: list[str] | None = None, **columns: list[Any]) -> PredictionBatch:
    n_rows = len(next(iter(columns.values()))) if columns else len(own or ())
    made = prediction_batch([f"p{row}" for row in range(n_rows)], columns=columns)
    return made if own is None else replace(made, segments=tuple(own))


def found(plan: SegmentPlan, rows: PredictionBatch) -> dict[str, list[int]]:
    return {name: chosen.tolist() for _, name, chosen in plan.of(rows).groups()}


def test_each_value_of_a_declared_column_is_a_segment_and_missing_is_none() -> None:
    rows = batch(country=["FR", "DE", None, "FR"], plan=["pro", None, "pro", "free"])
    assert found(SegmentPlan(columns=("country",)), rows) == {"country=FR": [0, 3], "country=DE": [1]}
    assert found(SegmentPlan(columns=("country", "plan")), rows) == {
        "country=FR": [0, 3], "country=DE": [1], "plan=pro": [0, 2], "plan=free": [3],
    }  # fmt: skip


def test_numbers_make_segments_by_the_name_that_they_have_everywhere() -> None:
    rows = batch(tier=[2.0, None, 1.5, 2.0])
    assert found(SegmentPlan(columns=("tier",)), rows) == {"tier=2": [0, 3], "tier=1.5": [2]}


def test_a_column_that_the_model_lacks_makes_none() -> None:
    assert found(SegmentPlan(columns=("nobody",)), batch(x=["a"])) == {}


def test_an_events_own_segment_counts_where_it_is_declared() -> None:
    rows = batch(["eu", "us", "", "eu"])
    assert found(SegmentPlan(), rows) == {}
    assert found(SegmentPlan(values=("eu",)), rows) == {"eu": [0, 3]}
    assert found(SegmentPlan(values=("any",)), rows) == {"eu": [0, 3], "us": [1]}


def test_an_events_own_segment_does_not_pass_for_that_of_a_column() -> None:
    rows = batch(["country=FR"], country=["DE"])
    assert found(SegmentPlan(columns=("country",), values=("any",)), rows) == {"country=DE": [0]}


def test_a_value_too_long_to_be_a_name_makes_no_segment() -> None:
    assert found(SegmentPlan(values=("any",)), batch(["x" * (LONGEST_NAME + 1), "y"])) == {"y": [1]}


names = st.one_of(st.none(), st.sampled_from(["DE", "FR", "a=b", "é", " "]))


@given(st.lists(st.tuples(names, names), min_size=1, max_size=30))
def test_the_texts_of_rows_hold_what_their_segments_were(values: list[tuple[str | None, str | None]]) -> None:
    plan = SegmentPlan(columns=("a", "b"))
    membership = plan.of(batch(a=[one for one, _ in values], b=[one for _, one in values]))
    expected = {(0, ALL_ROWS): list(range(len(values)))}
    expected |= {(division + 1, name): sorted(rows.tolist()) for division, name, rows in membership.groups()}
    read = {(division, name): sorted(rows.tolist()) for name, division, rows in divided(membership.texts())}
    assert read == expected


def test_segments_without_room_leave_the_texts() -> None:
    membership = SegmentPlan(columns=("a",)).of(batch(a=["x", "y", "x"]))
    kept = membership.only({"a=x"}).texts()
    assert [(name, rows.tolist()) for name, _, rows in divided(kept)] == [(ALL_ROWS, [0, 1, 2]), ("a=x", [0, 2])]


@pytest.mark.parametrize("most", [1, 7, 100])
def test_the_shares_of_all_rows_and_of_as_many_segments_as_there_may_be_add_up_to_one(most: int) -> None:
    plan = SegmentPlan(columns=("a",), most=most)
    assert plan.share(ALL_ROWS) + most * plan.share("a=x") == pytest.approx(1.0)


def test_without_segments_all_rows_have_the_whole_budget() -> None:
    assert SegmentPlan().share(ALL_ROWS) == 1.0
