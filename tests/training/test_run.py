"""A whole run: promoted, rejected, stopped, failed or interrupted, and what each leaves behind."""

import json
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from driftwatch.core.baseline import Baseline
from driftwatch.core.records import RetrainState
from driftwatch.core.reference_performance import PerformanceSource
from driftwatch.errors import RecipeError, ServiceUnavailable, TrainingFailed
from driftwatch.training.model_card import Evidence
from driftwatch.training.model_store import ModelStore
from driftwatch.training.recipe import parse_recipe
from driftwatch.training.run import Job, Outcome, Run, train
from tests.training.conftest import BINARY, REGRESSION, day, flights, table

JOBLIB = '[output]\nformat = "joblib"\n'
"""Most tests need no extra."""


class Told:
    """A service that writes down what it is told, and fails when it is asked to."""

    def __init__(self, fails_at: RetrainState | str | None = None) -> None:
        self.states: list[tuple[RetrainState, str, str | None]] = []
        self.baselines: list[Baseline] = []
        self._fails_at = fails_at

    def report(self, state: RetrainState, note: str, new_version: str | None = None) -> None:
        if state is self._fails_at:
            raise ServiceUnavailable("gone")
        self.states.append((state, note, new_version))

    def register(self, baseline: Baseline) -> None:
        if self._fails_at == "register":
            raise ServiceUnavailable("gone")
        self.baselines.append(baseline)

    @property
    def names(self) -> list[str]:
        return [state.value for state, _, _ in self.states]


Go = Callable[..., Run]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def go(tmp_path: Path, told: Told) -> Go:
    def run(text: str = REGRESSION + JOBLIB, rows: Iterable[pa.Table] | None = None, **job: Any) -> Run:
        recipe = parse_recipe(text)
        given = [table(**flights())] if rows is None else rows
        service = job.pop("service", told)
        options = {name: job.pop(name) for name in ("switch", "on_trial") if name in job}
        made = Job(
            recipe=recipe,
            version=job.pop("version", "2"),
            batches=given,
            source="a table",
            store=ModelStore(tmp_path / "models", recipe.model),
            base=tmp_path,
            **job,
        )
        return train(made, service, **options)

    return run


def former() -> Baseline:
    """The baseline of the version that is live, which has names of its own."""
    columns = flights(400)
    return Baseline.fit(
        {"distance": columns["distance"], "minutes": columns["label"], "predicted": columns["prediction"]},
        model="minutes",
        model_version="1",
        label="minutes",
        prediction="predicted",
    )


def left(tmp_path: Path) -> list[str]:
    return sorted(
        str(one.relative_to(tmp_path / "models")) for one in (tmp_path / "models").rglob("*") if one.is_file()
    )


def test_a_better_model_is_promoted_with_all_that_belongs_to_it(go: Go, told: Told, tmp_path: Path) -> None:
    done = go(former=former())
    assert done.outcome is Outcome.PROMOTED
    assert told.names == ["training", "evaluating", "promoted"]
    assert told.states[-1][2] == "2"
    assert left(tmp_path) == [
        f"minutes/2/{name}" for name in ("baseline.json", "card.json", "card.md", "manifest.json", "model.joblib")
    ]
    assert Baseline.from_json((tmp_path / "models/minutes/2/baseline.json").read_text()).model_version == "2"


def test_the_new_baseline_has_the_training_rows_and_the_quality_on_the_test_rows(go: Go, told: Told) -> None:
    done = go()
    [baseline] = told.baselines
    assert baseline.n_rows == 2_400
    assert set(baseline.columns) == {"distance", "wind", "carrier", "label", "prediction"}
    assert baseline.performance is not None
    assert baseline.performance.source is PerformanceSource.HELD_OUT
    assert done.card is not None
    assert baseline.performance.loss.value == pytest.approx(done.card.comparison.paired.challenger.value)
    assert set(baseline.segments) == {"carrier=AA", "carrier=DL", "carrier=UA"}


