"""Which columns drift and matter, and by how much, in a sentence."""

from __future__ import annotations

import numpy as np

import driftwatch
from driftwatch.core.impact import impacts


def frame(n: int, seed: int, **moved: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    pro = 0.3 + moved.get("plan", 0.0)
    return {
        "age": rng.normal(40.0 + moved.get("age", 0.0), 10.0, n),
        "height": rng.normal(170.0 + moved.get("height", 0.0), 8.0, n),
        "noise": rng.normal(0.0, 1.0 + moved.get("noise", 0.0), n),
        "plan": rng.choice(["free", "pro"], n, p=[1.0 - pro, pro]),
    }


IMPORTANCE = {"age": 0.6, "height": 0.3, "plan": 0.05, "noise": 0.05}


def test_columns_that_drift_and_matter_come_first_with_direction_and_size() -> None:
    baseline = driftwatch.Baseline.fit(frame(8_000, 1), importance=IMPORTANCE)
    report = driftwatch.compare(baseline, frame(4_000, 2, age=4.0, height=-8.0, plan=0.4, noise=1.0))
    found = {one.column: one for one in report.impacts}
    assert [one.column for one in report.impacts][:2] in (["age", "height"], ["height", "age"])
    assert [one.matters for one in report.impacts] == [True, True, False, False]
    assert found["height"].text.startswith("height is lower: mean 169.9 -> 16")
    assert "standard deviations down. It has 30 % of the importance." in found["height"].text
    assert found["noise"].text.startswith("noise is spread wider: standard deviation 0.98")
    assert "plan has another mix: more pro, fewer free, " in found["plan"].text
    assert "pro 30 % -> 7" in found["plan"].text or "free 70 % -> 3" in found["plan"].text


def test_the_order_is_drift_times_importance() -> None:
    baseline = driftwatch.Baseline.fit(
        frame(8_000, 1), importance={"age": 0.4, "height": 0.4, "plan": 0.1, "noise": 0.1}
    )
    report = driftwatch.compare(baseline, frame(4_000, 2, age=3.0, height=12.0))
    first, second = report.impacts
    assert (first.column, second.column) == ("height", "age")
    assert first.impact == first.importance * first.beyond > second.impact


def test_without_importance_all_may_matter_and_the_farthest_comes_first() -> None:
    report = driftwatch.compare(frame(8_000, 1), frame(4_000, 2, age=4.0, height=16.0))
    assert [(one.column, one.importance, one.matters) for one in report.impacts] == [
        ("height", None, True),
        ("age", None, True),
    ]
    assert "importance" not in report.impacts[0].text


def test_nothing_drifts_nothing_is_said() -> None:
    report = driftwatch.compare(frame(8_000, 1), frame(4_000, 2))
    assert report.impacts == ()
    assert report.baseline is not None
    assert report.profile is not None
    assert impacts(report.baseline, report.profile, (), ()) == ()


def test_a_column_whose_data_is_off_says_so() -> None:
    baseline = driftwatch.Baseline.fit(frame(8_000, 1), importance=IMPORTANCE)
    live = frame(4_000, 2)
    live["age"][:1_000] = np.nan
    (one,) = driftwatch.compare(baseline, live).impacts
    assert one.text == "age is off: missing 0 % -> 25 %. It has 60 % of the importance."
