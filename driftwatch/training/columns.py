"""Which columns of the rows are what, and the same types for them wherever the rows come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftwatch.core.records import Task
from driftwatch.core.table import name_of
from driftwatch.errors import RecipeError
from driftwatch.training.recipe import DataRecipe

_DEFAULTS = DataRecipe()


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns that there are, by role; those that the rows lack and the recipe only presumes are None."""

    task: Task
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    label: str
    time: str | None
    label_time: str | None
    prediction: str | None
    scores: tuple[str, ...]
    segments: tuple[str, ...]

    @property
    def features(self) -> list[str]:
        """What the model sees."""
        return [*self.numeric, *self.categorical]

    @classmethod
    def found(cls, task: Task, recipe: DataRecipe, present: Sequence[str]) -> Columns:
        """The roles of the columns that are there.

        Raises
        ------
        RecipeError
            If a column is not there that the recipe names.
        """
        for role in ("numeric", "categorical", "segments"):
            for name in getattr(recipe, role):
                _there(name, role, present)
        _there(recipe.label, "label", present)
        optional: dict[str, str | None] = {}
        for role in ("time", "label_time", "prediction"):
            given: str = getattr(recipe, role)
            if given and given not in present and given != getattr(_DEFAULTS, role):
                _there(given, role, present)
            optional[role] = given if given in present else None
        scores = recipe.scores
        if not set(scores) <= set(present):
            if scores != _DEFAULTS.scores:
                _there(next(one for one in scores if one not in present), "scores", present)
            scores = ()
        return cls(
            task=task,
            numeric=recipe.numeric,
            categorical=recipe.categorical,
            label=recipe.label,
            scores=scores,
            segments=recipe.segments,
            **optional,
        )

    def selected(self, table: pa.Table) -> pa.Table:
        """These columns of a table: numbers as floats, categories, segments and classes as names.

        Raises
        ------
        RecipeError
            If a column of numbers has something else.
        """
        numbers = {*self.numeric, *self.scores}
        names = {*self.categorical, *self.segments} - numbers
        target = names if self.task is not Task.REGRESSION else numbers
        target.add(self.label)
        if self.prediction is not None:
            target.add(self.prediction)
        found: dict[str, Any] = {}
        for name in dict.fromkeys([*self.numeric, *self.scores, *self.categorical, *self.segments, *target]):
            column = table[name]
            found[name] = _as_numbers(name, column) if name in numbers else _as_names(column)
        for time in (self.time, self.label_time):
            if time is not None:
                found[time] = _as_times(time, table[time])
        return pa.table(found)

    def labelled(self, table: pa.Table) -> NDArray[np.bool_]:
        """Which rows of a selected table have a label, and a time where rows have times."""
        known = pc.is_valid(table[self.label])
        if self.time is not None:
            known = pc.and_(known, pc.is_valid(table[self.time]))
        return np.asarray(known.to_numpy(), dtype=np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """The classes of a model, as values of the type that they had before they were names; empty for regression."""

    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, names: Sequence[str]) -> Classes:
        """In order: of numbers by size, of names by letter."""
        try:
            return cls(names=tuple(sorted(set(names), key=float)))
        except ValueError:
            return cls(names=tuple(sorted(set(names))))

    def values(self, names: Any) -> NDArray[Any]:
        """Names as the values that a model is trained on: whole numbers, truth values, or the names."""
        found = np.asarray(names, dtype=object)
        if all(one.lstrip("-").isdecimal() for one in self.names):
            return found.astype(np.int64)
        if set(self.names) <= {"true", "false"}:
            return np.asarray(found == "true")
        return found

    def positions(self, values: Any) -> NDArray[np.float64]:
        """The position of each value among the classes; -1 for others and for what is missing."""
        place = {name: position for position, name in enumerate(self.names)}
        codes, unique = pd.factorize(np.asarray(values, dtype=object))
        known = np.array([*(place.get(name_of(one), -1) for one in unique), -1], dtype=np.float64)
        return np.asarray(known[codes])


def _there(name: str, role: str, present: Sequence[str]) -> None:
    if name in present:
        return
    close = get_close_matches(name, present, n=1)
    shown = ", ".join(list(present)[:12]) + (", ..." if len(present) > 12 else "")
    raise RecipeError(
        f"the rows have no column {name!r}.",
        field=f"data.{role}",
        remedy=f"Did you mean {close[0]!r}?" if close else f"They have: {shown}.",
    )


def _as_numbers(name: str, column: Any) -> Any:
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) or _is_null(kind)):
        raise RecipeError(f"{name!r} holds {kind}, no numbers.", field="data", remedy="Name it under categorical.")
    numbers = column.cast(pa.float64())
    return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)


def _as_names(column: Any) -> Any:
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_large_string(column.type) or _is_null(column.type):
        return column.cast(pa.string())
    encoded = column.combine_chunks() if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries().chunk(0)
    names = [None if one is None else name_of(one) for one in encoded.dictionary.to_pylist()]
    return pa.array(names, type=pa.string()).take(encoded.indices)


def _as_times(name: str, column: Any) -> Any:
    kind = column.type
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us", tz=kind.tz), safe=False)
    if pa.types.is_date(kind) or _is_null(kind):
        return column.cast(pa.timestamp("us"))
    raise RecipeError(
        f"{name!r} holds {kind}, no times.", field="data.time", remedy="Write them as times, or leave them out."
    )


def _is_null(kind: Any) -> bool:
    return bool(pa.types.is_null(kind))
