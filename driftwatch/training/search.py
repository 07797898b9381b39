"""The search: which hyperparameters do best on the validation rows, within a budget of trials and time.

The same seed gives the same trials in the same order; a budget of time may cut them short, and the result says so.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from driftwatch.core.windows import parse_duration
from driftwatch.errors import RecipeError, TrainingFailed, TrainingStopped
from driftwatch.training.chosen import Chosen, Spread, Trial, TrialState
from driftwatch.training.fitting import Fitted, Fitter, in_time
from driftwatch.training.measures import Measure
from driftwatch.training.recipe import SearchMethod, SearchRecipe
from driftwatch.training.space import Choices, Space, at_random, grid, read_space

_FAILURES = (ValueError, TypeError, ArithmeticError, RuntimeError, MemoryError)
_STARTS_OF_NETWORKS = 3

OnTrial = Callable[[Trial, float | None], object]
"""Told of each trial, and the share of the search that is done where it is known."""


@dataclass(slots=True, kw_only=True)
class Search:
    """Goes through a space.

    Parameters
    ----------
    fitter
        Fits one point.
    recipe
        Method, budget, starts and space.
    measure
        What is to be good.
    seed
        Of the search, and of the first start.
    random_starts
        Whether the estimator begins at random weights: then there are three starts where the recipe leaves it open.
    on_trial
        Told of each trial.
    """

    fitter: Fitter
    recipe: SearchRecipe
    measure: Measure
    seed: int
    random_starts: bool = False
    on_trial: OnTrial = field(default=lambda trial, share: None)
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    _trials: list[Trial] = field(default_factory=list)
    _best: tuple[Trial, Fitted] | None = None
    _deadline: float = math.inf
    _out_of_time: bool = False

    def run(self) -> Chosen:
        """Search, then start the best again from other random weights where that is asked for.

        Raises
        ------
        RecipeError
            If the space cannot be searched in this way.
        TrainingStopped
            If the guard stopped every trial that did not fail.
        TrainingFailed
            If no trial gave a value.
        """
        if self.recipe.budget is not None:
            self._deadline = time.monotonic() + parse_duration(self.recipe.budget).total_seconds()
        space = read_space(self.recipe.space)
        match self.recipe.method:
            case SearchMethod.NONE:
                self._try_each([{}])
            case SearchMethod.GRID:
                self._try_each(list(grid(space)))
            case SearchMethod.RANDOM:
                self._try_each(list(self._drawn(space)))
            case SearchMethod.HALVING:
                self._halve(space)
            case SearchMethod.OPTUNA:
                self._optuna(space)
        if self._best is None:
            raise self._nothing_chosen()
        if self._best[0].resource:
            # The time was over before anything had had all rows: the best of what was tried gets them now.
            self._deadline = math.inf
            self._try(self._best[0].parameters)
        spread = self._start_again(self._best[0].parameters)
        trial, fitted = self._best
        return Chosen(
            pipeline=fitted.pipeline,
            parameters=trial.parameters,
            seed=trial.seed,
            value=trial.value,
            certificate=fitted.certificate,
            chosen_at=self.clock(),
            trials=tuple(self._trials),
            spread=spread,
            out_of_time=self._out_of_time,
            epochs=fitted.epochs,
            notes=fitted.notes,
        )

    def _try_each(self, points: Sequence[Mapping[str, Any]]) -> None:
        for number, point in enumerate(points):
            if self._is_over():
                return
            self._try(point, done=(number + 1) / len(points))

    def _drawn(self, space: Space) -> Iterator[dict[str, Any]]:
        """Random points, none twice where there are only lists."""
        random = np.random.default_rng(self.seed)
        every = math.prod(len(one.values) if isinstance(one, Choices) else self.recipe.trials for one in space.values())
        if all(isinstance(one, Choices) for one in space.values()) and every <= self.recipe.trials:
            yield from grid(space)
            return
        seen: set[str] = set()
        while len(seen) < self.recipe.trials:
            point = at_random(space, random)
            if repr(point) not in seen:
                seen.add(repr(point))
                yield point

    def _halve(self, space: Space) -> None:
        """Many points with little, the best of them with more; the last ones get everything."""
        points: list[Mapping[str, Any]] = list(self._drawn(space))
        factor = self.recipe.factor
        rungs = max(math.ceil(math.log(len(points), factor)), 0) if points else 0
        steps = sum(max(len(points) // factor**rung, 1) for rung in range(rungs + 1))
        for rung in range(rungs + 1):
            share = float(factor) ** (rung - rungs)
            tried: list[Trial] = []
            for point in points:
                if self._is_over() and self._best is not None:
                    return
                trial = self._try(point, share=share, done=min((len(self._trials) + 1) / steps, 1.0))
                if trial.state is TrialState.DONE:
                    tried.append(trial)
            if not tried:
                return
            tried.sort(key=lambda one: -one.value if self.measure.higher_is_better else one.value)
            points = [one.parameters for one in tried[: max(len(points) // factor, 1)]]

    def _optuna(self, space: Space) -> None:
        try:
            import optuna
        except ImportError:
            raise RecipeError(
                "'optuna' is not installed.",
                field="search.method",
                remedy="Install it with: pip install 'driftwatch-monitor[training]', or search by 'random'.",
            ) from None
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(
            direction="maximize" if self.measure.higher_is_better else "minimize",
            sampler=optuna.samplers.TPESampler(seed=self.seed),
        )
        for number in range(self.recipe.trials):
            if self._is_over():
                return
            asked = study.ask()
            point = {name: _suggested(asked, name, one) for name, one in space.items()}
            trial = self._try(point, done=(number + 1) / self.recipe.trials)
            if trial.state is TrialState.DONE:
                study.tell(asked, trial.value)
            else:
                study.tell(asked, state=optuna.trial.TrialState.FAIL)

    def _start_again(self, parameters: Mapping[str, Any]) -> Spread | None:
        starts = self.recipe.starts or (_STARTS_OF_NETWORKS if self.random_starts else 1)
        if starts == 1 or self._best is None:
            return None
        values = [self._best[0].value]
        for start in range(1, starts):
            if self._is_over():
                break
            trial = self._try(parameters, seed=self.seed + start, done=(start + 1) / starts)
            if trial.state is TrialState.DONE:
                values.append(trial.value)
        return Spread(values=tuple(values))

    def _try(
        self, parameters: Mapping[str, Any], *, share: float = 1.0, seed: int | None = None, done: float | None = None
    ) -> Trial:
        seed = self.seed if seed is None else seed
        began = time.monotonic()
        fitted: Fitted | None = None
        value, note = math.nan, ""
        try:
            fitted = self.fitter.fit(parameters, seed, share, self._deadline)
            value = fitted.value
            state = TrialState.DONE if math.isfinite(value) else TrialState.FAILED
            note = "; ".join(fitted.notes) if state is TrialState.DONE else f"{self.measure.name} is undefined"
        except TrainingStopped as stop:
            state, note = TrialState.STOPPED, str(stop)
        except _FAILURES as error:
            state, note = TrialState.FAILED, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        trial = Trial(
            number=len(self._trials) + 1,
            parameters=parameters,
            state=state,
            value=value,
            seconds=time.monotonic() - began,
            seed=seed,
            resource="" if share >= 1.0 else f"{share:.3g}",
            note=note,
        )
        self._trials.append(trial)
        if fitted is not None and state is TrialState.DONE:
            self._keep(trial, fitted)
        self.on_trial(trial, done)
        return trial

    def _keep(self, trial: Trial, fitted: Fitted) -> None:
        """What has had everything is always preferred to what has had a share."""
        if self._best is not None:
            best = self._best[0]
            has_more = float(trial.resource or 1) - float(best.resource or 1)
            if has_more < 0 or (has_more == 0 and self.measure.gain(best.value, trial.value) <= 0):
                return
        self._best = (trial, fitted)

    def _is_over(self) -> bool:
        if self._trials and not in_time(self._deadline):
            self._out_of_time = True
        return self._out_of_time

    def _nothing_chosen(self) -> Exception:
        stopped = [one for one in self._trials if one.state is TrialState.STOPPED]
        if stopped:
            return TrainingStopped("every_trial", f"every trial was stopped; the first: {stopped[0].note}", 0)
        first = self._trials[0].note if self._trials else "there was none"
        return TrainingFailed(f"No trial gave a value. The first said: {first}.")


def _suggested(asked: Any, name: str, one: Any) -> Any:
    if isinstance(one, Choices):
        # Optuna takes plain values as categories; others go by their position.
        return one.values[asked.suggest_categorical(name, list(range(len(one.values))))]
    if one.integer:
        return asked.suggest_int(name, int(one.low), int(one.high), log=one.log)
    return asked.suggest_float(name, one.low, one.high, log=one.log)
