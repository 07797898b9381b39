"""Segments of a reference: baselines of their own over the cells of all rows."""

from __future__ import annotations

import numpy as np
import pytest

from driftwatch.core.baseline import Baseline
from driftwatch.core.evidence import EvidenceMemory, FalseAlarmBudget
from driftwatch.core.frames import to_table
from driftwatch.core.judge import judge_inputs
from driftwatch.core.policy import JudgePolicy
from driftwatch.core.profile import Profile
from driftwatch.core.records import Status
from driftwatch.errors import ReferenceDataError

ROWS = 6_000


def rows(count: int = ROWS, seed: int = 1, days: float = 30.0) -> dict[str, np.ndarray]:
    """Germany pays more and is predicted worse; the column of countries is known beforehand of a segment."""
    rng = np.random.default_rng(seed)
    country = rng.choice(["DE", "FR", "rare"], count, p=[0.6, 0.395, 0.005])
    amount = rng.gamma(4.0, np.where(country == "DE", 200.0, 100.0))
    noise = rng.normal(0.0, np.where(country == "DE", 20.0, 5.0))
    return {
        "amount": amount,
        "country": country,
        "p": amount / 8,
        "y": amount / 8 + noise,
        "t": (np.datetime64("2026-01-05") + (np.arange(count) * days * 86_400 / count).astype("timedelta64[s]")),
    }


def fitted(given: dict[str, np.ndarray] | None = None, **options) -> Baseline:
    said = {"task": "regression", "label": "y", "prediction": "p", "timestamp": "t", "segments": ["country"]}
    return Baseline.fit(rows() if given is None else given, **(said | options))


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    return fitted()


def of(given: dict[str, np.ndarray], country: str) -> dict[str, np.ndarray]:
    return {name: values[given["country"] == country] for name, values in given.items()}


def test_a_segment_has_the_counts_of_its_own_rows_over_the_cells_of_all(baseline: Baseline) -> None:
    part, own = baseline.segments["country=DE"], of(rows(), "DE")
    assert part.layout == baseline.layout
    assert part.n_rows == len(own["amount"])
    alone = Profile.of(baseline, to_table(own, baseline.schema))
    for name, column in part.columns.items():
        np.testing.assert_array_equal(column.counts, alone.columns[name].counts)
        assert column.moments == alone.columns[name].moments


def test_a_segment_with_too_few_rows_is_none(baseline: Baseline) -> None:
    assert list(baseline.segments) == ["country=DE", "country=FR"]


def test_a_segment_has_the_quality_of_its_own_rows(baseline: Baseline) -> None:
    losses = {name: part.performance.loss.value for name, part in baseline.segments.items()}
    for country in ("DE", "FR"):
        own = of(rows(), country)
        assert losses[f"country={country}"] == pytest.approx(np.abs(own["y"] - own["p"]).mean())


def test_the_quality_of_a_segment_is_measured_on_held_out_rows_that_say_which_they_are() -> None:
    held_out = rows(2_000, seed=2)
    part = fitted(evaluation=held_out).segments["country=FR"]
    own = of(held_out, "FR")
    assert part.performance.loss.value == pytest.approx(np.abs(own["y"] - own["p"]).mean())
    del held_out["country"]
    unsaid = fitted(evaluation=held_out)
    assert unsaid.segments["country=FR"].performance is None
    assert any("country=DE, country=FR is not known" in notice for notice in unsaid.notices)


def test_the_natural_variation_of_a_segment_is_that_of_its_own_windows() -> None:
    """In France every other day has twice the amounts; in Germany no day is unlike another."""
    given = rows()
    odd = (given["t"].astype("datetime64[D]").astype(int) % 2).astype(bool) & (given["country"] == "FR")
    given["amount"] = np.where(odd, 2.0 * given["amount"], given["amount"])
    found = fitted(given).segments
    days = {name: part.natural.tolerance("amount", "ks", 86_400) for name, part in found.items()}
    assert days["country=FR"] > 0.15
    assert days["country=DE"] < 0.1


def test_segments_survive_the_document(baseline: Baseline) -> None:
    back = Baseline.from_json(baseline.to_json())
    assert list(back.segments) == list(baseline.segments)
    for name, part in baseline.segments.items():
        found = back.segments[name]
        assert (found.n_rows, found.performance, found.natural) == (part.n_rows, part.performance, part.natural)
        for column, expected in part.columns.items():
            np.testing.assert_array_equal(found.columns[column].counts, expected.counts)
            np.testing.assert_array_equal(found.columns[column].psi_starts, expected.psi_starts)
            assert found.columns[column].moments == expected.moments


def test_a_baseline_without_segments_has_none_and_says_nothing_of_them() -> None:
    assert "segments" not in fitted(segments=()).to_json()


def test_batches_give_the_segments_of_one_frame(baseline: Baseline) -> None:
    given = rows()
    parts = [{name: values[at : at + 1_000] for name, values in given.items()} for at in range(0, ROWS, 1_000)]
    batched = Baseline.fit_batches(
        parts, task="regression", label="y", prediction="p", timestamp="t", segments=["country"]
    )
    for name, part in baseline.segments.items():
        assert batched.segments[name].natural == part.natural
        for column, expected in part.columns.items():
            np.testing.assert_array_equal(batched.segments[name].columns[column].counts, expected.counts)


def test_added_rows_go_to_their_segments(baseline: Baseline) -> None:
    more = rows(1_000, seed=9)
    extended = baseline.partial_fit(more).segments["country=FR"]
    assert extended.n_rows == baseline.segments["country=FR"].n_rows + np.count_nonzero(more["country"] == "FR")
    assert extended.columns["amount"].n == extended.n_rows
    assert extended.performance.sums.n == extended.n_rows


@pytest.mark.parametrize(("column", "says"), [("amount", "categorical"), ("nobody", "nobody"), ("t", "not measured")])
def test_a_column_that_makes_no_segments_is_refused(column: str, says: str) -> None:
    with pytest.raises(ReferenceDataError, match=says):
        fitted(segments=[column])


def test_numbers_that_are_counted_by_name_make_segments() -> None:
    given = rows()
    given["tier"] = np.where(given["country"] == "DE", 1, 2)
    assert list(fitted(given, categorical=["tier"], segments=["tier"]).segments) == ["tier=1", "tier=2"]


def test_live_rows_of_a_segment_are_like_its_reference_and_unlike_all_rows(baseline: Baseline) -> None:
    live = Profile.of(baseline, to_table(of(rows(3_000, seed=5), "DE"), baseline.schema))
    policy = JudgePolicy(budget=FalseAlarmBudget(windows=1_000.0))
    alike = judge_inputs(baseline.segments["country=DE"], live, EvidenceMemory(), policy, None)
    unlike = judge_inputs(baseline, live, EvidenceMemory(), policy, None)
    assert {one.status for one in alike.verdicts} == {Status.OK}
    assert unlike.verdicts[0].status is Status.DRIFT
