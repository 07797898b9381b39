"""How often the training guard stops a training that goes well, and how soon one that does not.

Run: python benchmarks/training_guard.py [RUNS]

Losses are drawn, 2,000 steps a run: falling and level, with normal and heavy-tailed noise, with noise that is alike
over many steps, mostly zero, with a learning rate that starts anew; then losses that rise after step 800. Besides, real
trainings: scikit-learn's SGDRegressor and MLPRegressor at learning rates that work and at ones that do not.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from driftwatch.errors import TrainingStopped
from driftwatch.training import GuardedEstimator, TrainingGuard

STEPS = 2_000
T = np.arange(STEPS)
Losses = Callable[[np.random.Generator], NDArray[np.float64]]

GOOD: dict[str, Losses] = {
    "falls, normal noise": lambda r: 1 + 3 * np.exp(-T / 200) + r.normal(0, 0.5, STEPS),
    "level, normal noise": lambda r: 1 + r.normal(0, 0.5, STEPS),
    "falls to zero, log-normal": lambda r: np.exp(-T / 100) * r.lognormal(0, 0.5, STEPS),
    "falls, log-normal of sigma 1.5": lambda r: (0.2 + 3 * np.exp(-T / 100)) * r.lognormal(0, 1.5, STEPS),
    "falls, Student t of 2": lambda r: 1 + 3 * np.exp(-T / 200) + np.abs(r.standard_t(2, STEPS)),
    "level, Cauchy": lambda r: 1 + np.abs(r.standard_cauchy(STEPS)),
    "hinge, mostly zero": lambda r: np.maximum(0, r.normal(-0.3, 1, STEPS)),
    "nine of ten are zero": lambda r: (r.random(STEPS) < 0.1) * r.exponential(3, STEPS),
    "noise alike over ten steps": lambda r: (
        1 + 2 * np.exp(-T / 200) + np.convolve(r.normal(0, 0.3, STEPS + 49), np.exp(-np.arange(50) / 10), "valid")
    ),
    "starts anew every 500 steps": lambda r: 0.2 + 0.5 * np.exp(-(T % 500) / 100) + r.normal(0, 0.05, STEPS),
}
BAD: dict[str, Losses] = {
    "rises slowly from 800": lambda r: 0.3 + np.where(T > 800, (T - 800) * 1e-3, 0) + r.normal(0, 0.1, STEPS),
    "falls, rises from 800": lambda r: (
        1 + 2 * np.exp(-T / 100) + np.where(T > 800, (T - 800) * 0.01, 0) + r.normal(0, 0.3, STEPS)
    ),
    "jumps to five times at 800": lambda r: np.where(T < 800, 1, 5) + r.normal(0, 0.5, STEPS),
    "grows by 5 % a step from 800": lambda r: 1.05 ** np.maximum(T - 800, 0) * r.lognormal(0, 0.3, STEPS),
}


def stopped_at(losses: NDArray[np.float64]) -> int | None:
    """The step with which the guard stops, if it does."""
    guard = TrainingGuard()
    try:
        for loss in losses.tolist():
            guard.step(loss=loss)
    except TrainingStopped as stop:
        return stop.step
    return None


def real(make: Callable[[], object], seed: int) -> str | None:
    """Train on noisy linear data, ten epochs in batches of 32; answers why the guard stopped, if it did."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(4_000, 10))
    y = X @ random.normal(size=10) + random.standard_t(3, size=4_000)
    guarded = GuardedEstimator(make(), TrainingGuard())
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for _ in range(10):
                for start in range(0, len(X), 32):
                    guarded.partial_fit(X[start : start + 32], y[start : start + 32])
    except TrainingStopped as stop:
        return stop.reason
    return None


def main() -> None:
    from sklearn.linear_model import SGDRegressor
    from sklearn.neural_network import MLPRegressor

    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    started = time.process_time()
    for title, families in (("goes well", GOOD), ("goes wrong", BAD)):
        print(f"\n{title}: {runs} runs of {STEPS:,} steps")
        for name, draw in families.items():
            ends = [stopped_at(draw(np.random.default_rng(seed))) for seed in range(runs)]
            stops = [one for one in ends if one is not None]
            after = f"  median step {np.median(stops):.0f}" if stops else ""
            print(f"  {name:32} stopped {len(stops):4}{after}")
    steps = runs * STEPS * (len(GOOD) + len(BAD))
    print(f"\nat most {(time.process_time() - started) / steps * 1e6:.1f} microseconds a step, with drawing the losses")
    print("\nreal trainings, 10 seeds")
    for name, make in {
        "SGD, learning rate 0.001": lambda: SGDRegressor(learning_rate="constant", eta0=1e-3),
        "SGD, learning rate 0.01": lambda: SGDRegressor(learning_rate="constant", eta0=1e-2),
        "network, learning rate 0.001": lambda: MLPRegressor(hidden_layer_sizes=(16,), random_state=0),
        "network, learning rate 0.01": lambda: MLPRegressor(
            hidden_layer_sizes=(16,), learning_rate_init=1e-2, random_state=0
        ),
        "SGD, learning rate 0.5": lambda: SGDRegressor(learning_rate="constant", eta0=0.5),
        "network, plain SGD at 2": lambda: MLPRegressor(
            hidden_layer_sizes=(16,), solver="sgd", learning_rate_init=2.0, random_state=0
        ),
    }.items():
        reasons = [real(make, seed) for seed in range(10)]
        print(f"  {name:32} stopped {sum(one is not None for one in reasons):4}  {sorted({*reasons} - {None})}")


if __name__ == "__main__":
    main()
