"""The frozen schema of a model: which columns it has, how each is measured, and what each is to the model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from driftwatch.core.records import ColumnKind, ColumnRole, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column that is measured.

    ``is_age`` is for numeric features that are times: what is measured is the age that each has in its row, in seconds
    up to the row's event time.
    """

    name: str
    kind: ColumnKind
    role: ColumnRole
    is_age: bool = False

    @property
    def kind_text(self) -> str:
        """The kind as people and documents have it: ``datetime`` for an age."""
        return "datetime" if self.is_age else self.kind.value


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A column of the reference that is not measured, and why."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Schema:
    """The columns of a model, under the names that the reference gave them.

    ``classes`` are the names of the label's values (empty for regression). ``scores`` are the columns that
    hold the model's probabilities: one for the positive class (the last of ``classes``) of a binary model,
    one a class (in their order) of a multiclass one, none where the model gives none. ``timestamp`` is the
    reference's column of event times. ``values`` has what each pair of label (row) and prediction is worth, in the
    order of the classes; empty where nobody said.
    """

    task: Task
    columns: tuple[Column, ...]
    label: str | None = None
    prediction: str | None = None
    scores: tuple[str, ...] = ()
    timestamp: str | None = None
    classes: tuple[str, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
    values: tuple[tuple[float, ...], ...] = ()

    @cached_property
    def features(self) -> tuple[Column, ...]:
        """The model's inputs, in the order of the reference."""
        return tuple(column for column in self.columns if column.role is ColumnRole.FEATURE)

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """Every measured column by its name."""
        return {column.name: column for column in self.columns}
