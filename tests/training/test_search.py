"""The search is repeatable, keeps its budgets, outlives trials that fail, and never chooses what the guard stopped."""

import time
from collections.abc import Mapping
from typing import Any

import pytest
from sklearn.pipeline import Pipeline

from driftwatch.core.records import Task
from driftwatch.errors import TrainingFailed, TrainingStopped
from driftwatch.training.chosen import Chosen, Trial, TrialState
from driftwatch.training.fitting import Fitted
from driftwatch.training.guard import TrainingGuard
from driftwatch.training.measures import measure_of
from driftwatch.training.recipe import SearchRecipe
from driftwatch.training.search import Search

MAE = measure_of("mae", Task.REGRESSION)


class Bowl:
    """A fitter whose error is how far ``x`` is from 3, less noise of the seed; it does what a point tells it to."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seen: list[tuple[dict[str, Any], int, float]] = []
        self._seconds = seconds

    def fit(self, parameters: Mapping[str, Any], seed: int, share: float, deadline: float) -> Fitted:
        self.seen.append((dict(parameters), seed, share))
        time.sleep(self._seconds)
        guard = TrainingGuard()
        if parameters.get("does") == "fails":
            raise ValueError("no such\nthing")
        if parameters.get("does") == "explodes":
            guard.step(loss=float("nan"))
        value = abs(parameters.get("x", 0.0) - 3.0) + seed / 100 + (1.0 - share)
        return Fitted(pipeline=Pipeline([("m", "passthrough")]), value=value, certificate=guard.certificate())


def run(fitter: Bowl, *, starts_at_random: bool = False, **recipe: Any) -> tuple[Chosen, list[Trial]]:
    told: list[Trial] = []
    search = Search(
        fitter=fitter,
        recipe=SearchRecipe(**recipe),
        measure=MAE,
        seed=1,
        random_starts=starts_at_random,
        on_trial=lambda trial, share: told.append(trial),
    )
    return search.run(), told


X = {"x": {"low": 0.0, "high": 10.0}}


def test_a_grid_tries_every_point_and_takes_the_best() -> None:
    chosen, told = run(Bowl(), method="grid", space={"x": [1.0, 2.0, 3.5, 9.0]})
    assert chosen.parameters == {"x": 3.5}
    assert [one.parameters["x"] for one in told] == [1.0, 2.0, 3.5, 9.0]
    assert chosen.trials == tuple(told)


def test_a_random_search_is_the_same_with_the_same_seed() -> None:
    first, _ = run(Bowl(), method="random", trials=20, space=X)
    again, _ = run(Bowl(), method="random", trials=20, space=X)
    assert [one.parameters for one in first.trials] == [one.parameters for one in again.trials]
    assert len({one.parameters["x"] for one in first.trials}) == 20
    assert first.value == min(one.value for one in first.trials)


def test_a_random_search_of_few_points_tries_each_once() -> None:
    chosen, _ = run(Bowl(), method="random", trials=20, space={"x": [1.0, 2.0], "does": ["a", "b"]})
    assert len(chosen.trials) == 4


def test_halving_gives_everything_only_to_the_best_of_what_had_little() -> None:
    fitter = Bowl()
    chosen, told = run(fitter, method="halving", trials=9, factor=3, space=X)
    shares = [share for _, _, share in fitter.seen]
    assert [shares.count(one) for one in (1 / 9, 1 / 3, 1.0)] == [9, 3, 1]
    first = sorted(told[:9], key=lambda one: one.value)
    assert {one.parameters["x"] for one in told[9:12]} == {one.parameters["x"] for one in first[:3]}
    assert chosen.parameters == first[0].parameters
    assert chosen.trials[-1].resource == ""


def test_optuna_searches_by_its_own_rules_and_seed() -> None:
    pytest.importorskip("optuna", reason="needs the extra 'training'")
    space = {**X, "does": ["a", "b"], "k": {"low": 1, "high": 4, "integer": True}}
    first, _ = run(Bowl(), method="optuna", trials=25, space=space)
    again, _ = run(Bowl(), method="optuna", trials=25, space=space)
    assert [one.parameters for one in first.trials] == [one.parameters for one in again.trials]
    assert first.value < 0.5
    assert {type(one.parameters["k"]) for one in first.trials} == {int}


def test_without_optuna_there_is_a_friendly_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(Exception, match=r"pip install 'driftwatch-monitor\[training\]'"):
        run(Bowl(), method="optuna", space=X)


def test_a_trial_that_fails_is_written_down_and_the_others_go_on() -> None:
    chosen, _ = run(Bowl(), method="grid", space={"does": ["fails", "works"], "x": [3.0]})
    assert [one.state for one in chosen.trials] == [TrialState.FAILED, TrialState.DONE]
    assert chosen.trials[0].note == "ValueError: no such thing"
    assert chosen.parameters["does"] == "works"


def test_what_the_guard_stopped_is_never_chosen() -> None:
    chosen, _ = run(Bowl(), method="grid", space={"does": ["explodes", "works"], "x": [3.0]})
    assert chosen.trials[0].state is TrialState.STOPPED
    assert "nan_loss" in chosen.trials[0].note
    assert chosen.parameters["does"] == "works"


def test_where_the_guard_stopped_every_trial_the_search_is_stopped() -> None:
    with pytest.raises(TrainingStopped, match="every trial was stopped; the first: Training was stopped at step 1"):
        run(Bowl(), method="grid", space={"does": ["explodes"], "x": [1.0, 2.0]})


def test_where_every_trial_failed_the_first_says_why() -> None:
    with pytest.raises(TrainingFailed, match="The first said: ValueError: no such thing"):
        run(Bowl(), method="grid", space={"does": ["fails"], "x": [1.0]})


def test_a_budget_of_time_ends_the_search_and_says_so() -> None:
    chosen, _ = run(Bowl(0.02), method="random", trials=10_000, budget="0.2s", space=X)
    assert chosen.out_of_time
    assert 1 <= len(chosen.trials) < 1_000


def test_what_had_a_share_when_the_time_was_over_gets_everything() -> None:
    fitter = Bowl(0.05)
    chosen, _ = run(fitter, method="halving", trials=81, budget="0.1s", space=X)
    assert chosen.out_of_time
    assert fitter.seen[-1][2] == 1.0
    assert chosen.trials[-1].resource == ""
    assert chosen.parameters == chosen.trials[-1].parameters


def test_models_that_begin_at_random_are_started_three_times_and_their_spread_is_told() -> None:
    fitter = Bowl()
    chosen, _ = run(fitter, starts_at_random=True, method="grid", space={"x": [2.0, 3.0]})
    assert [seed for _, seed, _ in fitter.seen] == [1, 1, 2, 3]
    assert chosen.spread is not None
    assert chosen.spread.values == pytest.approx((0.01, 0.02, 0.03))
    assert chosen.spread.range == pytest.approx(0.02)
    assert (chosen.seed, chosen.value) == (1, 0.01)


def test_other_models_are_started_once_unless_it_is_asked_for() -> None:
    assert run(Bowl(), method="grid", space={"x": [2.0]})[0].spread is None
    asked = run(Bowl(), method="grid", starts=2, space={"x": [2.0]})[0].spread
    assert asked is not None
    assert len(asked.values) == 2
