"""A small model server that driftwatch watches: put your own model in its place.

It predicts how far diabetes goes on in a year (scikit-learn's bundled data). When it starts it fits the model,
registers a baseline of its training rows, and wraps the model; from then on every prediction is logged.
"""

from __future__ import annotations

import os
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pandas as pd
import uvicorn
from fastapi import FastAPI
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import driftwatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DRIFTWATCH_URL = os.environ.get("DRIFTWATCH_URL", "http://driftwatch:8000")
HOST = os.environ.get("MODEL_HOST", "0.0.0.0")
PORT = int(os.environ.get("MODEL_PORT", "8080"))
NAME, VERSION = "diabetes", "1"


def fit() -> tuple[Any, driftwatch.Baseline]:
    """Fit the model on two thirds of the rows, and a baseline on the same; the rest is held out."""
    data = load_diabetes(as_frame=True, scaled=False)
    rows, target = data.data, data.target.rename("progression")
    train, held_out, target_train, target_held_out = train_test_split(rows, target, test_size=1 / 3, random_state=0)
    model = make_pipeline(StandardScaler(), Ridge()).fit(train, target_train)
    baseline = driftwatch.Baseline.fit(
        train.assign(progression=target_train, predicted=model.predict(train)),
        evaluation=held_out.assign(progression=target_held_out, predicted=model.predict(held_out)),
        model=NAME,
        model_version=VERSION,
        label="progression",
        prediction="predicted",
    )
    return model, baseline


def register(baseline: driftwatch.Baseline) -> None:
    """Put the baseline up as soon as the service is ready."""
    with driftwatch.Client(DRIFTWATCH_URL) as client:
        while not client.ready():
            time.sleep(0.5)
        client.register(baseline)


fitted, fitted_baseline = fit()
register(fitted_baseline)
model = driftwatch.watch(fitted, url=DRIFTWATCH_URL, name=NAME, model_version=VERSION)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Send what is still in the buffer before the process ends."""
    yield
    model.close()


app = FastAPI(title="A model that is watched", lifespan=lifespan)


@app.post("/predict")
def predict(rows: list[dict[str, float]]) -> dict[str, list[Any]]:
    """Predict for some rows; the ids let the truth be sent to driftwatch later."""
    predictions = model.predict(pd.DataFrame(rows))
    return {"predictions": predictions.tolist(), "prediction_ids": list(model.last_prediction_ids)}


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Say that the server is up; the model's results never depend on driftwatch being up."""
    return {"status": "ok"}


if __name__ == "__main__":
    uvicorn.run(app, host=HOST, port=PORT, log_level="warning")
