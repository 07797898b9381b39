"""Makes the guards of a run: each trial has its own, and all of them tell one file of metrics."""

from __future__ import annotations

from dataclasses import dataclass, field

from driftwatch.training.guard import GuardStatus, StopReason, TrainingGuard
from driftwatch.training.recipe import GuardRecipe
from driftwatch.training.textfile import MetricsFile


@dataclass(slots=True, kw_only=True)
class Watching:
    """The guards of a run, and what they stopped."""

    recipe: GuardRecipe
    model: str
    guards: list[TrainingGuard] = field(default_factory=list)
    _file: MetricsFile | None = None

    def __post_init__(self) -> None:
        if self.recipe.metrics_file is not None:
            self._file = MetricsFile(self.recipe.metrics_file, self.model)

    def guard(self) -> TrainingGuard:
        """A guard for one more training."""
        made = TrainingGuard(self.recipe.limits(), on_step=self._file)
        self.guards.append(made)
        return made

    @property
    def stops(self) -> list[StopReason]:
        """Why trainings were stopped."""
        return [one.stopped for one in self.guards if one.stopped is not None]

    def close(self) -> None:
        """Write the last words of the latest training."""
        if self._file is not None and self.guards:
            status: GuardStatus = self.guards[-1].status
            self._file.write(status)
