"""What predictions are worth, a chosen positive class, and the user's own measures."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics

import driftwatch
from driftwatch.core.baseline import Baseline
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.performance.business_value import business_value, measured, value_matrix
from driftwatch.core.performance.own import OwnSums
from driftwatch.errors import MeasureError, ReferenceDataError

WORTH = {"fraud": {"fine": -500.0, "fraud": 80.0}, "fine": {"fraud": -5.0}}
OPTIONS = {"label": "y", "prediction": "said", "score": "score", "task": "binary"}


def rows(n: int = 3_000, seed: int = 1, unlabelled: float = 0.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    score = np.round(rng.beta(0.6, 2.5, n), 3)
    label = np.where(rng.random(n) < score, "fraud", "fine").astype(object)
    label[rng.random(n) < unlabelled] = None
    return {
        "amount": rng.gamma(2.0, 50.0, n),
        "y": label,
        "said": np.where(score > 0.4, "fraud", "fine"),
        "score": score,
    }


def test_business_value_is_the_mean_of_the_rows_values_with_the_error_of_a_mean():
    given = rows()
    baseline = Baseline.fit(given, **OPTIONS, values=WORTH)
    value = measured(baseline.schema, baseline.performance.sums)["business_value"]
    worth = np.array([WORTH[y].get(said, 0.0) for y, said in zip(given["y"], given["said"], strict=True)])
    assert value.value == pytest.approx(worth.mean(), rel=1e-12)
    assert value.standard_error == pytest.approx(worth.std(ddof=1) / np.sqrt(len(worth)), rel=1e-9)
    assert value.n == len(worth)
    again = Baseline.from_json(baseline.to_json())
    assert again.schema.values == baseline.schema.values == ((0.0, -5.0), (-500.0, 80.0))


def test_a_name_that_is_no_class_has_no_value():
    given = rows(100)
    given["said"] = np.where(given["amount"] > 100.0, "odd", given["said"])
    report = driftwatch.compare(Baseline.fit(rows(), **OPTIONS, values=WORTH), given)
    assert np.isnan(measured(report.baseline.schema, report.sums)["business_value"].value)
    assert np.isnan(
        business_value(PerformanceSums.empty(report.sums.task, report.sums.classes), ((0, 0), (0, 0))).value
    )


@pytest.mark.parametrize("values", [{"frod": {"fine": 1.0}}, {"fraud": {"fin": 1.0}}, {"fraud": {"fine": np.inf}}])
def test_values_that_fit_no_class_are_refused(values):
    with pytest.raises(ReferenceDataError, match=r"values: .*(none of the classes|not finite)"):
        Baseline.fit(rows(), **OPTIONS, values=values)


def test_altered_values_are_refused():
    document = json.loads(Baseline.fit(rows(200), **OPTIONS, values=WORTH).to_json())
    with pytest.raises(ValueError, match="classes"):
        value_matrix({"a": {}}, ("b",))
    assert document["baseline"]["schema"]["values"] == [[0.0, -5.0], [-500.0, 80.0]]


def test_the_positive_class_is_the_chosen_one():
    given = rows()
    given["score"] = 1.0 - given["score"]
    chosen = Baseline.fit(given, **OPTIONS, positive="fine")
    found = chosen.performance.sums.measures()
    assert chosen.schema.classes == ("fraud", "fine")
    assert found["recall"].value == metrics.recall_score(given["y"].astype(str), given["said"], pos_label="fine")
    assert found["roc_auc"].value == pytest.approx(
        metrics.roc_auc_score(given["y"] == "fine", given["score"]), abs=found["roc_auc"].error_bound + 1e-12
    )
    assert Baseline.from_json(chosen.to_json()).schema.classes == ("fraud", "fine")


def test_a_positive_class_that_is_none_is_refused():
    with pytest.raises(ReferenceDataError, match="positive: 'good' is none of the classes"):
        Baseline.fit(rows(), **OPTIONS, positive="good")
    with pytest.raises(ReferenceDataError, match="positive: only a binary model"):
        Baseline.fit({"x": np.arange(9.0)}, positive="good")


def lost(given):
    """A number a row, which looks at a feature."""
    return np.where((given["y"] == "fraud") & (given["said"] == "fine"), given["amount"], 0.0)


def test_an_own_measure_is_the_mean_of_its_numbers_over_labelled_rows():
    live = rows(2_000, seed=2, unlabelled=0.25)
    report = driftwatch.compare(Baseline.fit(rows(), **OPTIONS), live, measures={"lost": lost})
    known = np.array([one is not None for one in live["y"]])
    expected = lost({name: column[known] for name, column in live.items()})
    found = report.sums.measures()["lost"]
    assert found.value == pytest.approx(expected.mean(), rel=1e-12)
    assert found.standard_error == pytest.approx(expected.std(ddof=1) / np.sqrt(known.sum()), rel=1e-9)
    assert found.n == known.sum()
    assert json.loads(report.to_json())["quality"]["measures"]["lost"]["labels"] == known.sum()
    assert "lost" in report.to_html()


def test_an_own_measure_of_all_rows_has_an_interval_by_resampling():
    def top(given):
        return np.quantile(given["amount"][given["y"] == "fraud"], 0.9)

    live = rows(2_000, seed=2)
    report = driftwatch.compare(Baseline.fit(rows(), **OPTIONS), live, measures={"top": top})
    found = report.own["top"]
    assert found.value == top(live)
    assert found.lower < found.value < found.upper
    assert 0.5 < (found.upper - found.lower) / found.standard_error / 3.92 < 1.5
    with pytest.raises(MeasureError, match="top: it gives one number for all rows, and these come in parts"):
        driftwatch.compare(Baseline.fit(rows(), **OPTIONS), iter([live, live]), measures={"top": top})


def test_own_measures_of_parts_add_up():
    baseline = Baseline.fit(rows(), **OPTIONS)
    parts = [rows(500, seed=3), rows(700, seed=4)]
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    added = driftwatch.compare(baseline, iter(parts), measures={"lost": lost}).sums
    assert added == driftwatch.compare(baseline, whole, measures={"lost": lost}).sums
    assert PerformanceSums.from_bytes(added.to_bytes()) == added


@pytest.mark.parametrize(
    ("measure", "says"),
    [
        (lambda given: given["nothing"], "odd: the measure failed .KeyError: 'nothing'."),
        (lambda given: np.zeros((2, 2)), r"odd: the measure failed .ValueError: it gave numbers of shape \(2, 2\)"),
    ],
)
def test_an_own_measure_that_fails_is_named(measure, says):
    with pytest.raises(MeasureError, match=says):
        driftwatch.compare(Baseline.fit(rows(), **OPTIONS), rows(100, seed=5), measures={"odd": measure})
    with pytest.raises(MeasureError, match="driftwatch has a measure of this name"):
        driftwatch.compare(Baseline.fit(rows(), **OPTIONS), rows(100, seed=5), measures={"recall": lost})


def test_what_was_never_counted_is_let_go_when_it_is_taken_out():
    sums = driftwatch.compare(Baseline.fit(rows(), **OPTIONS), rows(50, seed=6)).sums
    assert (sums - sums.with_own({"late": OwnSums(3, 4, 5)})).own == ()


def test_labels_of_some_cases_alone_are_told_in_the_report():
    live = rows(3_000, seed=7)
    live["y"] = np.where((live["amount"] > 100.0) & (np.arange(3_000) % 2 == 0), live["y"], None)
    report = driftwatch.compare(Baseline.fit(rows(), **OPTIONS), live)
    assert {one.column for one in report.selection if one.is_notable} == {"amount"}
    notice = "Rows with labels have other values of amount than those without"
    assert notice in report.to_html()
    assert notice in json.loads(report.to_json())["quality"]["notices"][0]
