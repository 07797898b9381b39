"""``driftwatch retrain run`` as it is typed: from a file, from a folder, from a service, and from its webhook."""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from driftwatch.bootstrap import build_service
from driftwatch.capture.client import Client
from driftwatch.cli.app import app
from driftwatch.core.baseline import Baseline
from driftwatch.core.records import RetrainEpisode
from driftwatch.demo.receiver import RetrainReceiver, RetrainRequest
from driftwatch.errors import RecipeError
from driftwatch.settings import load_settings
from driftwatch.training.model_store import ModelStore
from driftwatch.web.app import build_app
from driftwatch.web.server import server_of
from tests.training.conftest import REGRESSION, flights

RECIPE = REGRESSION + '[output]\nformat = "joblib"\n'
NOT_PROMOTED, WRONG_USE, INTERRUPTED = 1, 2, 130
PATIENCE_SECONDS = 120.0
HEARS_CTRL_C = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from driftwatch.cli.app import main
main()
"""
"""The command; whoever runs the tests in the background may have its children ignore Ctrl-C."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recipe, and files of rows in which a new model is better and in which it is not."""
    (tmp_path / "recipe.toml").write_text(RECIPE)
    parquet.write_table(pa.table(flights()), tmp_path / "worse.parquet")
    parquet.write_table(pa.table(flights(champion_error=0.5)), tmp_path / "better.parquet")
    return tmp_path


def run(folder: Path, *options: Any) -> Any:
    return CliRunner().invoke(app, ["retrain", "run", str(folder / "recipe.toml"), *map(str, options)])


def test_a_better_model_from_a_file_is_promoted_and_the_command_is_content(folder: Path) -> None:
    done = run(folder, "--file", folder / "worse.parquet", "--new-version", "7")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("minutes 7: promoted (better_by_the_margin)\n")
    assert "The card is" in done.stdout
    assert ModelStore(folder / "models", "minutes").versions() == ["7"]


def test_a_rejection_is_exit_code_1_and_says_why_as_json(folder: Path) -> None:
    done = run(folder, "--file", folder / "better.parquet", "--format", "json")
    assert done.exit_code == NOT_PROMOTED
    told = json.loads(done.stdout)
    assert (told["outcome"], told["reason"]) == ("rejected", "not_better_by_the_margin")
    assert told["comparison"]["paired"]["gain"]["value"] < 0


def test_a_version_that_is_a_number_is_counted_on(folder: Path) -> None:
    run(folder, "--file", folder / "worse.parquet", "--new-version", "7")
    done = run(folder, "--file", folder / "worse.parquet", "--format", "json")
    assert json.loads(done.stdout)["model_version"] == "8"


def test_rows_of_a_stretch_of_time_only(folder: Path) -> None:
    ends = ("--from", "2026-01-10", "--to", "2026-02-01")
    done = run(folder, "--file", folder / "worse.parquet", *ends, "--format", "json")
    card = json.loads((Path(json.loads(done.stdout)["folder"]) / "card.json").read_text())
    assert card["data"]["train"]["first"] >= "2026-01-10"
    assert card["data"]["test"]["last"] < "2026-02-01"
    assert sum(card["data"][part]["rows"] for part in ("train", "validation", "test")) == 2_200


def test_the_last_days_of_a_file_reach_back_from_its_end(folder: Path) -> None:
    (folder / "recipe.toml").write_text(RECIPE.replace("[data]\n", '[data]\nlast = "10d"\n'))
    done = run(folder, "--file", folder / "worse.parquet", "--format", "json")
    card = json.loads((Path(json.loads(done.stdout)["folder"]) / "card.json").read_text())
    assert sum(card["data"][part]["rows"] for part in ("train", "validation", "test")) == 1_000
    assert card["data"]["test"]["last"] > "2026-02-13T23:"


def test_a_retrain_that_the_service_does_not_know_is_wrong_use(folder: Path) -> None:
    with serving(folder / "data") as client:
        client.register(reference())
        done = run(folder, "--url", client.url, "--retrain-id", "absent")
    assert "no retrain has the id 'absent'" in str(done.exception)


