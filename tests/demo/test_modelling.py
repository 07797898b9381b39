"""A model is measured only on rows it was not fitted on."""

from __future__ import annotations

import pandas as pd
import pytest

from driftwatch.demo.flights import FEATURES, LABEL, SCHEDULED, between
from driftwatch.demo.modelling import PREDICTION, baseline_of, fit, mean_absolute_error


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


@pytest.fixture(scope="module")
def january(flights: pd.DataFrame) -> pd.DataFrame:
    return between(flights, at("2013-01-01"), at("2013-02-01"))


def test_the_hold_out_begins_where_it_is_told_to(january: pd.DataFrame) -> None:
    fitted = fit(january, holdout_from=at("2013-01-20"))
    assert fitted.train[SCHEDULED].max() < at("2013-01-20") <= fitted.holdout[SCHEDULED].min()


def test_the_hold_out_is_the_last_fifth_otherwise(january: pd.DataFrame) -> None:
    fitted = fit(january)
    assert len(fitted.holdout) / (len(fitted.train) + len(fitted.holdout)) == pytest.approx(0.2, abs=1e-4)
    assert fitted.train[SCHEDULED].max() <= fitted.holdout[SCHEDULED].min()


def test_flights_without_a_label_are_left_out(january: pd.DataFrame) -> None:
    fitted = fit(january)
    assert january[LABEL].isna().any()
    assert not fitted.train[LABEL].isna().any()
    assert not fitted.holdout[LABEL].isna().any()


def test_the_reference_error_is_that_of_the_model_which_had_not_seen_the_hold_out(january: pd.DataFrame) -> None:
    fitted = fit(january)
    assert fitted.holdout_error == mean_absolute_error(fitted.measured, fitted.holdout)
    assert mean_absolute_error(fitted.model, fitted.holdout) < fitted.holdout_error


def test_too_few_flights_are_refused(january: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="1 labelled flights are too few"):
        fit(january.iloc[:1])


def test_the_baseline_has_all_rows_and_the_quality_of_the_model_that_had_not_seen_the_hold_out(
    january: pd.DataFrame,
) -> None:
    fitted = fit(january)
    baseline = baseline_of(fitted, "flights", "7")
    assert (baseline.model, baseline.model_version) == ("flights", "7")
    assert baseline.n_rows == len(fitted.train) + len(fitted.holdout)
    assert baseline.performance is not None
    assert baseline.performance.loss.value == pytest.approx(fitted.holdout_error)


def test_the_baseline_measures_features_label_and_prediction_and_nothing_else(january: pd.DataFrame) -> None:
    assert set(baseline_of(fit(january), "flights", "1").columns) == {*FEATURES, LABEL, PREDICTION}


def test_the_first_model_goes_stale(flights: pd.DataFrame) -> None:
    first = fit(between(flights, at("2013-01-01"), at("2013-03-01")), holdout_from=at("2013-02-15"))
    assert first.holdout_error < 9
    assert mean_absolute_error(first.model, between(flights, at("2013-03-01"), at("2014-01-01")).dropna()) >= 11.5
