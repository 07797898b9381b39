"""The training guard in other people's loops: scikit-learn's ``partial_fit``, PyTorch and Keras.

Neither PyTorch nor Keras is imported: what is asked of them is what every tensor and every Keras model has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from driftwatch.errors import TrainingStopped
from driftwatch.training.guard import Advice, TrainingGuard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ARRAYS = ("coef_", "intercept_", "coefs_", "intercepts_")
_NOT_FINITE = ("overflow", "infinity", "non-finite", "NaN")
"""What is in the messages of scikit-learn's own errors about weights that are no numbers."""


class GuardedEstimator:
    """A scikit-learn estimator whose ``partial_fit`` goes through a guard.

    scikit-learn shows no gradients: what stands for the gradient's norm is how far the coefficients moved with the step
    (learning rate and all), which explodes and vanishes as the gradient does. The loss is that of the batch before it
    is learned from: squared error for regressors, log loss where there are probabilities, else the share of errors.
    Where the guard clips, the move is made shorter by as much.

    Parameters
    ----------
    estimator
        With ``partial_fit``.
    guard
        Told of every step.
    loss
        Another loss, of ``(estimator, X, y)``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import SGDRegressor
    >>> guarded = GuardedEstimator(SGDRegressor(learning_rate="constant", eta0=1e6), TrainingGuard())
    >>> X = np.ones((100, 1))
    >>> for _ in range(100):
    ...     guarded.partial_fit(X, X[:, 0])
    Traceback (most recent call last):
    ...
    driftwatch.errors.TrainingStopped: ...
    """

    def __init__(
        self,
        estimator: Any,
        guard: TrainingGuard,
        *,
        loss: Callable[[Any, Any, Any], float] | None = None,
    ) -> None:
        self.estimator = estimator
        self.guard = guard
        self._loss = loss or batch_loss

    def partial_fit(self, X: Any, y: Any, *, rows: int | None = None, **options: Any) -> Advice:
        """Learn from a batch, and tell the guard.

        Parameters
        ----------
        X, y
            The batch.
        rows
            Give the estimator so many at a time; all at once where None. The guard is told of the batch as one step.
        **options
            Passed on, ``classes`` for one.

        Raises
        ------
        TrainingStopped
            The coefficients stay as they were before a step that the guard stops on.
        """
        before = _coefficients(self.estimator)
        loss = self._loss(self.estimator, X, y) if before else None
        if not before and "classes" not in options:
            self.guard.expect(loss=_loss_of_nothing(y))
        try:
            for start in range(0, len(y), rows or len(y)):
                end = start + (rows or len(y))
                self.estimator.partial_fit(X[start:end], y[start:end], **options)
        except ValueError as error:
            # scikit-learn itself notices weights that are no numbers, and says so in an error of its own.
            if not any(words in str(error) for words in _NOT_FINITE):
                raise
            self._restore(before)
            return self.guard.step(loss=loss, grad_norm=math.nan)
        after = _coefficients(self.estimator)
        moved = _distance(before, after) if before else None
        try:
            advice = self.guard.step(loss=loss, grad_norm=moved)
        except TrainingStopped:
            self._restore(before)
            raise
        if advice.clip:
            self._restore([old + advice.scale * (new - old) for old, new in zip(before, after, strict=True)])
        return advice

    def _restore(self, values: list[NDArray[np.float64]]) -> None:
        for present, wanted in zip(_arrays(self.estimator), values, strict=False):
            present[...] = wanted


def _loss_of_nothing(y: Any) -> float:
    """The mean squared error of a regression that always says 0."""
    import numpy as np

    with np.errstate(over="ignore"):
        return float(np.mean(np.asarray(y, dtype=np.float64) ** 2))


