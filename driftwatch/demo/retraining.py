"""What a team's training job does when driftwatch asks for a retrain: new model, fair comparison, switch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pandas as pd
from sklearn.pipeline import Pipeline

from driftwatch import Client
from driftwatch.demo.flights import FEATURES, LABEL, SCHEDULED
from driftwatch.demo.modelling import Fitted, baseline_of, compare_models, fit
from driftwatch.demo.receiver import RetrainRequest

TRAINING_TIME = timedelta(days=28)


class Trainer:
    """Answers a request to retrain, and reports every step of it to the service.

    The training rows come from the service: what was predicted in the 28 days before the request's ``until`` and has
    its label. The new model is promoted where it beats the present one on rows that neither was fitted on.

    Parameters
    ----------
    client
        Where rows come from, and where baselines and reports go.
    champion, model_version
        The model that is live, and its version: a whole number that grows with each promotion.
    switch
        Makes a model the live one, under its version.
    """

    def __init__(
        self, client: Client, champion: Fitted, model_version: str, switch: Callable[[Pipeline, str], None]
    ) -> None:
        self._client = client
        self._switch = switch
        self.champion = champion
        self.model_version = model_version

    def __call__(self, request: RetrainRequest) -> None:
        """Train, compare, and promote or reject; a failure is reported and raised."""
        try:
            self._train(request)
        except Exception as error:
            self._client.retrain_status(request.retrain_id, "failed", f"{type(error).__name__}: {error}")
            raise

    def _train(self, request: RetrainRequest) -> None:
        report = self._client.retrain_status
        start = request.until - TRAINING_TIME
        report(request.retrain_id, "training", f"on flights of {start:%Y-%m-%d} to {request.until:%Y-%m-%d}")
        challenger = fit(exported_flights(self._client.export(request.model, start, request.until, labelled=True)))
        report(request.retrain_id, "evaluating", f"held out: {len(challenger.holdout):,} flights")
        comparison = compare_models(self.champion, challenger)
        if not comparison.better:
            report(request.retrain_id, "rejected", str(comparison))
            return
        version = str(int(self.model_version) + 1)
        self._client.register(baseline_of(challenger, request.model, version))
        self._switch(challenger.model, version)
        self.champion, self.model_version = challenger, version
        report(request.retrain_id, "promoted", str(comparison), new_version=version)


def exported_flights(events: pd.DataFrame) -> pd.DataFrame:
    """Rows as the service exports them, made into flights as the model is fitted on them, by schedule."""
    rows = events.rename(columns={"event_time": SCHEDULED, "label": LABEL})[[SCHEDULED, *FEATURES, LABEL]]
    return rows.sort_values(SCHEDULED, kind="stable", ignore_index=True)
