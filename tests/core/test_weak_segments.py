"""Weak segments: what is planted is found and said in words; where nothing is weak, nothing is reported."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import driftwatch
from driftwatch.core.records import Task
from driftwatch.core.row_loss import LabelledRows, row_losses
from driftwatch.core.table import Names, Numbers, Table
from driftwatch.core.weak_segments import ERROR_RATE, find_weak_segments


def features(rng: np.random.Generator, n: int) -> Table:
    return Table(
        {
            **{f"x{at}": Numbers(rng.normal(size=n)) for at in range(5)},
            "skew": Numbers(rng.lognormal(0.0, 2.0, n)),
            "count": Numbers(rng.poisson(2.0, n).astype(float)),
            "gaps": Numbers(np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n))),
            "plan": Names.of(rng.choice(["a", "b", "c", "d"], n, p=[0.5, 0.3, 0.15, 0.05]).tolist()),
            "city": Names.of(rng.choice([f"c{at}" for at in range(200)], n).tolist()),
        },
        n,
    )


def losses(kind: str, rng: np.random.Generator, weak: np.ndarray, strength: float) -> np.ndarray:
    n = len(weak)
    if kind == "errors":
        return (rng.random(n) < np.where(weak, 0.15 * strength, 0.15)).astype(float)
    drawn = rng.normal(size=n) if kind == "normal" else rng.standard_t(2.2, size=n)
    return np.abs(drawn) * np.where(weak, strength, 1.0)


@pytest.mark.parametrize("kind", ["errors", "normal", "heavy tails"])
def test_where_no_segment_is_weak_one_is_reported_at_most_at_the_stated_rate(kind: str) -> None:
    """200 data sets each; more reports than 7 have a probability of 1 in 1,000 at the stated rate."""
    reported = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        n = int(rng.choice([400, 1_000, 3_000]))
        reported += bool(find_weak_segments(features(rng, n), losses(kind, rng, np.zeros(n, dtype=bool), 1.0)).segments)
    assert reported <= stats.binom.isf(0.001, 200, ERROR_RATE)


@pytest.mark.parametrize(("kind", "strength"), [("errors", 2.5), ("normal", 2.0), ("heavy tails", 3.0)])
def test_a_planted_segment_is_found_and_named(kind: str, strength: float) -> None:
    found = 0
    for seed in range(20):
        rng = np.random.default_rng(500 + seed)
        table = features(rng, 10_000)
        plan, x2 = np.array(table["plan"].to_list()), table["x2"].values
        weak = (plan == "c") & (x2 > 0.0)
        segments = find_weak_segments(table, losses(kind, rng, weak, strength)).segments
        found += any({"plan", "x2"} <= set(one.columns) and one.ratio > 1.5 for one in segments)
    assert found >= 17


def test_it_says_in_words_which_rows_and_how_much_worse() -> None:
    rng = np.random.default_rng(3)
    table = features(rng, 8_000)
    weak = np.array(table["plan"].to_list()) == "d"
    loss = losses("errors", rng, weak, 3.0)
    (one, *rest) = find_weak_segments(table, loss, measure="error_rate").segments
    assert rest == []
    assert one.text == "plan in d"
    # What is reported is of the half that was not searched: near, not equal to, that of all rows.
    assert one.loss == pytest.approx(loss[weak].mean(), abs=0.1)
    assert one.elsewhere == pytest.approx(loss[~weak].mean(), abs=0.02)
    assert one.share == pytest.approx(weak.mean(), abs=0.01)


def test_missing_values_can_be_a_segment() -> None:
    rng = np.random.default_rng(4)
    table = features(rng, 6_000)
    weak = np.isnan(table["gaps"].values)
    (one,) = find_weak_segments(table, losses("normal", rng, weak, 2.0)).segments
    assert one.text == "gaps is missing"


def test_a_small_difference_is_nothing_to_act_on_however_sure() -> None:
    rng = np.random.default_rng(5)
    table = features(rng, 50_000)
    weak = table["x1"].values > 0.0
    assert find_weak_segments(table, losses("normal", rng, weak, 1.15)).segments == ()


def test_the_p_value_of_errors_is_fisher_s() -> None:
    rng = np.random.default_rng(6)
    n = 4_000
    table = Table({"half": Names.of(np.where(np.arange(n) % 2, "odd", "even").tolist())}, n)
    loss = (rng.random(n) < np.where(np.arange(n) % 2, 0.3, 0.1)).astype(float)
    (one,) = find_weak_segments(table, loss).segments
    held = one.rows
    others = 2_000 - held
    wrong, right = round(one.loss * held), held - round(one.loss * held)
    outside = round(one.elsewhere * others)
    expected = stats.fisher_exact([[wrong, right], [outside, others - outside]], alternative="greater").pvalue
    assert one.p_value == pytest.approx(expected, rel=1e-9)


def test_too_few_rows_and_columns_of_one_value() -> None:
    few = find_weak_segments(Table({"x": Numbers(np.arange(50.0))}, 50), np.ones(50))
    assert few.segments == ()
    assert few.note == "50 labelled rows are too few: 200 are needed."
    constant = Table({"x": Numbers(np.ones(500)), "n": Names.of(["a"] * 500), "m": Numbers(np.full(500, np.nan))}, 500)
    assert find_weak_segments(constant, np.random.default_rng(1).random(500)).segments == ()
    assert find_weak_segments(Table({}, 500), np.zeros(500)).segments == ()


def test_rows_without_a_label_are_left_out() -> None:
    rng = np.random.default_rng(7)
    table = features(rng, 6_000)
    loss = losses("normal", rng, np.array(table["plan"].to_list()) == "b", 2.0)
    some = np.where(rng.random(6_000) < 0.5, np.nan, loss)
    found = find_weak_segments(table, some)
    assert found.rows == int(np.isfinite(some).sum())
    assert [one.text for one in found.segments] == ["plan in b"]


def test_losses_of_rows() -> None:
    numbers = row_losses(
        Task.REGRESSION, Numbers(np.array([1.0, np.nan, np.inf, 5.0])), Numbers(np.array([3.0, 1, 1, 5]))
    )
    assert numbers.tolist()[0] == 2.0
    assert np.isnan(numbers[1:3]).all()
    assert numbers[3] == 0.0
    named = row_losses(Task.MULTICLASS, Names.of(["a", "b", "x", None]), Names.of(["a", "c", "x", "a"]))
    assert named[:3].tolist() == [0.0, 1.0, 0.0]
    assert np.isnan(named[3])


def live(n: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    age, plan, y = rng.uniform(18, 80, n), rng.choice(["free", "pro"], n), rng.random(n) < 0.5
    wrong = rng.random(n) < np.where((plan == "pro") & (age > 60), 0.5, 0.1)
    return {"age": age, "plan": plan, "y": y.astype(int), "y_pred": np.where(wrong, ~y, y).astype(int)}


def test_compare_finds_them_in_a_frame_and_in_parts_alike() -> None:
    baseline = driftwatch.Baseline.fit(live(3_000, 1), label="y", prediction="y_pred")
    whole = live(6_000, 2)
    report = driftwatch.compare(baseline, whole, weak_segments=True)
    assert report.weak is not None
    (one,) = report.weak.segments
    assert set(one.columns) == {"age", "plan"}
    parts = ({name: values[at : at + 500] for name, values in whole.items()} for at in range(0, 6_000, 500))
    assert driftwatch.compare(baseline, parts, weak_segments=True).weak == report.weak
    assert driftwatch.compare(baseline, whole).weak is None
    assert '"weak_segments"' in report.to_json()
    assert "Weak segments" in report.to_html()


def test_a_baseline_without_predictions_cannot_tell() -> None:
    with pytest.raises(driftwatch.errors.InputError, match="no prediction or no label"):
        LabelledRows(driftwatch.Baseline.fit({"x": np.arange(100.0)}).schema)
