"""What each column of a reference is: its kind, its role, or the reason why it is set aside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from driftwatch.core.cell_choice import LARGEST_NAMES
from driftwatch.core.column_reading import CONVERT
from driftwatch.core.frames import missing_column
from driftwatch.core.performance.business_value import value_matrix
from driftwatch.core.raw_column import RawKind
from driftwatch.core.records import ColumnKind, ColumnRole, Task
from driftwatch.core.schema import Column, Schema, SetAside
from driftwatch.core.survey import MOST_NAMES, NAMED, WHOLE_AND_REAL, ColumnSurvey, Survey
from driftwatch.core.table import name_of
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
    segments: tuple[str, ...] = ()
    positive: str | None = None
    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    fitted_at: datetime | None = None

    @classmethod
    def of(
        cls,
        *,
        score: str | Sequence[str] | None = None,
        categorical: Iterable[str] = (),
        ignore: Iterable[str] = (),
        importance: Mapping[str, float] | None = None,
        segments: Iterable[str] = (),
        positive: Any = None,
        values: Mapping[Any, Mapping[Any, float]] | None = None,
        **others: Any,
    ) -> FitOptions:
        """From what `Baseline.fit` is given."""
        scores = (score,) if isinstance(score, str) else tuple(score or ())
        return cls(
            scores=scores,
            categorical=frozenset(categorical),
            ignore=frozenset(ignore),
            importance=dict(importance or {}),
            segments=tuple(dict.fromkeys(segments)),
            positive=None if positive is None else name_of(positive),
            values={
                name_of(label): {name_of(one): float(value) for one, value in row.items()}
                for label, row in (values or {}).items()
            },
            **others,
        )

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
    for name in [*options.named, *sorted(options.categorical | options.ignore), *options.segments]:
        if name not in existing:
            raise missing_column(name, existing, ReferenceDataError, of="the reference")
    for name in options.named:
        if options.named.count(name) > 1:
            raise ReferenceDataError("it was named for two roles.", field=name, remedy="Name a column once.")
        if name in options.ignore:
            raise ReferenceDataError("it has a role and is ignored too.", field=name, remedy="Choose one of the two.")


def chosen_task(options: FitOptions, reference: Mapping[str, ColumnSurvey]) -> Task:
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
    column = reference[name]
    if column.kind in NAMED:
        occurring = column.occurring
        return Task.BINARY if occurring is not None and len(occurring.names) <= 2 else Task.MULTICLASS
    distinct = column.whole_numbers
    if len(distinct) > LARGEST_CLASSES:
        return Task.REGRESSION
    if options.label is not None and options.prediction is not None:
        predicted = reference[options.prediction].whole_numbers
        if not predicted or not distinct or not predicted <= distinct:
            return Task.REGRESSION
    if distinct and len(distinct) <= 2:
        return Task.BINARY
    if distinct and column.kind is RawKind.INTEGER and len(distinct) <= INFERRED_CLASSES:
        return Task.MULTICLASS
    return Task.REGRESSION


def chosen_classes(task: Task, columns: Sequence[ColumnSurvey], positive: str | None = None) -> tuple[str, ...]:
    """The names of a label's values: numbers by size, ``false`` before ``true``, others by the alphabet.

    Parameters
    ----------
    task
        Regression has none.
    columns
        Labels and predictions, of the reference and of the evaluation.
    positive
        Of a binary model, the class that comes last, as the positive one does.

    Raises
    ------
    ReferenceDataError
        If there are too many for the task, or only one; or the positive one is none of two.
    """
    if positive is not None and (task is not Task.BINARY or not columns):
        raise ReferenceDataError(
            "only a binary model with a label has a positive class.", field="positive", remedy="Leave it out."
        )
    if task is Task.REGRESSION or not columns:
        return ()
    name = columns[0].name
    limit = 2 if task is Task.BINARY else LARGEST_CLASSES
    classes: set[str] = set()
    for column in columns:
        occurring = column.occurring
        if occurring is None:
            raise ReferenceDataError(
                f"it has too many values to be classes; {task.value} has at most {limit:,}.",
                field=column.name,
                remedy="Name another task, or another column.",
            )
        classes.update(occurring.names)
    # Rows of one class only: the other one of a usual pair goes without saying.
    classes |= next((usual for usual in ({"0", "1"}, {"false", "true"}) if classes < usual), set())
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
    if positive is not None and positive not in classes:
        found = ", ".join(sorted(classes))
        raise ReferenceDataError(
            f"{positive!r} is none of the classes.", field="positive", remedy=f"Name one of {found}."
        )
    return tuple(sorted(classes, key=lambda name: (name == positive, *_class_order(name))))


def _class_order(name: str) -> tuple[bool, float, str]:
    try:
        return (False, float(name), name)
    except ValueError:
        return (True, 0.0, name)


def chosen_schema(options: FitOptions, survey: Survey, task: Task, classes: tuple[str, ...]) -> Schema:
    """The schema of a reference.

    Raises
    ------
    ReferenceDataError
        If a column cannot be what its role asks for, or none is left to measure.
    """
    roles = options.roles
    columns: list[Column] = []
    set_aside: list[SetAside] = []
    for name, column in survey.columns.items():
        role = roles.get(name, ColumnRole.FEATURE)
        if role is not ColumnRole.FEATURE:
            columns.append(Column(name=name, kind=_kind_for_role(column, role, task), role=role))
            continue
        reason = _reason_to_set_aside(column, survey, options)
        if reason is not None:
            set_aside.append(SetAside(name=name, reason=reason))
        else:
            kind, is_age = _kind_of(column, name in options.categorical), column.kind is RawKind.TIME
            columns.append(Column(name=name, kind=kind, role=role, is_age=is_age))
    if not columns:
        reasons = "; ".join(f"{aside.name}: {aside.reason}" for aside in set_aside[:5])
        raise ReferenceDataError(
            f"no column is left that can be measured{f' ({reasons})' if reasons else ''}.",
            remedy="Give columns of numbers, truth values or categories.",
        )
    _check_scores(options.scores, task, classes)
    try:
        values = value_matrix(options.values, classes) if options.values else ()
    except ValueError as error:
        remedy = "Name the values of pairs of label and prediction."
        raise ReferenceDataError(f"{error}.", field="values", remedy=remedy) from None
    return Schema(
        task=task,
        columns=tuple(columns),
        label=options.label,
        prediction=options.prediction,
        scores=options.scores,
        timestamp=options.timestamp,
        classes=classes,
        set_aside=tuple(set_aside),
        values=values,
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


def _kind_for_role(column: ColumnSurvey, role: ColumnRole, task: Task) -> ColumnKind:
    numeric = role is ColumnRole.SCORE or task is Task.REGRESSION
    if column.kind is RawKind.OPAQUE or RawKind.TIME in column.kinds:
        words = column.kind.words
        expected = "numbers" if numeric else "names"
        raise ReferenceDataError(f"it holds {words} where {expected} are expected.", field=column.name, remedy=CONVERT)
    if (column.n_finite if numeric else column.n_present) == 0:
        raise ReferenceDataError(
            f"the {role.value} has no value.", field=column.name, remedy="Give rows that have one."
        )
    if numeric:
        return ColumnKind.NUMERIC
    return ColumnKind.BOOLEAN if column.kind is RawKind.BOOLEAN else ColumnKind.CATEGORICAL


def _kind_of(column: ColumnSurvey, named_categorical: bool) -> ColumnKind:
    if column.kind is RawKind.BOOLEAN:
        return ColumnKind.BOOLEAN
    numeric = column.kind is RawKind.TIME or (column.kind in WHOLE_AND_REAL and not named_categorical)
    return ColumnKind.NUMERIC if numeric else ColumnKind.CATEGORICAL


def _reason_to_set_aside(column: ColumnSurvey, survey: Survey, options: FitOptions) -> str | None:
    """Why a feature is not measured, None if it is."""
    named_categorical = column.name in options.categorical
    if column.kind is RawKind.OPAQUE:
        return f"it holds {column.kind.words}"
    if column.kind is RawKind.TIME:
        if options.timestamp is None:
            return "it holds dates or times; name the timestamp column to have it measured as an age"
        return None if column.n_finite else "no row has both it and a time"
    if RawKind.TIME in column.kinds:
        return "it holds dates or times in some batches and other values in others"
    if column.n_present == 0:
        return "it has no value"
    if column.kind in WHOLE_AND_REAL and not named_categorical:
        return _reason_of_numbers(column, survey)
    return _reason_of_names(column, named_categorical)


def _reason_of_numbers(column: ColumnSurvey, survey: Survey) -> str | None:
    if column.n_finite == 0:
        return "it has no finite number"
    named_like_id = column.kind is RawKind.INTEGER and _ID_NAME.search(column.name) is not None
    if named_like_id and column.n_finite >= _ID_ROWS:
        # Of very many rows those of the sample: that none of them repeats tells enough.
        sampled = survey.sampled(column.name)
        if (np.diff(sampled) > 0).all():
            return "it looks like an identifier: every value is another"
    return None


def _reason_of_names(column: ColumnSurvey, named_categorical: bool) -> str | None:
    if column.longest > LONGEST_NAME:
        return f"it looks like free text: values are longer than {LONGEST_NAME} characters"
    occurring, n_rows = column.occurring, column.n_present
    n_names = MOST_NAMES + 1 if occurring is None else len(occurring.names)
    found = f"more than {MOST_NAMES:,}" if occurring is None else f"{n_names:,}"
    if not named_categorical and n_rows >= _ID_ROWS and n_names * 2 > n_rows:
        return f"it looks like an identifier or free text: {found} different values in {n_rows:,} rows"
    if n_names > LARGEST_NAMES:
        return f"it has {found} different values; at most {LARGEST_NAMES:,} are counted"
    return None
