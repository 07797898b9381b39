"""The guard stops what goes wrong, clips where it is asked to, and leaves noise alone; a stopped run stays stopped."""

import math
from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np
import pytest
from sklearn.linear_model import SGDClassifier, SGDRegressor

from driftwatch.errors import InputError, TrainingStopped
from driftwatch.training import GuardedEstimator, GuardLimits, TrainingGuard
from driftwatch.training.guard import Certificate, GuardStatus, StopReason

STEPS = 1_000
T = np.arange(STEPS)
GOOD: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "falls, normal noise": lambda r: 1 + 3 * np.exp(-T / 200) + r.normal(0, 0.5, STEPS),
    "falls, log-normal noise": lambda r: (0.2 + 3 * np.exp(-T / 100)) * r.lognormal(0, 1.5, STEPS),
    "falls, Student t of 2": lambda r: 1 + 3 * np.exp(-T / 200) + np.abs(r.standard_t(2, STEPS)),
    "hinge, mostly zero": lambda r: np.maximum(0, r.normal(-0.3, 1, STEPS)),
    "nine of ten are zero": lambda r: (r.random(STEPS) < 0.1) * r.exponential(3, STEPS),
    "alike over ten steps": lambda r: (
        1 + 2 * np.exp(-T / 200) + np.convolve(r.normal(0, 0.3, STEPS + 49), np.exp(-np.arange(50) / 10), "valid")
    ),
    "starts anew every 500 steps": lambda r: 0.2 + 0.5 * np.exp(-(T % 500) / 100) + r.normal(0, 0.05, STEPS),
}
BAD: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "rises slowly": lambda r: 0.3 + np.maximum(T - 300, 0) * 2e-3 + r.normal(0, 0.1, STEPS),
    "falls, then rises": lambda r: 1 + 2 * np.exp(-T / 50) + np.maximum(T - 300, 0) * 0.02 + r.normal(0, 0.3, STEPS),
    "jumps to five times": lambda r: np.where(T < 300, 1, 5) + r.normal(0, 0.5, STEPS),
    "grows by a twentieth a step": lambda r: 1.05 ** np.maximum(T - 300, 0) * r.lognormal(0, 0.3, STEPS),
}


def run(losses: Iterable[float] = (), norms: Iterable[float] = (), **limits: float) -> TrainingGuard:
    guard = TrainingGuard(GuardLimits(**limits))
    losses, norms = list(losses), list(norms)
    try:
        for at in range(max(len(losses), len(norms))):
            guard.step(loss=losses[at] if losses else None, grad_norm=norms[at] if norms else None)
    except TrainingStopped:
        pass
    return guard


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ({"loss": math.nan}, StopReason.NAN_LOSS),
        ({"loss": math.inf}, StopReason.INFINITE_LOSS),
        ({"loss": -math.inf}, StopReason.INFINITE_LOSS),
        ({"grad_norm": math.nan}, StopReason.NAN_GRADIENT),
        ({"loss": 1.0, "grad_norm": math.inf}, StopReason.INFINITE_GRADIENT),
    ],
)
def test_what_is_no_number_stops_at_once(step: dict[str, float], reason: StopReason) -> None:
    guard = TrainingGuard()
    guard.step(loss=1.0, grad_norm=1.0)
    with pytest.raises(TrainingStopped) as stop:
        guard.step(**step)
    assert (guard.stopped, stop.value.reason, stop.value.step) == (reason, reason.value, 2)


def test_a_gradient_that_explodes_stops_after_its_patience() -> None:
    guard = run(norms=[1.0] * 50 + [1e4] * 10)
    assert (guard.stopped, guard.status.steps) == (StopReason.EXPLODING_GRADIENT, 53)


def test_one_large_gradient_alone_stops_nothing() -> None:
    assert run(norms=([1.0] * 50 + [1e4]) * 3).stopped is None


def test_a_limit_of_the_gradient_holds_from_the_first_step() -> None:
    assert run(norms=[11.0] * 3, max_grad_norm=10.0).stopped is StopReason.EXPLODING_GRADIENT


def test_gradients_are_clipped_by_their_norm_where_that_is_asked_for_and_then_stop_nothing() -> None:
    guard = TrainingGuard(GuardLimits(clip_norm=2.0))
    advice = [guard.step(loss=1.0, grad_norm=norm) for norm in (1.0, 2.0, 8.0, *[1e9] * 50)]
    assert [one.scale for one in advice[:3]] == [1.0, 1.0, 0.25]
    assert [one.clip for one in advice[:3]] == [False, False, True]
    assert guard.status.clipped == 51


def test_a_gradient_that_vanishes_while_the_loss_stays_stops() -> None:
    assert run([1.0] * 200, [1.0] * 30 + [1e-9] * 170).stopped is StopReason.VANISHING_GRADIENT


def test_a_gradient_that_dies_away_since_the_training_is_done_stops_nothing() -> None:
    losses = [math.exp(-step / 10) for step in range(400)]
    norms = [math.exp(-step / 10) for step in range(400)]
    assert run(losses, norms).stopped is None


