"""Watches machine-learning models in production.

The names below are imported when they are first used: ``import driftwatch`` in a model server loads neither numpy
nor pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driftwatch.capture.client import Client
    from driftwatch.capture.watching import watch
    from driftwatch.comparison import compare
    from driftwatch.core.baseline import Baseline
    from driftwatch.monitor import Monitor
    from driftwatch.training.guard import TrainingGuard

__version__ = "0.1.0"

__all__ = ["Baseline", "Client", "Monitor", "TrainingGuard", "__version__", "compare", "watch"]

_HOME = {
    "Baseline": "driftwatch.core.baseline",
    "Client": "driftwatch.capture.client",
    "Monitor": "driftwatch.monitor",
    "TrainingGuard": "driftwatch.training.guard",
    "compare": "driftwatch.comparison",
    "watch": "driftwatch.capture.watching",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
