"""The demo's first model, and how it is fitted and measured: plain scikit-learn, as a user has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from driftwatch import Baseline
from driftwatch.demo.flights import CATEGORICAL, FEATURES, LABEL, NUMERIC, SCHEDULED

PREDICTION = "predicted"
HOLDOUT_SHARE = 0.2


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Fitted:
    """A model that can go live, and what it was measured on.

    ``model`` is fitted on ``train`` and ``holdout``; ``measured`` on ``train`` alone, and ``holdout_error`` (mean
    absolute error, minutes) is what it made of the hold-out.
    """

    model: Pipeline
    measured: Pipeline
    train: pd.DataFrame
    holdout: pd.DataFrame
    holdout_error: float


def fit(
    rows: pd.DataFrame, holdout_from: pd.Timestamp | None = None, unfitted: Callable[[], Pipeline] | None = None
) -> Fitted:
    """Fit on the earlier rows, measure on the later ones, then fit the model that goes live on all of them.

    Parameters
    ----------
    rows
        Flights in order of time; those without a label are left out.
    holdout_from
        Where the hold-out begins; the last fifth of the rows where it is not given.
    unfitted
        Makes a model of another kind than the demo's.

    Raises
    ------
    ValueError
        Where training rows or held-out rows would be none.
    """
    labelled = rows[rows[LABEL].notna()]
    if holdout_from is None:
        cut = int(len(labelled) * (1 - HOLDOUT_SHARE))
    else:
        cut = int(labelled[SCHEDULED].searchsorted(holdout_from))
    train, holdout = labelled.iloc[:cut], labelled.iloc[cut:]
    if train.empty or holdout.empty:
        raise ValueError(f"{len(labelled)} labelled flights are too few for training rows and a hold-out")
    made = unfitted or _pipeline
    measured = made().fit(train[FEATURES], train[LABEL])
    return Fitted(
        model=made().fit(labelled[FEATURES], labelled[LABEL]),
        measured=measured,
        train=train,
        holdout=holdout,
        holdout_error=mean_absolute_error(measured, holdout),
    )


def mean_absolute_error(model: Pipeline, rows: pd.DataFrame) -> float:
    """The mean of ``|air time - prediction|`` in minutes over the labelled rows; nan where there are none."""
    return float((rows[LABEL] - model.predict(rows[FEATURES])).abs().mean())


def baseline_of(fitted: Fitted, model: str, model_version: str) -> Baseline:
    """The baseline of a model that goes live.

    The distributions are those of all rows, with the live model's predictions; the reference performance is that of
    the model which had not seen the hold-out.
    """
    columns = [SCHEDULED, *FEATURES, LABEL]
    rows = pd.concat([fitted.train, fitted.holdout])[columns]
    held_out = fitted.holdout[columns]
    return Baseline.fit(
        rows.assign(**{PREDICTION: fitted.model.predict(rows[FEATURES])}),
        evaluation=held_out.assign(**{PREDICTION: fitted.measured.predict(held_out[FEATURES])}),
        model=model,
        model_version=model_version,
        task="regression",
        label=LABEL,
        prediction=PREDICTION,
        timestamp=SCHEDULED,
    )


def _pipeline() -> Pipeline:
    encode = ColumnTransformer(
        [("categories", OneHotEncoder(handle_unknown="ignore"), CATEGORICAL), ("numbers", StandardScaler(), NUMERIC)]
    )
    return make_pipeline(encode, Ridge())
