"""Against a real service: a model that fits the world no more is replaced, and a killed service loses nothing."""

from __future__ import annotations

import base64
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pandas as pd
import pytest

import driftwatch
from driftwatch.capture.wrapper import Watched
from driftwatch.core.records import RetrainState
from driftwatch.demo.counting import count_kept
from driftwatch.demo.flights import LABEL, between
from driftwatch.demo.modelling import Fitted, baseline_of, fit
from driftwatch.demo.progress import Moment
from driftwatch.demo.receiver import RetrainReceiver
from driftwatch.demo.replay import Replay
from driftwatch.demo.retraining import Trainer
from driftwatch.demo.rival import VERSION, Rival
from driftwatch.demo.service import ServiceProcess, free_port

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four b").decode()
pytestmark = pytest.mark.slow


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


@dataclass
class Shown:
    """Keeps what it is shown; kills a process on the first day where it is told to."""

    kill: int | None = None
    moments: list[Moment] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def show(self, moment: Moment) -> None:
        self.moments.append(moment)
        if self.kill is not None:
            os.kill(self.kill, signal.SIGKILL)
            self.kill = None

    def say(self, text: str) -> None:
        self.lines.append(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


@dataclass
class Stage:
    """Everything that a replay needs, running."""

    folder: Path
    service: ServiceProcess
    client: driftwatch.Client
    model: Watched
    replay: Replay


@contextmanager
def stage(folder: Path, champion: Fitted) -> Iterator[Stage]:
    port = free_port(0)
    with driftwatch.Client(f"http://127.0.0.1:{port}") as client:
        model = driftwatch.watch(champion.model, url=client.url, name="flights", model_version="1")
        trainer = Trainer(client, folder, "1", lambda new, version: model.switch(new, model_version=version))
        with (
            RetrainReceiver(SECRET, trainer) as receiver,
            ServiceProcess(
                folder, port, {"DRIFTWATCH_WEBHOOK_URL": receiver.url, "DRIFTWATCH_WEBHOOK_SECRET": SECRET}
            ) as service,
        ):
            client.register(baseline_of(champion, "flights", "1"))
            yield Stage(folder, service, client, model, Replay(model, "flights", client, service))
            model.close()


@pytest.fixture(scope="module")
def some_flights(flights: pd.DataFrame) -> pd.DataFrame:
    """Every tenth flight: about 85 a day."""
    return flights.iloc[::10].reset_index(drop=True)


@pytest.fixture(scope="module")
def champion(some_flights: pd.DataFrame) -> Fitted:
    """A model of a world in which flights take half their time."""
    january = between(some_flights, at("2013-01-01"), at("2013-02-01"))
    return fit(january.assign(**{LABEL: january[LABEL] / 2}))


def test_a_model_that_fits_the_world_no_more_is_replaced(
    tmp_path: Path, some_flights: pd.DataFrame, champion: Fitted
) -> None:
    shown = Shown()
    with stage(tmp_path, champion) as on:
        served = on.replay.run(some_flights, at("2013-02-01"), at("2013-02-08"), shown)
        (episode,) = on.client.retrains()
        (model,) = on.client.models()
    assert [step.state for step in episode.history if step.state is not RetrainState.DELIVERED] == [
        RetrainState.REQUESTED,
        RetrainState.TRAINING,
        RetrainState.EVALUATING,
        RetrainState.PROMOTED,
    ]
    assert (episode.new_version, model["current_version"]) == ("2", "2")
    errors = (some_flights[LABEL] - served).abs()
    last_day = between(some_flights, at("2013-02-07"), at("2013-02-08")).index
    first_day = between(some_flights, at("2013-02-01"), at("2013-02-02")).index
    assert errors[last_day].mean() < errors[first_day].mean() / 2
    assert (shown.moments[0].model_version, shown.moments[-1].model_version) == ("1", "2")
    assert "retrain asked for" in shown.lines[0]
    assert "promoted: mae" in shown.lines[1]


def test_a_killed_service_loses_nothing_and_counts_nothing_twice(
    tmp_path: Path, some_flights: pd.DataFrame, champion: Fitted
) -> None:
    start, end = at("2013-02-01"), at("2013-02-03")
    with stage(tmp_path, champion) as on:
        served = on.replay.run(some_flights, start, end, Shown(kill=on.service.pid))
        rows = between(some_flights, start, end)
        exported = on.client.export("flights").set_index("prediction_id").loc[rows["prediction_id"]]
        assert on.service.restarts == 1
        assert count_kept(on.client, "flights", tmp_path) == (len(rows), 0)
    np.testing.assert_allclose(exported["prediction"], served[rows.index])
    np.testing.assert_array_equal(exported["label"], rows[LABEL])


def test_a_shadow_is_compared_and_acts_on_nothing(tmp_path: Path, some_flights: pd.DataFrame, champion: Fitted) -> None:
    start, end = at("2013-02-01"), at("2013-02-03")
    with stage(tmp_path, champion) as on:
        january = between(some_flights, at("2013-01-01"), at("2013-02-01"))
        rival = Rival(january, at("2013-01-25"), on.client, "flights")
        rival.register()
        replay = Replay(on.model, "flights", on.client, on.service, rival)
        replay.run(some_flights, start, end, Shown())
        rival.close()
        rows = between(some_flights, start, end)
        assert count_kept(on.client, "flights", tmp_path, VERSION) == (len(rows), 0)
        (compared,) = rival.compared()
        (model,) = on.client.models()
    assert (compared["model_version"], compared["live_version"]) == (VERSION, "1")
    assert len(rows) / 12 < compared["labelled"] <= compared["pairs"] < len(rows) / 8
    # The live model believes that flights take half their time: the shadow is better by tens of minutes.
    assert compared["mean_gain"]["lower"] > 20.0
    assert model["current_version"] == "1"
