"""A simpler model that answers beside the live one and decides nothing: its worth is seen before it serves anybody."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import driftwatch
from driftwatch import Client
from driftwatch.capture.wrapper import Watched
from driftwatch.demo.flights import FEATURES, ID, SCHEDULED, Step
from driftwatch.demo.modelling import baseline_of, fit

VERSION = "distance-only"
EVERY = 10
"""It answers one flight in so many, as a shadow that costs little does."""

Document = dict[str, Any]


class Rival:
    """A shadow version of the demo's model that knows the distance and nothing else.

    Parameters
    ----------
    rows
        Flights to fit it on, in order of time.
    holdout_from
        Where its hold-out begins.
    client
        The service.
    name
        What the service calls the model.
    """

    def __init__(self, rows: pd.DataFrame, holdout_from: pd.Timestamp, client: Client, name: str) -> None:
        self._fitted = fit(rows, holdout_from, lambda: make_pipeline(FunctionTransformer(_distance), Ridge()))
        self._client = client
        self._name = name
        self._model: Watched = driftwatch.watch(self._fitted.model, url=client.url, name=name, model_version=VERSION)

    def register(self) -> None:
        """Make it known to the service, as a shadow; the live version has to be known before."""
        self._client.register(baseline_of(self._fitted, self._name, VERSION), role="shadow")

    def answer(self, step: Step) -> None:
        """Answer some of the flights, under the ids that the live model's answers have."""
        some = step.flights[::EVERY]
        if len(some):
            with self._model.request(ids=some[ID].tolist(), event_times=some[SCHEDULED].tolist()):
                self._model.predict(some[FEATURES])

    def flush(self, timeout_seconds: float) -> bool:
        """Whether all its answers were sent in time."""
        return self._model.flush(timeout_seconds)

    def close(self) -> None:
        """Send nothing more."""
        self._model.close(timeout_seconds=0)

    def compared(self) -> list[Document]:
        """It beside each version that was live, as the service tells."""
        return self._client.shadows(self._name)


def _distance(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[["distance"]]
