"""Training: splits by time, search, gradient training under a guard, champion against challenger, a model card.

The names below are imported when they are first used: the guard lives in other people's training loops, and loads
neither numpy nor scikit-learn.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driftwatch.training.callbacks import GuardedEstimator, KerasGuard, TorchGuard
    from driftwatch.training.guard import Advice, GuardLimits, TrainingGuard
    from driftwatch.training.model_store import ModelStore
    from driftwatch.training.recipe import Recipe, read_recipe
    from driftwatch.training.run import Run, train

__all__ = [
    "Advice",
    "GuardLimits",
    "GuardedEstimator",
    "KerasGuard",
    "ModelStore",
    "Recipe",
    "Run",
    "TorchGuard",
    "TrainingGuard",
    "read_recipe",
    "train",
]

_HOME = {
    "Advice": "driftwatch.training.guard",
    "GuardLimits": "driftwatch.training.guard",
    "GuardedEstimator": "driftwatch.training.callbacks",
    "KerasGuard": "driftwatch.training.callbacks",
    "ModelStore": "driftwatch.training.model_store",
    "Recipe": "driftwatch.training.recipe",
    "Run": "driftwatch.training.run",
    "TorchGuard": "driftwatch.training.callbacks",
    "TrainingGuard": "driftwatch.training.guard",
    "read_recipe": "driftwatch.training.recipe",
    "train": "driftwatch.training.run",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
