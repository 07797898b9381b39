"""What a search ends in: the one thing that opens the test rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sklearn.pipeline import Pipeline

from driftwatch.training.guard import Certificate


class TrialState(StrEnum):
    """What became of a trial."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One thing that was tried: parameters, the rows or epochs they got, and their value on the validation rows."""

    number: int
    parameters: Mapping[str, Any]
    state: TrialState
    value: float
    seconds: float
    seed: int
    resource: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The values on the validation rows of several random starts of the same parameters."""

    values: tuple[float, ...]

    @property
    def range(self) -> float:
        """The largest less the smallest."""
        return max(self.values) - min(self.values)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Chosen:
    """What was chosen by validation rows, fitted on training rows.

    ``certificate`` says that its guard did not stop it: without one there is nothing to choose.
    """

    pipeline: Pipeline
    parameters: Mapping[str, Any]
    seed: int
    value: float
    certificate: Certificate
    chosen_at: datetime
    trials: tuple[Trial, ...]
    spread: Spread | None = None
    out_of_time: bool = False
    epochs: int | None = None
    notes: tuple[str, ...] = field(default=())