def test_the_new_baseline_calls_label_prediction_and_segments_as_the_one_before(go: Go, told: Told) -> None:
    go(former=former())
    [baseline] = told.baselines
    assert (baseline.schema.label, baseline.schema.prediction) == ("minutes", "predicted")
    assert set(baseline.columns) == {"distance", "wind", "carrier", "minutes", "predicted"}
    assert baseline.segments == {}


def test_a_model_that_is_no_better_is_rejected_and_only_its_card_is_kept(go: Go, told: Told, tmp_path: Path) -> None:
    done = go(rows=[table(**flights(champion_error=0.5))])
    assert (done.outcome, done.reason) == (Outcome.REJECTED, "not_better_by_the_margin")
    assert told.names == ["training", "evaluating", "rejected"]
    assert told.baselines == []
    assert left(tmp_path) == ["minutes/rejected/2/card.json", "minutes/rejected/2/card.md"]


def test_test_rows_are_opened_after_everything_was_chosen(go: Go) -> None:
    trials: list[datetime] = []
    text = REGRESSION + JOBLIB + '[search]\nmethod = "grid"\nspace = { alpha = [0.1, 1.0] }\n'
    card = go(text, on_trial=lambda trial, share: trials.append(datetime.now(UTC))).card
    assert card is not None
    assert len(trials) == 2
    assert card.data.test_opened_at is not None
    assert card.data.test_opened_at > max(trials)