def batch_loss(estimator: Any, X: Any, y: Any) -> float:
    """The mean loss of a batch: squared error, log loss, or the share of errors; nan where it is undefined."""
    import numpy as np

    if not hasattr(estimator, "classes_"):
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.mean((np.asarray(estimator.predict(X)) - np.asarray(y, dtype=np.float64)) ** 2))
    if not hasattr(estimator, "predict_proba"):
        return float(np.mean(np.asarray(estimator.predict(X)) != np.asarray(y)))
    probabilities = np.asarray(estimator.predict_proba(X))
    column = np.searchsorted(estimator.classes_, np.asarray(y))
    given = probabilities[np.arange(len(column)), column]
    return float(-np.mean(np.log(np.clip(given, 1e-15, None))))


def _arrays(estimator: Any) -> list[NDArray[np.float64]]:
    found: list[NDArray[np.float64]] = []
    for name in _ARRAYS:
        value = getattr(estimator, name, None)
        if value is not None:
            found += value if isinstance(value, list) else [value]
    return found


def _coefficients(estimator: Any) -> list[NDArray[np.float64]]:
    return [one.copy() for one in _arrays(estimator)]


def _distance(before: list[NDArray[np.float64]], after: list[NDArray[np.float64]]) -> float:
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        return math.sqrt(sum(float(((new - old) ** 2).sum()) for old, new in zip(before, after, strict=True)))


class TorchGuard:
    """A guard for PyTorch: call it between ``loss.backward()`` and ``optimizer.step()``.

    The norm is that of all gradients together; where the guard clips, they are multiplied in place.

    Parameters
    ----------
    guard
        Told of every step.
    parameters
        Those of the model, as the optimizer got them.

    Examples
    --------
    ::

        guard = TorchGuard(TrainingGuard(GuardLimits(clip_norm=1.0)), model.parameters())
        for X, y in loader:
            optimizer.zero_grad()
            loss = loss_of(model(X), y)
            loss.backward()
            guard(loss)
            optimizer.step()
    """

    def __init__(self, guard: TrainingGuard, parameters: Iterable[Any]) -> None:
        self.guard = guard
        self._parameters = list(parameters)

    def __call__(self, loss: Any) -> Advice:
        """Take a step.

        Parameters
        ----------
        loss
            A tensor of one number, or a number.

        Raises
        ------
        TrainingStopped
            Before the optimizer has used the gradient.
        """
        gradients = [one.grad for one in self._parameters if one.grad is not None]
        norm = math.hypot(*(float(one.detach().norm(2)) for one in gradients))
        value = loss.detach() if hasattr(loss, "detach") else loss
        advice = self.guard.step(loss=float(value), grad_norm=norm)
        if advice.clip:
            for one in gradients:
                one.mul_(advice.scale)
        return advice


class KerasGuard:
    """A guard for Keras: one of ``model.fit(..., callbacks=[KerasGuard(guard)])``.

    Keras tells its callbacks the loss of a batch (its mean over the epoch so far) and no gradients; it clips by itself,
    with the optimizer's ``global_clipnorm``. A training that the guard stops ends after the batch, and `guard.stopped`
    says why; ``raises=True`` raises instead.
    """

    def __init__(self, guard: TrainingGuard, *, raises: bool = False) -> None:
        self.guard = guard
        self.model: Any = None
        self.params: Any = None
        self._raises = raises

    def set_model(self, model: Any) -> None:
        """Keras says which model it is."""
        self.model = model

    def set_params(self, params: Any) -> None:
        """Keras says how it trains."""
        self.params = params

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """A batch is done."""
        loss = (logs or {}).get("loss")
        if loss is None or self.guard.stopped is not None:
            return
        try:
            self.guard.step(loss=float(loss))
        except TrainingStopped:
            if self._raises:
                raise
            self.model.stop_training = True

    def __getattr__(self, name: str) -> Any:
        """Keras calls every hook there is: those about which there is nothing to say."""
        if name.startswith("on_"):
            return _nothing
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")


def _nothing(*_: object, **__: object) -> None:
    """Nothing."""


__all__ = ["GuardedEstimator", "KerasGuard", "TorchGuard", "batch_loss"]
