"""The guard in PyTorch's and Keras' loops: against what they promise, and against themselves where installed."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
import pytest

from driftwatch.errors import TrainingStopped
from driftwatch.training import GuardLimits, KerasGuard, TorchGuard, TrainingGuard
from driftwatch.training.guard import StopReason


class Gradient:
    """What is asked of a PyTorch gradient, by the names and meanings of its documentation."""

    def __init__(self, *values: float) -> None:
        self.values = np.array(values)

    def detach(self) -> Gradient:
        return self

    def norm(self, p: int) -> np.float64:
        assert p == 2
        return np.linalg.norm(self.values)

    def mul_(self, factor: float) -> None:
        self.values *= factor


class Parameter:
    def __init__(self, *values: float) -> None:
        self.grad = Gradient(*values) if values else None


def test_the_norm_is_that_of_all_gradients_together_and_all_are_clipped() -> None:
    parameters = [Parameter(3.0), Parameter(), Parameter(0.0, 4.0)]
    guard = TorchGuard(TrainingGuard(GuardLimits(clip_norm=1.0)), iter(parameters))
    assert guard(0.5).scale == pytest.approx(0.2)
    assert guard.guard.status.grad_norm == 5.0
    assert [one.grad.values.tolist() for one in parameters if one.grad] == [
        pytest.approx([0.6]),
        pytest.approx([0.0, 0.8]),
    ]


def test_a_gradient_that_is_no_number_stops_before_the_optimizer_has_used_it() -> None:
    guard = TorchGuard(TrainingGuard(), [Parameter(math.nan)])
    with pytest.raises(TrainingStopped, match="nan_gradient"):
        guard(0.5)


class Model:
    stop_training = False


def test_keras_is_told_to_stop_and_the_guard_says_why() -> None:
    callback = KerasGuard(TrainingGuard())
    callback.set_model(Model())
    callback.set_params({"epochs": 1})
    callback.on_train_begin()
    callback.on_train_batch_end(0, {"loss": 0.5})
    assert not callback.model.stop_training
    callback.on_train_batch_end(1, {"loss": math.nan})
    assert callback.model.stop_training
    callback.on_train_batch_end(2, {"loss": 0.1})
    callback.on_epoch_end(0, {})
    assert callback.guard.stopped is StopReason.NAN_LOSS


def test_keras_may_be_told_by_an_exception() -> None:
    callback = KerasGuard(TrainingGuard(), raises=True)
    with pytest.raises(TrainingStopped):
        callback.on_train_batch_end(0, {"loss": math.inf})


# --- themselves -------------------------------------------------------------------------------------------------------

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(512, 4)).astype(np.float32)
Y = X.sum(axis=1, keepdims=True)


def torch_training(rate: float, limits: GuardLimits) -> TrainingGuard:
    torch: Any = pytest.importorskip("torch", reason="needs PyTorch, which is not part of the project")
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    guard = TorchGuard(TrainingGuard(limits), model.parameters())
    rows, labels = torch.from_numpy(X), torch.from_numpy(Y)
    try:
        for step in range(300):
            part = slice(step % 16 * 32, step % 16 * 32 + 32)
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(rows[part]), labels[part])
            loss.backward()
            guard(loss)
            norm = torch.nn.utils.get_total_norm([one.grad for one in model.parameters()])
            assert limits.clip_norm is None or float(norm) <= limits.clip_norm * 1.001
            optimizer.step()
    except TrainingStopped:
        pass
    return guard.guard


def test_a_torch_training_that_goes_well_is_left_alone() -> None:
    guard = torch_training(0.01, GuardLimits())
    assert guard.stopped is None
    assert guard.status.steps == 300
    assert guard.series.losses[-1] < guard.series.losses[0] / 5


def test_a_torch_training_that_goes_wrong_is_stopped() -> None:
    assert torch_training(30.0, GuardLimits()).stopped is not None


def test_a_torch_training_is_clipped_to_its_norm_and_goes_on() -> None:
    guard = torch_training(0.05, GuardLimits(clip_norm=0.5))
    assert guard.stopped is None
    assert guard.status.clipped > 0


def keras_training(rate: float) -> tuple[TrainingGuard, int]:
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras: Any = pytest.importorskip("keras", reason="needs Keras, which is not part of the project")
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile(optimizer=keras.optimizers.SGD(rate), loss="mse")
    guard = TrainingGuard()
    history = model.fit(X, Y, epochs=6, batch_size=16, verbose=0, callbacks=[KerasGuard(guard)])
    return guard, len(history.history["loss"])


def test_a_keras_training_that_goes_well_is_left_alone() -> None:
    guard, epochs = keras_training(0.01)
    assert (guard.stopped, guard.status.steps, epochs) == (None, 6 * 32, 6)


def test_a_keras_training_that_goes_wrong_is_stopped_in_its_first_epoch() -> None:
    guard, epochs = keras_training(50.0)
    assert guard.stopped is not None
    assert epochs == 1
