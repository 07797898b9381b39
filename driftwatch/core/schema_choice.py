"""What each column of a reference is: its kind, its role, or the reason why it is set aside."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from driftwatch.core.cell_choice import LARGEST_NAMES, name_counts
from driftwatch.core.frames import RawTable, as_names, as_numbers, missing_column
from driftwatch.core.raw_column import RawColumn, RawKind
from driftwatch.core.records import ColumnKind, ColumnRole, Task
from driftwatch.core.schema import Column, Schema, SetAside
from driftwatch.core.table import Names, Numbers, name_of
from driftwatch.errors import ReferenceDataError

LARGEST_COLUMNS = 2_000
"""Most columns that a reference may have."""

LARGEST_CLASSES = 1_000
"""Most classes that a classifier may have."""

INFERRED_CLASSES = 20
"""Whole numbers are taken for classes, unless told, only where there are at most so many of them."""

LONGEST_NAME = 200
"""Characters; longer values are text to be read, not names."""

_ID_ROWS = 50
"""In fewer rows, different values everywhere do not make an identifier."""

_ID_NAME = re.compile(r"(?i:(?:^|[_ .-])(?:id|uuid|guid|key|index|rownames?)$|^unnamed: \d+$)|[a-z]I[dD]$")


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """What the user said about a reference; see `driftwatch.core.baseline.Baseline.fit`."""

    model: str = "model"
    model_version: str = "1"
    task: Task | str | None = None
    label: str | None = None
    prediction: str | None = None
    scores: tuple[str, ...] = ()
    timestamp: str | None = None
    categorical: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    importance: Mapping[str, float] = field(default_factory=dict)
    fitted_at: datetime | None = None

    @property
    def roles(self) -> dict[str, ColumnRole]:
        """The columns that are no features, by name."""
        named = dict.fromkeys(self.scores, ColumnRole.SCORE)
        if self.prediction is not None:
            named[self.prediction] = ColumnRole.PREDICTION
        if self.label is not None:
            named[self.label] = ColumnRole.LABEL
        return named

    @property
    def named(self) -> list[str]:
        """Every column to which a role was given, repeated where it was given two."""
        roles = [self.label, self.prediction, *self.scores, self.timestamp]
        return [name for name in roles if name is not None]


def check_options(options: FitOptions, existing: Sequence[str]) -> None:
    """Check that the named columns are there, each in one role, and not too many.

    Raises
    ------
    ReferenceDataError
        Naming the column.
    """
    if len(existing) > LARGEST_COLUMNS:
        raise ReferenceDataError(
            f"the reference has {len(existing):,} columns; at most {LARGEST_COLUMNS:,} can be watched.",
            remedy="Leave out those that the model does not use.",
        )
    for name in [*options.named, *sorted(options.categorical | options.ignore)]:
        if name not in existing:
            raise missing_column(name, existing, ReferenceDataError, of="the reference")
    for name in options.named:
        if options.named.count(name) > 1:
            raise ReferenceDataError("it was named for two roles.", field=name, remedy="Name a column once.")
        if name in options.ignore:
            raise ReferenceDataError("it has a role and is ignored too.", field=name, remedy="Choose one of the two.")


def chosen_task(options: FitOptions, reference: RawTable) -> Task:
    """The task that was named, or the one that the label (else the prediction) speaks for.

    Truth values and names are classes. So are whole numbers if there are two of them, or at most
    `INFERRED_CLASSES` of a column of integers, all of which the prediction also has. Other numbers are regression,
    and so is a reference with neither label nor prediction, where the task has no meaning.

    Raises
    ------
    ReferenceDataError
        If the named task is none of the three.
    """
    if options.task is not None:
        try:
            return Task(options.task)
        except ValueError:
            known = ", ".join(Task)
            raise ReferenceDataError(f"{options.task!r} is no task.", field="task", remedy=f"Use {known}.") from None
    name = options.label or options.prediction
    if name is None:
        return Task.REGRESSION
    raw = reference.columns[name]
    if isinstance(raw.values, Names):
        n_classes = len(_classes_in(raw, name))
        return Task.BINARY if n_classes <= 2 else Task.MULTICLASS
    distinct = _whole_numbers(raw)
    if options.label is not None and options.prediction is not None:
        predicted = _whole_numbers(reference.columns[options.prediction])
        if not predicted or not distinct or not predicted <= distinct:
            return Task.REGRESSION
    if distinct and len(distinct) <= 2:
        return Task.BINARY
    if distinct and raw.kind is RawKind.INTEGER and len(distinct) <= INFERRED_CLASSES:
        return Task.MULTICLASS
    return Task.REGRESSION


def _whole_numbers(raw: RawColumn) -> frozenset[float]:
    """The distinct values of a column of few whole numbers; empty for any other."""
    if not isinstance(raw.values, Numbers) or raw.kind not in (RawKind.NUMBER, RawKind.INTEGER):
        return frozenset()
    values = raw.values.values
    present = values[~np.isnan(values)]
    if len(present) and (not np.isfinite(present).all() or (present != np.floor(present)).any()):
        return frozenset()
    distinct = np.unique(present)
    return frozenset(distinct.tolist()) if len(distinct) <= LARGEST_CLASSES else frozenset()


def chosen_classes(task: Task, columns: Sequence[tuple[str, RawColumn]]) -> tuple[str, ...]:
    """The names of a label's values: numbers by size, ``false`` before ``true``, others by the alphabet.

    Parameters
    ----------
    task
        Regression has none.
    columns
        Labels and predictions, of the reference and of the evaluation.

    Raises
    ------
    ReferenceDataError
        If there are too many for the task, or only one.
    """
    if task is Task.REGRESSION or not columns:
        return ()
    classes = set().union(*(_classes_in(raw, name) for name, raw in columns))
    # Rows of one class only: the other one of a usual pair goes without saying.
    classes |= next((usual for usual in ({"0", "1"}, {"false", "true"}) if classes < usual), set())
    name = columns[0][0]
    limit = 2 if task is Task.BINARY else LARGEST_CLASSES
    if len(classes) > limit:
        shown = ", ".join(sorted(classes)[:8])
        raise ReferenceDataError(
            f"{len(classes):,} classes were found ({shown}{', ...' if len(classes) > 8 else ''}) in labels and "
            f"predictions, where {task.value} has at most {limit:,}.",
            field=name,
            remedy="Write both in the same way, or name another task.",
        )
    if len(classes) < 2:
        raise ReferenceDataError(
            "it has fewer than two classes.", field=name, remedy="Give reference rows of every class."
        )
    return tuple(sorted(classes, key=_class_order))


def _class_order(name: str) -> tuple[bool, float, str]:
    try:
        return (False, float(name), name)
    except ValueError:
        return (True, 0.0, name)


def _classes_in(raw: RawColumn, name: str) -> set[str]:
    if isinstance(raw.values, Numbers) and raw.kind in (RawKind.NUMBER, RawKind.INTEGER):
        distinct = np.unique(raw.values.values)
        return {name_of(value) for value in distinct[~np.isnan(distinct)][: LARGEST_CLASSES + 1].tolist()}
    return set(name_counts(as_names(raw, name, ReferenceDataError)).names)


def chosen_schema(options: FitOptions, reference: RawTable, task: Task, classes: tuple[str, ...]) -> Schema:
    """The schema of a reference.

    Raises
    ------
    ReferenceDataError
        If a column cannot be what its role asks for, or none is left to measure.
    """
    roles = options.roles
    columns: list[Column] = []
    set_aside: list[SetAside] = []
    for name, raw in reference.columns.items():
        if name in options.ignore or name == options.timestamp:
            continue
        role = roles.get(name, ColumnRole.FEATURE)
        if role is not ColumnRole.FEATURE:
            columns.append(Column(name=name, kind=_kind_for_role(raw, name, role, task), role=role))
            continue
        reason = _reason_to_set_aside(raw, name, name in options.categorical)
        if reason is not None:
            set_aside.append(SetAside(name=name, reason=reason))
        else:
            columns.append(Column(name=name, kind=_kind_of(raw, name in options.categorical), role=role))
    if not columns:
        reasons = "; ".join(f"{aside.name}: {aside.reason}" for aside in set_aside[:5])
        raise ReferenceDataError(
            f"no column is left that can be measured{f' ({reasons})' if reasons else ''}.",
            remedy="Give columns of numbers, truth values or categories.",
        )
    _check_scores(options.scores, task, classes)
    return Schema(
        task=task,
        columns=tuple(columns),
        label=options.label,
        prediction=options.prediction,
        scores=options.scores,
        timestamp=options.timestamp,
        classes=classes,
        set_aside=tuple(set_aside),
    )


def _check_scores(scores: tuple[str, ...], task: Task, classes: tuple[str, ...]) -> None:
    if not scores:
        return
    if task is Task.REGRESSION:
        raise ReferenceDataError("regression has no scores.", field=scores[0], remedy="Leave it out, or name the task.")
    wanted = 1 if task is Task.BINARY else len(classes)
    if len(scores) != wanted:
        of_what = f"that of class {classes[-1]!r}" if task is Task.BINARY and classes else "one a class, in order"
        raise ReferenceDataError(
            f"{len(scores)} score columns were named; {task.value} takes {wanted}.",
            field=scores[0],
            remedy=f"Name {of_what}.",
        )


def _kind_for_role(raw: RawColumn, name: str, role: ColumnRole, task: Task) -> ColumnKind:
    if role is ColumnRole.SCORE or task is Task.REGRESSION:
        numbers = as_numbers(raw, name, ReferenceDataError)
        if not np.isfinite(numbers.values).any():
            raise _nothing_in(name, role)
        return ColumnKind.NUMERIC
    names = as_names(raw, name, ReferenceDataError)
    if not (names.codes >= 0).any():
        raise _nothing_in(name, role)
    return ColumnKind.BOOLEAN if raw.kind is RawKind.BOOLEAN else ColumnKind.CATEGORICAL


def _nothing_in(name: str, role: ColumnRole) -> ReferenceDataError:
    return ReferenceDataError(f"the {role.value} has no value.", field=name, remedy="Give rows that have one.")


def _kind_of(raw: RawColumn, named_categorical: bool) -> ColumnKind:
    if raw.kind is RawKind.BOOLEAN:
        return ColumnKind.BOOLEAN
    if raw.kind in (RawKind.NUMBER, RawKind.INTEGER) and not named_categorical:
        return ColumnKind.NUMERIC
    return ColumnKind.CATEGORICAL


def _reason_to_set_aside(raw: RawColumn, name: str, named_categorical: bool) -> str | None:
    """Why a feature is not measured, None if it is."""
    if raw.kind is RawKind.OPAQUE:
        return f"it holds {raw.kind.words}"
    if raw.kind is RawKind.TIME:
        return "it holds dates or times, which only move forward"
    if isinstance(raw.values, Numbers) and not named_categorical:
        return _reason_of_numbers(raw, name)
    return _reason_of_names(as_names(raw, name, ReferenceDataError), named_categorical)


def _reason_of_numbers(raw: RawColumn, name: str) -> str | None:
    values = as_numbers(raw, name, ReferenceDataError).values
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return "it has no value" if np.isnan(values).all() else "it has no finite number"
    looks_like_id = raw.kind is RawKind.INTEGER and len(finite) >= _ID_ROWS and _ID_NAME.search(name) is not None
    if looks_like_id and len(np.unique(finite)) == len(finite):
        return "it looks like an identifier: every value is another"
    return None


def _reason_of_names(names: Names, named_categorical: bool) -> str | None:
    occurring = name_counts(names)
    n_rows, n_names = int(occurring.counts.sum()), len(occurring.names)
    if n_rows == 0:
        return "it has no value"
    if max(map(len, occurring.names)) > LONGEST_NAME:
        return f"it looks like free text: values are longer than {LONGEST_NAME} characters"
    if not named_categorical and n_rows >= _ID_ROWS and n_names * 2 > n_rows:
        return f"it looks like an identifier or free text: {n_names:,} different values in {n_rows:,} rows"
    if n_names > LARGEST_NAMES:
        return f"it has {n_names:,} different values; at most {LARGEST_NAMES:,} are counted"
    return None