@pytest.mark.parametrize("name", GOOD)
def test_noise_is_left_alone(name: str) -> None:
    """One false stop in forty runs of each kind would be far more than the none of the benchmark's two hundred."""
    stopped = [run(GOOD[name](np.random.default_rng(seed))).stopped for seed in range(40)]
    assert stopped == [None] * 40


@pytest.mark.parametrize("name", BAD)
def test_a_loss_that_diverges_stops(name: str) -> None:
    guards = [run(BAD[name](np.random.default_rng(seed))) for seed in range(10)]
    assert {one.stopped for one in guards} == {StopReason.DIVERGING_LOSS}
    assert all(300 < one.status.steps < 900 for one in guards)


def test_divergence_is_not_looked_for_where_it_is_switched_off() -> None:
    assert run(BAD["jumps to five times"](np.random.default_rng(0)), loss_patience=0).stopped is None


def test_a_run_that_was_stopped_does_not_go_on_and_gets_no_certificate() -> None:
    guard = run([1.0, math.nan])
    with pytest.raises(TrainingStopped, match="nan_loss"):
        guard.step(loss=0.1)
    with pytest.raises(TrainingStopped, match="nan_loss"):
        guard.certificate()
    with pytest.raises(TrainingStopped, match="nan_loss"):
        Certificate(guard)
    assert guard.status.steps == 2


def test_a_certificate_is_worth_nothing_once_its_guard_has_stopped() -> None:
    guard = TrainingGuard()
    guard.step(loss=1.0)
    certificate = guard.certificate()
    assert certificate.confirm().steps == 1
    with pytest.raises(TrainingStopped):
        guard.step(loss=math.nan)
    with pytest.raises(TrainingStopped):
        certificate.confirm()


def test_the_series_is_thinned_out_evenly_and_bounded() -> None:
    guard = run([1.0 / (1 + step) for step in range(10_000)])
    steps = guard.series.steps
    assert len(steps) <= 2_001
    assert len(steps) > 900
    assert {one - before for before, one in pairwise(steps)} == {8}
    assert guard.series.losses[0] == 1.0 / steps[0]


def test_every_step_is_told() -> None:
    told: list[GuardStatus] = []
    guard = TrainingGuard(on_step=told.append)
    guard.step(loss=2.0)
    with pytest.raises(TrainingStopped):
        guard.step(loss=math.nan)
    assert [one.steps for one in told] == [1, 2]
    assert told[-1].stopped is StopReason.NAN_LOSS


@pytest.mark.parametrize(
    "limits", [{"clip_norm": 0.0}, {"loss_block": 0}, {"max_grad_norm": math.nan}, {"loss_patience": -1}]
)
def test_limits_that_cannot_work_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"guard.{next(iter(limits))}"):
        GuardLimits(**limits)


def learn(guarded: GuardedEstimator, X: np.ndarray) -> None:
    for step in range(200):
        rows = X[step * 32 % len(X) :][:32]
        guarded.partial_fit(rows, rows.sum(axis=1))


def test_a_regression_that_goes_to_infinity_is_stopped_and_keeps_its_last_weights() -> None:
    X = np.random.default_rng(0).normal(size=(640, 3))
    guarded = GuardedEstimator(SGDRegressor(learning_rate="constant", eta0=5.0), TrainingGuard())
    with pytest.raises(TrainingStopped), np.errstate(all="ignore"):
        learn(guarded, X)
    assert guarded.guard.stopped is not None
    assert np.isfinite(guarded.estimator.coef_).all()


def test_a_step_is_shortened_as_the_guard_advises() -> None:
    X = np.random.default_rng(0).normal(size=(200, 3))
    y = X.sum(axis=1)

    def moved(limits: GuardLimits) -> np.ndarray:
        guarded = GuardedEstimator(SGDRegressor(random_state=0), TrainingGuard(limits))
        guarded.partial_fit(X[:100], y[:100])
        before = np.r_[guarded.estimator.coef_, guarded.estimator.intercept_]
        guarded.partial_fit(X[100:], y[100:])
        return np.r_[guarded.estimator.coef_, guarded.estimator.intercept_] - before

    free, clipped = moved(GuardLimits()), moved(GuardLimits(clip_norm=0.01))
    assert np.linalg.norm(free) > 0.01
    assert np.linalg.norm(clipped) == pytest.approx(0.01)
    assert clipped / np.linalg.norm(clipped) == pytest.approx(free / np.linalg.norm(free))


def test_a_classifier_s_loss_is_its_log_loss() -> None:
    from sklearn.metrics import log_loss

    told: list[GuardStatus] = []
    X = np.random.default_rng(0).normal(size=(200, 2))
    y = (X[:, 0] > 0).astype(int)
    guarded = GuardedEstimator(SGDClassifier(loss="log_loss", random_state=0), TrainingGuard(on_step=told.append))
    guarded.partial_fit(X[:100], y[:100], classes=[0, 1])
    said = guarded.estimator.predict_proba(X[100:])
    guarded.partial_fit(X[100:], y[100:])
    assert told[1].loss == pytest.approx(log_loss(y[100:], said))