def test_test_rows_are_read_at_one_place_only(go: Go, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reading of the file of test rows comes after its one opening, and that after all trials."""
    from driftwatch.training.rows import Rows
    from driftwatch.training.splits import SealedRows

    events: list[str] = []
    batches, opened = Rows.batches, SealedRows.open

    def reading(self: Rows, *given: Any) -> Any:
        events.append(f"read {self.path.stem}")
        return batches(self, *given)

    def opening(self: SealedRows, chosen: Any) -> Rows:
        events.append("open")
        return opened(self, chosen)

    monkeypatch.setattr(Rows, "batches", reading)
    monkeypatch.setattr(SealedRows, "open", opening)
    go(on_trial=lambda trial, share: events.append("trial"))
    assert events.count("open") == 1
    assert "read test" in events
    assert events.index("trial") < events.index("open") < events.index("read test")


def test_a_training_that_the_guard_stops_is_reported_failed_and_leaves_nothing(
    go: Go, told: Told, tmp_path: Path
) -> None:
    wild = REGRESSION.replace("linear_model.Ridge", "linear_model.SGDRegressor").replace(
        'SGDRegressor"', 'SGDRegressor"\nparameters = { eta0 = 50.0, learning_rate = "constant" }'
    )
    done = go(wild + JOBLIB + "[gradient]\nrows = 32\n")
    assert (done.outcome, done.reason, done.folder) == (Outcome.STOPPED, "every_trial", None)
    assert told.names == ["training", "failed"]
    assert "diverging_loss" in told.states[-1][1]
    assert not (tmp_path / "models").exists() or left(tmp_path) == []


def test_an_interrupted_run_is_reported_failed_and_leaves_nothing(go: Go, told: Told, tmp_path: Path) -> None:
    def interrupt(trial: Any, share: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(on_trial=interrupt)
    assert told.states[-1][:2] == (RetrainState.FAILED, "interrupted")
    assert not (tmp_path / "models").exists()


def test_a_run_that_is_interrupted_while_it_promotes_leaves_no_model_half_written(
    go: Go, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("driftwatch.training.run.new_baseline", interrupted)
    with pytest.raises(KeyboardInterrupt):
        go()
    assert told.names[-1] == "failed"
    assert left(tmp_path) == []


def test_a_failure_is_reported_with_its_words(go: Go, told: Told) -> None:
    with pytest.raises(RecipeError):
        go(REGRESSION.replace('"wind"', '"wnid"') + JOBLIB)
    assert told.states[-1][0] is RetrainState.FAILED
    assert "Did you mean 'wind'?" in told.states[-1][1]


def test_a_service_that_is_gone_in_the_end_is_said_and_the_model_is_whole(go: Go, tmp_path: Path) -> None:
    with pytest.raises(ServiceUnavailable):
        go(service=Told("register"))
    assert ModelStore(tmp_path / "models", "minutes").load("2") is not None


def test_a_version_that_is_there_is_refused_before_the_training(go: Go, told: Told) -> None:
    go()
    with pytest.raises(TrainingFailed, match="is there already"):
        go()
    assert told.names[-1] == "failed"


def test_the_card_says_everything_in_both_forms(go: Go, tmp_path: Path) -> None:
    evidence = Evidence(
        retrain_id="r-1",
        reason="Worse: mae 8.7 -> 19",
        triggered=day(39),
        until=day(40),
        model_version="1",
        alert_ids=("a-1",),
    )
    text = REGRESSION + JOBLIB + '[search]\nmethod = "grid"\nspace = { alpha = [0.1, 1.0] }\n'
    done = go(text, evidence=evidence, former=former())
    assert done.folder is not None
    card = json.loads((done.folder / "card.json").read_text())
    assert card["data"]["train"] == {"rows": 2_400, "first": "2026-01-05T00:00:00Z", "last": "2026-01-28T23:45:36Z"}
    assert card["evidence"]["reason"] == "Worse: mae 8.7 -> 19"
    assert [one["parameters"] for one in card["training"]["trials"]] == [{"alpha": 0.1}, {"alpha": 1.0}]
    assert card["comparison"]["paired"]["gain"]["low"] > 0
    assert card["recipe"]["estimator"]["name"] == "sklearn.linear_model.Ridge"
    assert card["software"]["scikit-learn"]
    words = (done.folder / "card.md").read_text()
    for said in (
        "# minutes, version 2", "Promoted (better_by_the_margin)", "Retrain r-1 was asked for", "Worse: mae 8.7 -> 19",
        "| train | 2,400 |", "| challenger |", "carrier=DL", "alpha = 0.1", "opened once",
    ):  # fmt: skip
        assert said in words


def test_the_champion_may_be_the_one_in_the_store_on_rows_it_was_not_fitted_on(go: Go) -> None:
    go(version="1")
    text = REGRESSION + JOBLIB + "[promotion]\nchampion = 'store'\nleast_rows = 50\n"
    later = flights(4_000, seed=9)
    times = later["event_time"].to_pandas() + pd.Timedelta(days=10)
    done = go(text, rows=[table(**{**later, "event_time": times})], version="2")
    assert done.card is not None
    assert done.card.comparison.champion == "version 1"
    assert done.card.comparison.paired.rows == 800
    again = go(text, version="3")
    assert again.card is not None
    assert again.card.comparison.paired.rows == 800


def test_rows_that_a_stored_champion_was_fitted_on_are_left_out(go: Go) -> None:
    go(REGRESSION + '[output]\nformat = "joblib"\nfinal = "all"\n', version="1")
    done = go(REGRESSION + JOBLIB + "[promotion]\nchampion = 'store'\n", version="2")
    assert done.reason == "too_few_rows"


def test_without_a_champion_the_challenger_must_beat_a_constant(go: Go) -> None:
    columns = flights()
    del columns["prediction"]
    done = go(rows=[table(**columns)])
    assert done.outcome is Outcome.PROMOTED
    assert done.card is not None
    assert done.card.comparison.champion == "a constant"
    columns["label"] = np.random.default_rng(0).normal(size=4_000)
    alone = REGRESSION + JOBLIB + "[promotion]\nchampion = 'none'\nmargin = 0.05\n"
    assert go(alone, rows=[table(**columns)], version="3").outcome is Outcome.REJECTED


@pytest.mark.parametrize(
    ("final", "rows", "until"), [("train", 2_400, 24), ("train_and_validation", 3_200, 32), ("all", 4_000, 40)]
)
def test_the_model_that_goes_live_is_fitted_on_the_rows_that_the_recipe_says(
    go: Go, told: Told, final: str, rows: int, until: int
) -> None:
    done = go(REGRESSION + f'[output]\nformat = "joblib"\nfinal = "{final}"\n')
    assert told.baselines[0].n_rows == rows
    assert done.card is not None
    assert done.card.training.fitted_until is not None
    assert day(until - 0.1) < done.card.training.fitted_until < day(until)


def test_a_classifier_is_trained_on_numbers_again_though_its_classes_are_names_in_the_log(
    go: Go, tmp_path: Path
) -> None:
    columns = flights()
    late = columns.pop("late")
    random = np.random.default_rng(0)
    columns["prediction"] = [str(one) for one in np.where(random.random(4_000) < 0.2, 1 - late, late)]
    done = go(BINARY + JOBLIB, rows=[table(**columns, late=[str(one) for one in late])])
    assert done.outcome is Outcome.PROMOTED
    model = ModelStore(tmp_path / "models", "late").load("2")
    assert model.classes_.tolist() == [0, 1]


SWITCH = """
import json, os, sys
given = json.load(sys.stdin)
assert sys.argv[1:] == ["a b", "$HOME"], sys.argv
with open("switched.json", "w") as file:
    json.dump(given, file)
"""


def test_traffic_is_switched_by_a_command_that_gets_the_evidence_and_sees_no_shell(
    go: Go, told: Told, tmp_path: Path
) -> None:
    (tmp_path / "switch.py").write_text(SWITCH)
    command = json.dumps([sys.executable, "switch.py", "a b", "$HOME"])
    go(REGRESSION + f'[output]\nformat = "joblib"\nswitch = {command}\n', former=former())
    given = json.loads((tmp_path / "switched.json").read_text())
    assert (given["model"], given["model_version"], given["former_version"]) == ("minutes", "2", "1")
    assert Path(given["folder"], given["file"]).is_file()
    assert told.names[-1] == "promoted"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import sys; sys.exit('no such route')", "exit code 1: no such route"),
        ("import time; time.sleep(60)", "took more than 1 s"),
    ],
)
def test_a_switch_that_fails_is_reported_failed(go: Go, told: Told, program: str, words: str) -> None:
    command = json.dumps([sys.executable, "-c", program])
    text = f'[output]\nformat = "joblib"\nswitch = {command}\nswitch_timeout = "1s"\n'
    with pytest.raises(TrainingFailed, match="Check which version is live"):
        go(REGRESSION + text)
    assert words in told.states[-1][1]
    assert told.names[-1] == "failed"


def test_traffic_may_be_switched_in_this_process(go: Go) -> None:
    switched: list[tuple[Any, str]] = []
    go(switch=lambda model, version: switched.append((model, version)))
    [(model, version)] = switched
    assert version == "2"
    assert model.predict(table(**flights(5)).to_pandas()).shape == (5,)


def test_the_guard_s_series_are_written_for_prometheus(go: Go, tmp_path: Path) -> None:
    text = REGRESSION.replace("linear_model.Ridge", "linear_model.SGDRegressor") + "[gradient]\nepochs = 2\n"
    go(text + JOBLIB + f'[guard]\nmetrics_file = "{tmp_path}/training.prom"\n')
    written = (tmp_path / "training.prom").read_text()
    steps = next(line for line in written.splitlines() if line.startswith("driftwatch_training_steps_total"))
    assert float(steps.split()[-1]) == 2 * 10
    assert 'driftwatch_training_stopped{model="minutes",reason="nan_loss"} 0' in written


def test_a_card_is_what_its_json_says(go: Go) -> None:
    card = go().card
    assert card is not None
    assert msgspec.json.decode(card.to_json())["decision"]["promoted"] is True
