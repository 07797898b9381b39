"""What answers driftwatch's request to retrain: driftwatch's own trainer, with the recipe below."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from driftwatch import Baseline, Client
from driftwatch.core.records import RetrainState
from driftwatch.demo.receiver import RetrainRequest
from driftwatch.sources.files import FileBatches
from driftwatch.training.model_card import Evidence
from driftwatch.training.model_store import ModelStore
from driftwatch.training.recipe import parse_recipe
from driftwatch.training.run import Job, Run, train

RECIPE = """
model = "flights"
task = "regression"

[estimator]
name = "sklearn.linear_model.Ridge"

[data]
numeric = ["distance", "departure_minute"]
categorical = ["carrier", "origin", "dest", "weekday"]
segments = ["origin"]
last = "28d"

[search]
method = "grid"
space = { alpha = [0.3, 1.0, 3.0] }

[promotion]
measure = "mae"
segment_margin = 0.5
least_rows = 10

[output]
format = "joblib"
final = "all"
"""
"""Three fifths of 28 days are learned from, by the next the penalty is chosen, on the last the two models meet."""

MODELS = "models"


class Trainer:
    """Answers a request to retrain, and reports every step of it to the service.

    Parameters
    ----------
    client
        Where rows come from, and where baselines and reports go.
    folder
        Where models and their cards are kept.
    model_version
        The version that is live: a whole number that grows with each promotion.
    switch
        Makes a model the live one, under its version.
    """

    def __init__(self, client: Client, folder: Path, model_version: str, switch: Callable[[Any, str], object]) -> None:
        self._client = client
        self._folder = folder
        self._switch = switch
        self.model_version = model_version
        self.runs: list[Run] = []

    def __call__(self, request: RetrainRequest) -> None:
        """Train, compare, and promote or reject; a failure is reported and raised."""
        recipe = parse_recipe(RECIPE)
        start = request.until - recipe.data.stretch if recipe.data.stretch is not None else None
        with TemporaryDirectory(prefix="driftwatch-demo-rows-") as scratch:
            rows = self._client.export(
                request.model, start, request.until, labelled=True, path=Path(scratch, "rows.parquet")
            )
            job = Job(
                recipe=recipe,
                version=str(int(self.model_version) + 1 + sum(not one.promoted for one in self.runs)),
                batches=FileBatches(rows),
                source=f"flights until {request.until:%Y-%m-%d}",
                store=ModelStore(self._folder / MODELS, recipe.model),
                former=Baseline.from_json(self._client.baseline(request.model)),
                evidence=Evidence(
                    retrain_id=request.retrain_id,
                    reason=request.reason,
                    triggered=request.triggered,
                    until=request.until,
                    model_version=request.model_version,
                ),
            )
            done = train(job, _Reports(self._client, request.retrain_id), switch=self._switch)
        self.runs.append(done)
        if done.promoted:
            self.model_version = done.version


class _Reports:
    """Tells the service how its retrain goes."""

    def __init__(self, client: Client, retrain_id: str) -> None:
        self._client = client
        self._retrain_id = retrain_id

    def report(self, state: RetrainState, note: str, new_version: str | None = None) -> None:
        """Say how it goes."""
        self._client.retrain_status(self._retrain_id, state, note, new_version)

    def register(self, baseline: Baseline) -> None:
        """Put it up."""
        self._client.register(baseline)
