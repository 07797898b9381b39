"""Distributions over bins, from counts over a baseline's cells."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftwatch.core.baseline import Baseline
from driftwatch.core.frames import to_table
from driftwatch.core.profile import Profile
from driftwatch.reports.axis import Spacing
from driftwatch.reports.density import Density, density
from driftwatch.reports.figure import WIDTH, Figure
from driftwatch.reports.shares import of_absent, of_few_values, of_names


def counted(reference, live):
    baseline = Baseline.fit({"x": reference, "other": np.arange(len(reference)) % 2.0})
    table = to_table({"x": live, "other": np.zeros(len(live))}, baseline.schema)
    return baseline.columns["x"], Profile.of(baseline, table).columns["x"].counts


def drawn(reference, live) -> Density:
    found = density(*counted(reference, live))
    assert found is not None
    return found


def total(found: Density, side: str) -> float:
    return float(getattr(found, side).sum()) + sum(getattr(one, side) for one in found.apart)


numbers = st.one_of(
    st.floats(allow_subnormal=True), st.integers(-5, 40).map(float), st.sampled_from([0.0, 1e-310, -1.7e308, 1.7e308])
)


@settings(max_examples=60)
@given(st.lists(numbers, min_size=1, max_size=60), st.lists(numbers, max_size=60), st.integers(0, 30))
def test_areas_and_what_is_set_apart_add_up_to_one_and_every_coordinate_is_finite(reference, live, zeros):
    reference = [*reference, 3.5, 4.5, *[0.0] * zeros]
    column, counts = counted(np.array(reference), np.array(live, dtype=float))
    found = density(column, counts)
    assert found is not None or np.ptp([one for one in reference if np.isfinite(one)]) > 1e300
    if found is None:
        return
    assert total(found, "reference") == pytest.approx(1.0, abs=1e-9)
    assert total(found, "live") == pytest.approx(float(np.isfinite(live).any()) if live else 0.0, abs=1e-9)
    assert min(found.reference.min(), found.live.min()) > -1e-12
    figure = Figure.of(found)
    for path in (figure.reference, figure.live):
        coordinates = [float(one) for one in re.findall(r"[-\d.]+|nan|inf", path)]
        assert all(0.0 <= one <= WIDTH for one in coordinates)
        assert not path or re.fullmatch(r"M0 150([HV][\d.]+)+Z", path)
    assert all(x is None or 0.0 <= x <= WIDTH for x in figure.medians)
    assert [tick.position for tick in figure.ticks] == sorted({tick.position for tick in figure.ticks})
    assert all(0.0 <= tick.position <= 1.0 for tick in figure.ticks)


@pytest.mark.parametrize("shape", ["normal", "exponential", "integers"])
def test_bins_hold_what_numpy_counts_in_them(shape):
    rng = np.random.default_rng(4)
    draw = {
        "normal": lambda n: rng.normal(5.0, 2.0, n),
        "exponential": lambda n: rng.exponential(3.0, n),
        "integers": lambda n: rng.integers(0, 1_000, n).astype(float),
    }[shape]
    reference, live = draw(20_000), draw(4_000)
    found = drawn(reference, live)
    assert found.axis.spacing is Spacing.LINEAR
    bounds = np.linspace(found.lower, found.upper, len(found.live) + 1)
    # A bound of a bin may part the cell that it lies in at the wrong place.
    column, counts = counted(reference, live)
    for values, shares, cells in ((reference, found.reference, column.counts), (live, found.live, counts)):
        assert np.abs(np.histogram(values, bounds)[0] / len(values) - shares).max() < 1.5 * cells.max() / len(values)


def test_medians_stand_where_the_values_have_theirs():
    reference, live = np.linspace(0.0, 10.0, 5_001), np.linspace(5.0, 10.0, 2_001)
    found = drawn(reference, live)
    assert found.medians == pytest.approx((0.5, 0.75), abs=0.01)


def test_live_values_beyond_the_reference_are_set_apart_with_their_share():
    found = drawn(np.linspace(0.0, 1.0, 3_000), np.array([0.5] * 30 + [7.0] * 60 + [-1.0] * 10))
    assert (found.above.text, found.above.live, found.above.reference) == ("above 1", 0.6, 0.0)
    assert (found.below.text, found.below.live) == ("below 0", 0.1)
    assert (Figure.of(found).cut_left, Figure.of(found).cut_right) == (True, True)


@pytest.mark.parametrize(
    ("values", "spacing"),
    [
        (lambda rng: rng.lognormal(0.0, 2.0, 10_000), Spacing.LOG),
        (lambda rng: rng.standard_cauchy(10_000), Spacing.ASINH),
        (lambda rng: np.append(rng.normal(0.0, 1.0, 9_999), 1e9), Spacing.LINEAR),
        (lambda rng: np.append(rng.normal(0.0, 1.0, 9_990), np.full(10, -1e9)), Spacing.LINEAR),
    ],
    ids=["log-normal", "cauchy", "one wild value", "ten wild values"],
)
def test_heavy_tails_leave_the_middle_half_a_good_part_of_the_axis(values, spacing):
    rng = np.random.default_rng(9)
    reference = values(rng)
    found = drawn(reference, rng.permutation(reference)[:3_000])
    assert found.axis.spacing is spacing
    middle = found.axis.coordinates(np.quantile(reference, [0.25, 0.75]))
    assert (middle[1] - middle[0]) / (found.upper - found.lower) > 0.05
    assert np.count_nonzero(found.reference > 0.002) >= 8


def test_a_value_that_towers_over_all_others_is_set_apart():
    rng = np.random.default_rng(2)
    spend = np.where(rng.random(8_000) < 0.7, 0.0, rng.lognormal(3.0, 1.0, 8_000))
    found = drawn(spend, np.append(np.zeros(500), spend[spend > 0.0][:500]))
    assert [one.text for one in found.repeated] == ["exactly 0"]
    assert found.repeated[0].reference == pytest.approx(np.mean(spend == 0.0))
    assert found.repeated[0].live == 0.5
    assert max(found.heights[0].max(), found.heights[1].max()) == 1.0


def test_whole_numbers_do_not_look_like_a_comb():
    rng = np.random.default_rng(3)
    visits = rng.integers(0, 30, 20_000).astype(float)
    found = drawn(visits, visits[:5_000])
    assert found.reference[1:-1].min() > 0.6 * found.reference.max()


def test_a_constant_and_a_column_of_names_have_no_density():
    assert density(*counted(np.full(50, 5.0), np.full(50, 5.0))) is None
    assert density(*counted(["a", "b"] * 40, ["a"] * 40)) is None


def test_few_values_are_shown_one_by_one_with_what_lies_between_and_beyond():
    column, counts = counted([1.0, 2.0] * 50, [1.0] * 10 + [1.5] * 20 + [0.0] * 30 + [3.0] * 40)
    shown = {one.text: (one.reference, one.live) for one in of_few_values(column, counts)}
    assert shown == {
        "1": (0.5, 0.1),
        "2": (0.5, 0.0),
        "lower values": (0.0, 0.3),
        "values between": (0.0, 0.2),
        "higher values": (0.0, 0.4),
    }


def test_names_are_shown_by_share_and_by_how_far_they_moved_and_the_others_together():
    names = [f"n{at:02}" for at in range(30) for _ in range(100 - at)]
    live = ["n29"] * 600 + ["new"] * 200 + ["n00"] * 200
    column, counts = counted(names, live)
    shown = {one.text: one for one in of_names(column, counts)}
    assert shown["n29"].live == 0.6
    assert shown["n29"].reference == pytest.approx(71 / len(names))
    assert shown["never in the reference"].live == 0.2
    assert sum(one.reference for one in shown.values()) == pytest.approx(1.0)
    assert sum(one.live for one in shown.values()) == pytest.approx(1.0)
    assert [text for text, one in shown.items() if one.group and one.reference] == [
        f"{30 - (len(shown) - 2)} other names"
    ]


def test_missing_and_infinite_values_are_shares_of_all_rows():
    column, counts = counted(np.array([np.nan, 1.0, 2.0, 3.0] * 10), np.array([np.nan, np.nan, np.inf, 1.0]))
    assert [(one.text, one.reference, one.live) for one in of_absent(column, counts)] == [
        ("missing (of all rows)", 0.25, 0.5),
        ("not finite (of all rows)", 0.0, 0.25),
    ]
