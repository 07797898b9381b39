"""The search space: what hyperparameters may be, and the ways to go through it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from driftwatch.errors import RecipeError

_MOST_GRID_POINTS = 100_000


@dataclass(frozen=True, slots=True)
class Choices:
    """One of these."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A number between two, both included; by its logarithm or not, whole or not."""

    low: float
    high: float
    log: bool = False
    integer: bool = False

    def at(self, share: float) -> float | int:
        """The number that lies so far between the two ends, from 0 to 1."""
        if self.integer:
            # Every whole number has the same stretch of shares; by logarithms the ends have theirs, too.
            low, high = self.low - 0.5, self.high + 0.5
            value = math.exp(_between(math.log(low), math.log(high), share)) if self.log else _between(low, high, share)
            return int(min(max(round(value), self.low), self.high))
        if self.log:
            return min(max(math.exp(_between(math.log(self.low), math.log(self.high), share)), self.low), self.high)
        return _between(self.low, self.high, share)


Dimension = Choices | Range
Space = Mapping[str, Dimension]


def read_space(document: Mapping[str, Any]) -> dict[str, Dimension]:
    """A space as a recipe writes it: a list of values, or a table with ``low`` and ``high``, ``log`` and ``integer``.

    Raises
    ------
    RecipeError
        If a dimension is neither, or its ends cannot work.

    Examples
    --------
    >>> read_space({"alpha": {"low": 0.01, "high": 10, "log": True}, "fit_intercept": [True, False]})
    {'alpha': Range(low=0.01, high=10, log=True, integer=False), 'fit_intercept': Choices(values=(True, False))}
    """
    return {name: _dimension(f"search.space.{name}", given) for name, given in document.items()}


def grid(space: Space) -> Iterator[dict[str, Any]]:
    """Every combination, the last parameter moving fastest.

    Raises
    ------
    RecipeError
        If there is a range, which has no end of points, or more than a hundred thousand combinations.
    """
    lists: list[tuple[Any, ...]] = []
    for name, dimension in space.items():
        if not isinstance(dimension, Choices):
            raise RecipeError(
                "is a range; a grid needs lists.", field=f"search.space.{name}", remedy="List its values."
            )
        lists.append(dimension.values)
    points = math.prod(len(one) for one in lists)
    if points > _MOST_GRID_POINTS:
        raise RecipeError(f"has {points:,} points.", field="search.space", remedy="List less, or search at random.")
    for values in itertools.product(*lists):
        yield dict(zip(space, values, strict=True))


def at_random(space: Space, random: np.random.Generator) -> dict[str, Any]:
    """A point of the space."""
    return {
        name: one.values[int(random.integers(len(one.values)))] if isinstance(one, Choices) else one.at(random.random())
        for name, one in space.items()
    }


def _dimension(field: str, given: Any) -> Dimension:
    if isinstance(given, list):
        if not given:
            raise RecipeError("lists nothing.", field=field)
        return Choices(tuple(given))
    if not isinstance(given, Mapping) or not {"low", "high"} <= set(given) <= {"low", "high", "log", "integer"}:
        raise RecipeError("is neither a list nor { low, high, log, integer }.", field=field)
    if not all(isinstance(given[end], int | float) and math.isfinite(given[end]) for end in ("low", "high")):
        raise RecipeError("has ends that are no numbers.", field=field)
    made = Range(**given)
    if made.low > made.high or (made.log and made.low <= 0):
        raise RecipeError("has ends that are no range.", field=field, remedy="low is below high; above 0 with log.")
    return made


def _between(low: float, high: float, share: float) -> float:
    return low + (high - low) * share