def test_a_mistake_in_the_recipe_is_wrong_use_in_one_line(folder: Path) -> None:
    (folder / "recipe.toml").write_text(RECIPE + "[serach]\n")
    command = [sys.executable, "-m", "driftwatch", "retrain", "run", "recipe.toml", "--file", "worse.parquet"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == WRONG_USE
    assert "unknown field `serach`" in done.stderr
    assert done.stderr.count("\n") == 1


def test_another_package_than_sklearn_needs_the_user_s_word(folder: Path) -> None:
    (folder / "recipe.toml").write_text(RECIPE.replace("sklearn.linear_model.Ridge", "antigravity.Ridge"))
    done = run(folder, "--file", folder / "worse.parquet")
    assert isinstance(done.exception, RecipeError)
    assert "--allow-package antigravity" in str(done.exception)
    assert "antigravity" not in sys.modules


def test_without_a_place_for_rows_the_command_says_where_they_may_come_from(folder: Path) -> None:
    assert "--data" in str(run(folder).exception)


def test_a_retrain_id_needs_the_service_that_asked(folder: Path) -> None:
    assert "Give --url" in str(run(folder, "--file", folder / "worse.parquet", "--retrain-id", "1").exception)


def test_the_id_comes_from_the_environment_that_a_command_sink_gives(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIFTWATCH_RETRAIN_ID", "1")
    assert "Give --url" in str(run(folder, "--file", folder / "worse.parquet").exception)


# --- with a service ---------------------------------------------------------------------------------------------------


def reference() -> Baseline:
    columns = flights(2_000, champion_error=2.0)
    names = ("distance", "wind", "carrier", "prediction", "label")
    rows = {name: columns[name] for name in names}
    return Baseline.fit(
        {"minutes" if name == "label" else "predicted" if name == "prediction" else name: rows[name] for name in names},
        evaluation={"minutes": rows["label"], "predicted": rows["prediction"]},
        model="minutes",
        model_version="1",
        task="regression",
        label="minutes",
        prediction="predicted",
    )


@contextmanager
def serving(data: Path, *, command: list[str] | None = None, **settings: Any) -> Iterator[Client]:
    """A whole service in this process: real stores, threads, and a port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        if command is not None:
            whole = [*command, "--url", f"http://127.0.0.1:{port}"]
            settings["sinks"] = [{"kind": "command", "name": "trainer", "command": whole, "timeout_seconds": 100}]
        made = load_settings(data=data, port=port, window=timedelta(days=1), label_wait=timedelta(hours=6), **settings)
        service = build_service(made)
        server = server_of(build_app(service, made))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        service.start()
        try:
            with Client(f"http://127.0.0.1:{port}") as client:
                yield client
        finally:
            server.should_exit = True
            thread.join(20)
            service.close()


def live(client: Client, days: int, *, stale_from: int, rows: int = 200) -> None:
    """Predictions and labels day by day; from one day on, minutes are half as many again, which the model misses."""
    made = flights(rows * days, days=days, champion_error=2.0)
    frame = pd.DataFrame({**made, "event_time": made["event_time"].to_pandas(), "at": np.arange(rows * days)})
    stale = frame["at"] >= stale_from * rows
    frame.loc[stale, "label"] = frame["label"] * 1.5 + 20.0
    for start in range(0, len(frame), rows):
        part = frame.iloc[start : start + rows]
        events = [
            {
                "prediction_id": str(row.at),
                "event_time": row.event_time.isoformat(),
                "features": {
                    "distance": row.distance,
                    "wind": None if pd.isna(row.wind) else row.wind,
                    "carrier": row.carrier,
                },
                "prediction": row.prediction,
            }
            for row in part.itertuples()
        ]
        client.send_predictions("minutes", events)
        client.send_labels(
            "minutes",
            [
                {
                    "prediction_id": str(row.at),
                    "label": row.label,
                    "event_time": (row.event_time + timedelta(hours=1)).isoformat(),
                }
                for row in part.itertuples()
            ],
        )


def wait_for(question: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := question()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)
    return found


def ended(client: Client) -> RetrainEpisode | None:
    episodes = client.retrains()
    return episodes[0] if episodes and episodes[0].state.value in {"promoted", "rejected", "failed"} else None


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


SERVED = (
    RECIPE.replace('segments = ["carrier"]', 'segments = ["carrier"]\nlast = "2d"')
    + "[promotion]\nleast_rows = 50\n[splits]\ngap = '1h'\n"
)


@pytest.mark.slow
def test_a_service_s_webhook_starts_the_trainer_which_ends_its_episode(tmp_path: Path) -> None:
    """Labels show that the model is stale; the service asks; a receiver starts the command; the new version is live."""
    (tmp_path / "switch.py").write_text("import sys; open('switched.json', 'w').write(sys.stdin.read())")
    command = json.dumps([sys.executable, "switch.py"])
    (tmp_path / "recipe.toml").write_text(SERVED.replace("[output]\n", f"[output]\nswitch = {command}\n"))
    trainers: list[subprocess.CompletedProcess[str]] = []

    def start_trainer(request: RetrainRequest) -> None:
        url = request.status_url.partition("/v1/")[0]
        options = ["--url", url, "--retrain-id", request.retrain_id, "--format", "json"]
        trainers.append(
            subprocess.run(
                [sys.executable, "-m", "driftwatch", "retrain", "run", "recipe.toml", *options],
                cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
            )
        )  # fmt: skip

    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    with (
        RetrainReceiver(secret, start_trainer) as receiver,
        serving(tmp_path / "data", webhook_url=receiver.url, webhook_secret=secret) as client,
    ):
        client.register(reference())
        live(client, 11, stale_from=7)
        episode = wait_for(lambda: ended(client))
        assert [one["current_version"] for one in client.models()] == ["2"]
    assert trainers[0].returncode == 0, trainers[0].stderr
    assert episode.state.value == "promoted"
    assert episode.new_version == "2"
    states = [step.state.value for step in episode.history]
    assert [one for one in states if one in {"training", "evaluating", "promoted"}] == [
        "training",
        "evaluating",
        "promoted",
    ]
    card = json.loads((tmp_path / "models/minutes/2/card.json").read_text())
    assert card["evidence"]["retrain_id"] == episode.retrain_id
    assert "mae" in card["evidence"]["reason"]
    assert {one["kind"] for one in card["evidence"]["alerts"]} == {"quality"}
    assert "| quality | all rows |" in (tmp_path / "models/minutes/2/card.md").read_text()
    assert card["comparison"]["champion"] == "version 1, as it was served"
    assert json.loads((tmp_path / "switched.json").read_text())["retrain_id"] == episode.retrain_id


@pytest.mark.slow
def test_a_service_s_command_sink_starts_the_trainer_with_the_id_in_its_environment(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(SERVED)
    command = [sys.executable, "-m", "driftwatch", "retrain", "run", str(tmp_path / "recipe.toml")]
    with serving(tmp_path / "data", command=command) as client:
        client.register(reference())
        live(client, 11, stale_from=7)
        episode = wait_for(lambda: ended(client))
        assert [one["current_version"] for one in client.models()] == ["2"]
    assert (episode.state.value, episode.new_version) == ("promoted", "2")
    assert ModelStore(tmp_path / "models", "minutes").versions() == ["2"]


@pytest.mark.slow
def test_rows_of_a_stopped_service_s_folder_are_those_of_the_running_one(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE + "[promotion]\nleast_rows = 50\n")
    with serving(tmp_path / "data") as client:
        client.register(reference())
        live(client, 5, stale_from=2)
        first = run(tmp_path, "--url", client.url, "--new-version", "a", "--format", "json")
        assert first.exit_code == 0, first.output
        assert [one["current_version"] for one in client.models()] == ["a"]
    second = run(tmp_path, "--data", tmp_path / "data", "--new-version", "b", "--format", "json")
    assert second.exit_code == 0, second.output
    one, other = (json.loads(done.stdout)["comparison"] for done in (first, second))
    assert {**one["paired"]} == {**other["paired"]}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_trainer_reports_failed_and_leaves_nothing_half_written(tmp_path: Path, number: int) -> None:
    slow = SERVED + '[search]\nmethod = "random"\ntrials = 100000\nspace = { alpha = { low = 0.1, high = 9.0 } }\n'
    (tmp_path / "recipe.toml").write_text(slow + '[guard]\nmetrics_file = "training.prom"\n')
    with serving(tmp_path / "data") as client:
        client.register(reference())
        live(client, 11, stale_from=7)
        [episode] = wait_for(client.retrains)
        options = ["--url", client.url, "--retrain-id", episode.retrain_id]
        with subprocess.Popen(
            [sys.executable, "-c", HEARS_CTRL_C, "retrain", "run", "recipe.toml", *options],
            cwd=tmp_path, env={**environment(), "TMPDIR": str(tmp_path / "scratch")}, stderr=subprocess.PIPE, text=True,
        ) as trainer:  # fmt: skip
            (tmp_path / "scratch").mkdir()
            wait_for(lambda: client.retrains()[0].state.value == "training")
            wait_for(lambda: list((tmp_path / "scratch").rglob("validation.parquet")))
            time.sleep(0.2)
            trainer.send_signal(number)
            try:
                assert trainer.wait(PATIENCE_SECONDS) == INTERRUPTED
            finally:
                trainer.kill()
            assert trainer.stderr is not None
            assert "Traceback" not in trainer.stderr.read()
        episode = client.retrains()[0]
    assert (episode.state.value, episode.history[-1].note) == ("failed", "interrupted")
    left = [one.relative_to(tmp_path) for one in tmp_path.rglob("*") if one.is_file() and "data" not in one.parts]
    assert sorted(map(str, left)) == ["recipe.toml", "training.prom"]


@pytest.mark.slow
def test_whatever_keeps_a_trainer_from_training_is_reported_too(tmp_path: Path) -> None:
    """A recipe with a mistake, and rows without a label: the episode does not wait for its time to be over."""
    (tmp_path / "recipe.toml").write_text(RECIPE + "[serach]\n")
    with serving(tmp_path / "data", retrain_cooldown="1s") as client:
        client.register(reference())
        live(client, 9, stale_from=7)
        [episode] = wait_for(client.retrains)
        run(tmp_path, "--url", client.url, "--retrain-id", episode.retrain_id)
        told = client.retrain(episode.retrain_id)
        assert told.state.value == "failed"
        assert "serach" in told.history[-1].note
        (tmp_path / "recipe.toml").write_text(RECIPE)
        done = run(tmp_path, "--url", client.url, "--from", "2027-01-01", "--to", "2027-01-02")
    assert done.exit_code == NOT_PROMOTED
    assert "has no rows with labels in this stretch of time" in done.stderr
