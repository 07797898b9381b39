"""The training guard: sees at every step whether a training goes wrong, from any framework.

Give it each step's loss and the norm of the gradient, whichever there are. It sees

- a loss or a gradient that is NaN or infinite: the run is stopped;
- a gradient that explodes: larger than ``max_grad_norm``, or ``explode_ratio`` times the median of the last hundred,
  ``explode_patience`` steps in a row. Where ``clip_norm`` is set, every gradient beyond it is clipped instead;
- a gradient that vanishes: ``vanish_patience`` steps in a row below ``vanish_ratio`` times the median of the first
  twenty, while the loss has hardly fallen. A gradient that dies away because the training is done stops nothing;
- a loss that diverges (`driftwatch.training.divergence`).

A run that it stopped stays stopped: `TrainingGuard.certificate`, without which nothing is promoted, raises.

References
----------
Pascanu, R., Mikolov, T. & Bengio, Y. (2013). On the difficulty of training recurrent neural networks. ICML, PMLR 28(3).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from driftwatch.errors import InputError, TrainingStopped
from driftwatch.training.divergence import Divergence

_RECENT = 100
_FIRST = 20
_HARDLY_FALLEN = 0.1
_MOST_POINTS = 2_000


class StopReason(StrEnum):
    """Why a training was stopped."""

    NAN_LOSS = "nan_loss"
    INFINITE_LOSS = "infinite_loss"
    NAN_GRADIENT = "nan_gradient"
    INFINITE_GRADIENT = "infinite_gradient"
    EXPLODING_GRADIENT = "exploding_gradient"
    VANISHING_GRADIENT = "vanishing_gradient"
    DIVERGING_LOSS = "diverging_loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardLimits:
    """What is too much.

    Attributes
    ----------
    clip_norm
        Gradients with a larger norm are to be clipped to it; None clips nothing.
    max_grad_norm
        A norm beyond this explodes, at whatever size gradients began; None leaves it to ``explode_ratio``.
    explode_ratio, explode_patience
        How many times the median of the last hundred norms is too much, and for how many steps in a row.
    vanish_ratio, vanish_patience
        Which share of the median of the first twenty norms is next to nothing, and for how many steps in a row.
    loss_block, loss_patience
        Steps of a block, and high blocks in a row that diverge; a ``loss_patience`` of 0 looks for no divergence (of a
        game of two networks, for one, whose losses rise by design).

    Raises
    ------
    InputError
        Where a limit cannot work.
    """

    clip_norm: float | None = None
    max_grad_norm: float | None = None
    explode_ratio: float = 1_000.0
    explode_patience: int = 3
    vanish_ratio: float = 1e-7
    vanish_patience: int = 50
    loss_block: int = 20
    loss_patience: int = 3

    def __post_init__(self) -> None:
        positive = {
            "clip_norm": self.clip_norm,
            "max_grad_norm": self.max_grad_norm,
            "explode_ratio": self.explode_ratio,
            "explode_patience": self.explode_patience,
            "vanish_ratio": self.vanish_ratio,
            "vanish_patience": self.vanish_patience,
            "loss_block": self.loss_block,
        }
        for name, value in positive.items():
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise InputError(f"{value!r} is no limit.", field=f"guard.{name}", remedy="Give a number above 0.")
        if self.loss_patience < 0:
            raise InputError("is less than nothing.", field="guard.loss_patience", remedy="Give 0 to switch it off.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to do with a step's gradient: multiply it by ``scale``, which is 1 unless it is to be clipped."""

    scale: float = 1.0

    @property
    def clip(self) -> bool:
        """Whether the gradient is to be made smaller."""
        return self.scale < 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What a guard saw of a training: at most about two thousand points, evenly spread over its steps.

    A loss or norm that was not given is ``nan``.
    """

    steps: tuple[int, ...]
    losses: tuple[float, ...]
    grad_norms: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardStatus:
    """Where a guarded training stands."""

    steps: int
    loss: float
    grad_norm: float
    clipped: int
    stopped: StopReason | None


class TrainingGuard:
    """Watches one training, step by step. Its memory is bounded.

    Parameters
    ----------
    limits
        What is too much.
    on_step
        Told the status after every step: for metrics (`driftwatch.training.textfile.MetricsFile`) or a progress bar.

    Examples
    --------
    >>> guard = TrainingGuard(GuardLimits(clip_norm=1.0))
    >>> guard.step(loss=0.7, grad_norm=0.5).scale, guard.step(loss=0.6, grad_norm=4.0).scale
    (1.0, 0.25)
    >>> guard.step(loss=float("nan"))
    Traceback (most recent call last):
    ...
    driftwatch.errors.TrainingStopped: Training was stopped at step 3: the loss is not a number (nan_loss).
    >>> guard.stopped
    <StopReason.NAN_LOSS: 'nan_loss'>
    """

    def __init__(
        self, limits: GuardLimits | None = None, *, on_step: Callable[[GuardStatus], object] | None = None
    ) -> None:
        self.limits = limits or GuardLimits()
        self._on_step = on_step
        self._steps = 0
        self._clipped = 0
        self._loss = self._grad_norm = math.nan
        self._stopped: StopReason | None = None
        self._why = ""
        self._divergence = Divergence(block=self.limits.loss_block, patience=max(self.limits.loss_patience, 1))
        self._norms: deque[float] = deque(maxlen=_RECENT)
        self._first_norms: list[float] = []
        self._exploding = self._vanishing = 0
        self._points: list[tuple[int, float, float]] = []
        self._stride = 1

    @property
    def stopped(self) -> StopReason | None:
        """Why the training was stopped; None while it was not."""
        return self._stopped

    @property
    def status(self) -> GuardStatus:
        """Where it stands."""
        return GuardStatus(
            steps=self._steps,
            loss=self._loss,
            grad_norm=self._grad_norm,
            clipped=self._clipped,
            stopped=self._stopped,
        )

    @property
    def series(self) -> Series:
        """What was seen, evenly thinned out."""
        steps, losses, norms = zip(*self._points, strict=True) if self._points else ((), (), ())
        return Series(steps=tuple(steps), losses=tuple(losses), grad_norms=tuple(norms))

    def expect(self, *, loss: float) -> None:
        """Say, before the first step, what the loss of a model is that has learned nothing.

        A training that goes wrong from its first steps is then told from one whose losses are large by nature.
        """
        if math.isfinite(loss):
            self._divergence.expect(loss)

    def step(self, *, loss: float | None = None, grad_norm: float | None = None) -> Advice:
        """Take a step's loss and the norm of its gradient, before the gradient is used.

        Parameters
        ----------
        loss
            Of the step's batch; smaller is better. Anything that ``float`` takes.
        grad_norm
            The Euclidean norm of the whole gradient, not negative.

        Returns
        -------
        Advice
            By what to multiply the gradient.

        Raises
        ------
        TrainingStopped
            With this step, or at every later one: a run that was stopped does not go on.
        """
        if self._stopped is not None:
            raise self._stopping()
        self._steps += 1
        self._loss = math.nan if loss is None else float(loss)
        self._grad_norm = math.nan if grad_norm is None else float(grad_norm)
        self._remember()
        scale = 1.0
        found = None if loss is None else self._of_loss(self._loss)
        if found is None and grad_norm is not None:
            found = self._of_gradient(self._grad_norm)
            clip = self.limits.clip_norm
            if found is None and clip is not None and self._grad_norm > clip:
                scale = clip / self._grad_norm
                self._clipped += 1
        if found is not None:
            self._stopped, self._why = found
        if self._on_step is not None:
            self._on_step(self.status)
        if self._stopped is not None:
            raise self._stopping()
        return Advice(scale=scale)

    def certificate(self) -> Certificate:
        """What says that this training ended by itself.

        Raises
        ------
        TrainingStopped
            If it was stopped.
        """
        return Certificate(self)

    def _stopping(self) -> TrainingStopped:
        assert self._stopped is not None
        return TrainingStopped(self._stopped.value, self._why, self._steps)

    def _of_loss(self, loss: float) -> tuple[StopReason, str] | None:
        if math.isnan(loss):
            return StopReason.NAN_LOSS, "the loss is not a number"
        if math.isinf(loss):
            return StopReason.INFINITE_LOSS, "the loss is infinite"
        if self.limits.loss_patience and self._divergence.add(loss):
            best = self._divergence.best
            risen = "" if best is None else f" from {best:.4g}"
            return StopReason.DIVERGING_LOSS, f"the loss rose to {loss:.4g}{risen}"
        return None

    def _of_gradient(self, norm: float) -> tuple[StopReason, str] | None:
        if math.isnan(norm):
            return StopReason.NAN_GRADIENT, "the gradient is not a number"
        if math.isinf(norm):
            return StopReason.INFINITE_GRADIENT, "the gradient is infinite"
        found = self._exploded(norm) or self._vanished(norm)
        self._norms.append(norm)
        if len(self._first_norms) < _FIRST:
            self._first_norms.append(norm)
        return found

    def _exploded(self, norm: float) -> tuple[StopReason, str] | None:
        if self.limits.clip_norm is not None:
            return None
        too_much = self.limits.max_grad_norm or math.inf
        if len(self._norms) >= _FIRST and (middle := median(self._norms)) > 0:
            too_much = min(too_much, self.limits.explode_ratio * middle)
        self._exploding = self._exploding + 1 if norm > too_much else 0
        if self._exploding < self.limits.explode_patience:
            return None
        return StopReason.EXPLODING_GRADIENT, f"the gradient's norm is {norm:.4g}, beyond {too_much:.4g}"

    def _vanished(self, norm: float) -> tuple[StopReason, str] | None:
        if len(self._first_norms) < _FIRST:
            return None
        next_to_nothing = self.limits.vanish_ratio * median(self._first_norms)
        self._vanishing = self._vanishing + 1 if norm <= next_to_nothing else 0
        if self._vanishing < self.limits.vanish_patience or self._has_learned():
            return None
        return StopReason.VANISHING_GRADIENT, f"the gradient's norm is {norm:.4g}, and the loss has hardly fallen"

    def _has_learned(self) -> bool:
        """Whether the loss fell: then a small gradient says that the training is done."""
        first, best = self._divergence.first, self._divergence.best
        if first is None or best is None:
            # Without a loss it cannot be told from a training that is done.
            return math.isnan(self._loss)
        return first - best > _HARDLY_FALLEN * abs(first)

    def _remember(self) -> None:
        if self._steps % self._stride == 0:
            self._points.append((self._steps, self._loss, self._grad_norm))
        if len(self._points) > _MOST_POINTS:
            self._stride *= 2
            self._points = [one for one in self._points if one[0] % self._stride == 0]


class Certificate:
    """Says that a training ended by itself: only a guard that stopped nothing gives one, and promoting asks for it.

    Raises
    ------
    TrainingStopped
        If the guard has stopped its training.
    """

    __slots__ = ("_guard",)

    def __init__(self, guard: TrainingGuard) -> None:
        self._guard = guard
        self.confirm()

    def confirm(self) -> GuardStatus:
        """The guard's status.

        Raises
        ------
        TrainingStopped
            If the guard has stopped its training since.
        """
        if self._guard.stopped is not None:
            self._guard.step()
        return self._guard.status


__all__ = ["Advice", "Certificate", "GuardLimits", "GuardStatus", "Series", "StopReason", "TrainingGuard"]
