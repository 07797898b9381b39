"""The direction of a change, in words that are true whatever the tails."""

from __future__ import annotations

import numpy as np
import pytest

from driftwatch.core.baseline import Baseline
from driftwatch.core.change import describe
from driftwatch.core.frames import to_table
from driftwatch.core.profile import Profile
from driftwatch.core.records import Direction

RNG = np.random.default_rng(2)
NORMAL = RNG.normal(10, 1, 5_000)
CAUCHY = RNG.standard_cauchy(5_000)
NAMES = ["DE"] * 500 + ["FR"] * 400 + ["IT"] * 100


def change(reference, live, **fit):
    baseline = Baseline.fit({"x": reference}, **fit)
    return describe(baseline.columns["x"], Profile.of(baseline, to_table({"x": live}, baseline.schema)).columns["x"])


@pytest.mark.parametrize(
    ("reference", "live", "direction", "words", "why"),
    [
        (NORMAL, NORMAL[:1_000], Direction.NONE, "no change", "rows of the reference itself"),
        (NORMAL, NORMAL[:1_000] + 1, Direction.UP, "mean 1", "a level that rose"),
        (NORMAL, NORMAL[:1_000] - 1, Direction.DOWN, " -> 8.9", "a level that fell"),
        (NORMAL, 10 + 2 * (NORMAL - 10), Direction.WIDER, "wider: standard deviation", "the same level, spread out"),
        (NORMAL, 10 + (NORMAL - 10) / 3, Direction.NARROWER, "narrower", "the same level, drawn together"),
        (
            np.repeat(np.arange(1.0, 9.0), 100),
            np.repeat(np.arange(1.0, 9.0), [100, 100, 190, 10, 10, 190, 100, 100]),
            Direction.RESHAPED,
            "another shape",
            "moves that cancel out",
        ),
        (CAUCHY, np.append(CAUCHY[:1_000] + 1, [-1e15]), Direction.UP, "tend to be higher", "one wild row against all"),
        (NORMAL, np.full(50, np.nan), Direction.MIX, "missing 0 % -> 100 %", "nothing but missing values"),
        (NORMAL, np.full(50, np.inf), Direction.MIX, "non-finite 0 % -> 100 %", "nothing but infinities"),
        (NORMAL, np.append(NORMAL[:90] + 2, [np.nan] * 10), Direction.UP, "missing 0 % -> 10 %; mean", "both at once"),
        (NAMES, ["DE"] * 30 + ["FR"] * 60 + ["IT"] * 10, Direction.MIX, "more FR, fewer DE", "another mix of names"),
        (NAMES, ["DE"] * 50 + ["ES"] * 50, Direction.MIX, "more new values, fewer FR and IT", "a name never seen"),
        (NAMES, NAMES, Direction.NONE, "no change", "names as they were"),
        (NAMES, [None] * 9, Direction.MIX, "missing 0 % -> 100 %", "names that are all missing"),
        (NORMAL, [], Direction.NONE, "no rows", "an empty window"),
    ],
)  # fmt: skip
def test_a_change_is_said_in_its_direction(reference, live, direction, words, why):
    found = change(reference, live)
    assert found.direction is direction, (why, found)
    assert words in found.text, why


def test_a_category_called_other_keeps_its_name():
    found = change(["other"] * 50 + ["a"] * 50, ["other"] * 50)
    assert found.text == "more other, fewer a"
