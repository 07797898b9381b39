"""Labelled rows against those without a label."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import stats

from driftwatch.core.baseline import Baseline
from driftwatch.core.frames import to_table
from driftwatch.core.profile import Profile
from driftwatch.core.selection import answers_of, compared_labelled

LEVEL = 0.02


def rows(n: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    score = 1.0 / (1.0 + np.exp(-x))
    said = np.where(score > 0.6, "granted", np.where(score > 0.5, "asked", "refused"))
    return {"x": x, "said": said, "score": score, "y": np.where(rng.random(n) < score, "granted", "refused")}


@cache
def baseline() -> Baseline:
    given = rows(5_000, 1)
    given["said"] = np.where(given["said"] == "asked", "granted", given["said"])
    return Baseline.fit(given, label="y", prediction="said", score="score", task="binary")


def compared(given: dict[str, np.ndarray], chosen: np.ndarray, level: float = LEVEL):
    table = to_table({name: values for name, values in given.items() if name != "y"}, baseline().schema)
    answers = answers_of(baseline())
    labelled = Profile.of(answers, table.take(chosen))
    found = compared_labelled(baseline(), Profile.of(baseline(), table), labelled, level=level)
    return {one.column: one for one in found}


def test_the_answers_are_predictions_and_scores():
    assert list(answers_of(baseline()).columns) == ["said", "score"]
    assert answers_of(baseline()) is answers_of(baseline())


def test_labels_that_come_at_random_are_notable_no_more_often_than_the_level_says():
    rng = np.random.default_rng(2)
    small = notable = 0
    for seed in range(400):
        n = 400
        found = compared(rows(n, 100 + seed), rng.random(n) < 0.4, level=0.1)
        small += any(one.p_value <= 0.1 / 2 for one in found.values())
        notable += any(one.is_notable for one in found.values())
    assert notable <= small <= stats.binom.ppf(0.999, 400, 0.1)


@pytest.mark.parametrize("column", ["said", "score"])
def test_labels_of_granted_cases_alone_are_notable(column: str):
    given = rows(2_000, 3)
    found = compared(given, given["said"] == "granted")[column]
    assert found.is_notable
    assert found.score > 0.5
    assert (found.labelled, found.unlabelled) == (
        np.count_nonzero(given["said"] == "granted"),
        np.count_nonzero(given["said"] != "granted"),
    )
    assert column in found.text


def test_a_name_that_the_reference_never_had_counts_too():
    given = rows(2_000, 4)
    assert compared(given, given["said"] != "asked")["said"].is_notable


def test_a_difference_that_hardly_matters_is_not_notable_however_sure():
    given = rows(200_000, 5)
    chance = np.random.default_rng(6).random(200_000)
    found = compared(given, chance < np.where(given["score"] > 0.5, 0.51, 0.49))["score"]
    assert found.p_value < 1e-9
    assert not found.is_notable


def test_the_p_value_is_that_of_the_two_samples():
    given = rows(3_000, 7)
    chosen = np.random.default_rng(8).random(3_000) < 0.3
    column = baseline().columns["score"]
    table = to_table({name: values for name, values in given.items() if name != "y"}, baseline().schema)
    counts = [
        column.psi_counts(Profile.of(baseline(), table.take(side)).columns["score"].counts)
        for side in (chosen, ~chosen)
    ]
    expected = stats.chi2_contingency(np.array(counts), correction=False).pvalue
    assert compared(given, chosen)["score"].p_value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n_labelled", [0, 29, 171, 200])
def test_few_rows_on_either_side_say_nothing(n_labelled: int):
    assert compared(rows(200, 9), np.arange(200) < n_labelled) == {}


def test_more_labels_than_rows_say_nothing():
    table = to_table({name: values for name, values in rows(200, 10).items() if name != "y"}, baseline().schema)
    labelled = Profile.of(answers_of(baseline()), table)
    whole = Profile.of(baseline(), table.take(np.arange(100)))
    assert compared_labelled(baseline(), whole, labelled, level=LEVEL) == ()
