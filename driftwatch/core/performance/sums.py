"""What is kept of labelled rows: mergeable sums per task, from which every measure of quality follows.

Sums of numbers are exact (`driftwatch.core.moments.exact_sum`) and all else is counts, so `PerformanceSums` add up in
any order and grouping to the same bits, and a corrected label can be taken out again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.moments import decoded_units, encoded_units, exact_sum
from driftwatch.core.performance.cell_counts import MOST_ROWS
from driftwatch.core.performance.error_sums import ErrorSums
from driftwatch.core.performance.measure import Measure
from driftwatch.core.performance.own import OwnSums
from driftwatch.core.performance.score_sums import ScoreSums
from driftwatch.core.records import Task
from driftwatch.core.schema import Schema
from driftwatch.core.table import Names, Numbers, Table, Values

LARGEST_ERROR = 2.0**500
"""Errors and labels beyond this are counted as this, so that their squares stay finite."""

LOSS_MEASURE = {Task.REGRESSION: "mae", Task.BINARY: "error_rate", Task.MULTICLASS: "error_rate"}
"""The measure that stands for a model's quality, by task: a mean over rows, lower is better."""


Details = ScoreSums | ErrorSums
"""What is summed up beyond the confusion matrix or the first sums of errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceSums:
    """Sums over labelled rows, from which every measure of the task follows.

    Rows without a prediction or a label (missing or not finite) are not counted.

    Attributes
    ----------
    task, classes
        As in the schema; ``classes`` is empty for regression.
    n
        Labelled rows.
    sums
        Regression: exact sums, in units of ``2**-1074``, of ``|e|, e, e**2, y, y**2`` with ``e`` the prediction
        minus the label. Empty for classification.
    confusion
        Classification: counts by label (row) and prediction (column), flattened; the last row and column are
        for names outside ``classes``. Empty for regression.
    details
        Further sums: of errors, or of scores. None where there are no scores, or where some of the rows were summed up
        by a version of driftwatch that had no such sums.
    own
        By name, the sums of the user's own measures (`driftwatch.core.performance.own`), sorted.

    Examples
    --------
    >>> import numpy as np
    >>> from driftwatch.core.table import Numbers
    >>> predicted, labels = Numbers(np.array([1.0, 2.0])), Numbers(np.array([2.0, 2.0]))
    >>> PerformanceSums.of(Task.REGRESSION, (), predicted, labels).loss().value
    0.5
    """

    task: Task
    classes: tuple[str, ...] = ()
    n: int = 0
    sums: tuple[int, ...] = ()
    confusion: tuple[int, ...] = ()
    details: Details | None = None
    own: tuple[tuple[str, OwnSums], ...] = ()

    @classmethod
    def empty(cls, task: Task, classes: tuple[str, ...] = ()) -> PerformanceSums:
        """No rows yet."""
        if task is Task.REGRESSION:
            return cls(task=task, sums=(0,) * 5, details=ErrorSums.empty())
        return cls(task=task, classes=classes, confusion=(0,) * (len(classes) + 1) ** 2)

    @classmethod
    def of(
        cls,
        task: Task,
        classes: tuple[str, ...],
        prediction: Values,
        label: Values,
        scores: Sequence[NDArray[np.float64]] = (),
    ) -> PerformanceSums:
        """Sum up rows.

        Parameters
        ----------
        task, classes
            As in the schema.
        prediction, label
            Columns of equal length: `Numbers` for regression, `Names` for classification.
        scores
            The model's probabilities, of the same length: that of the last class of a binary model, one a class of
            others. None where the model gives none.

        Raises
        ------
        TypeError
            If the columns are not of the task's kind.
        """
        if task is Task.REGRESSION:
            if not (isinstance(prediction, Numbers) and isinstance(label, Numbers)):
                raise TypeError("regression compares numbers with numbers")
            return cls._of_numbers(prediction.values, label.values)
        if not (isinstance(prediction, Names) and isinstance(label, Names)):
            raise TypeError("classification compares names with names")
        return cls._of_names(task, classes, prediction, label, scores)

    @classmethod
    def of_table(cls, schema: Schema, table: Table) -> PerformanceSums:
        """Sum up the rows of a table with label and prediction; scores are looked at where it has all of them."""
        found = [values for name in schema.scores if isinstance(values := table.columns.get(name), Numbers)]
        scores = [values.values for values in found] if len(found) == len(schema.scores) else []
        prediction, label = table[schema.prediction or ""], table[schema.label or ""]
        return cls.of(schema.task, schema.classes, prediction, label, scores)

    @classmethod
    def _of_numbers(cls, prediction: NDArray[np.float64], label: NDArray[np.float64]) -> PerformanceSums:
        known = np.isfinite(prediction) & np.isfinite(label)
        predicted = np.clip(prediction[known], -LARGEST_ERROR, LARGEST_ERROR)
        y = np.clip(label[known], -LARGEST_ERROR, LARGEST_ERROR)
        with np.errstate(over="ignore", under="ignore"):
            error = np.clip(prediction[known] - label[known], -LARGEST_ERROR, LARGEST_ERROR)
            terms = (np.abs(error), error, error * error, y, y * y)
        sums = tuple(exact_sum(term) for term in terms)
        return cls(task=Task.REGRESSION, n=len(y), sums=sums, details=ErrorSums.of(error, y, predicted))

    @classmethod
    def _of_names(
        cls,
        task: Task,
        classes: tuple[str, ...],
        prediction: Names,
        label: Names,
        scores: Sequence[NDArray[np.float64]],
    ) -> PerformanceSums:
        size = len(classes) + 1
        predicted, actual = prediction.recoded(classes), label.recoded(classes)
        known = (predicted >= 0) & (actual >= 0)
        actual = actual[known]
        pairs = actual.astype(np.intp) * size + predicted[known]
        counts = np.bincount(pairs, minlength=size * size)
        details = None
        if len(scores):
            held = np.stack([column[known] for column in scores], axis=1)
            details = ScoreSums.of(task, len(classes), actual, held)
        return cls(task=task, classes=classes, n=len(pairs), confusion=tuple(counts.tolist()), details=details)

    def with_own(self, own: Mapping[str, OwnSums]) -> PerformanceSums:
        """The same with the sums of the user's own measures over the same rows."""
        return replace(self, own=tuple(sorted(own.items())))

    def __add__(self, other: PerformanceSums) -> PerformanceSums:
        """The sums of both sets of rows.

        Raises
        ------
        ValueError
            If the two are of different tasks or classes.
        """
        return self._combined(other, 1)

    def __sub__(self, other: PerformanceSums) -> PerformanceSums:
        """The sums without rows that were counted before, such as those of a corrected label.

        Raises
        ------
        ValueError
            If the two are of different tasks or classes, or more is taken out than there is.
        """
        result = self._combined(other, -1)
        if result.n < 0 or min(result.confusion, default=0) < 0:
            raise ValueError("more rows are taken out than were counted")
        return result

    def _combined(self, other: PerformanceSums, sign: int) -> PerformanceSums:
        if (self.task, self.classes) != (other.task, other.classes):
            raise ValueError("sums of different tasks or classes cannot be combined")
        return replace(
            self,
            n=self.n + sign * other.n,
            sums=tuple(a + sign * b for a, b in zip(self.sums, other.sums, strict=True)),
            confusion=tuple(a + sign * b for a, b in zip(self.confusion, other.confusion, strict=True)),
            details=_combined_details(self, other, sign),
            own=_combined_own(self, other, sign),
        )

    def loss(self) -> Measure:
        """The mean loss of a row with its standard error: ``mae``, or ``error_rate``. ``nan`` without rows."""
        return self.measures([LOSS_MEASURE[self.task]])[LOSS_MEASURE[self.task]]

    def measures(self, names: Collection[str] | None = None) -> Mapping[str, Measure]:
        """The measures of the task by name, in the table's order; the values are ``nan`` where undefined.

        Parameters
        ----------
        names
            Those wanted; by default all. What the task does not have, or has no sums for, is left out.

        Returns
        -------
        dict
            See `driftwatch.core.performance.MEASURES`.
        """
        from driftwatch.core.performance import MEASURES

        wanted = [
            kind for kind in MEASURES.values() if self.task in kind.tasks and (names is None or kind.name in names)
        ]
        found = ((kind.name, kind.measure(self)) for kind in wanted)
        measures = {name: measure for name, measure in found if measure is not None}
        return measures | {name: one.measure() for name, one in self.own if names is None or name in names}

    def confusion_document(self) -> dict[str, Any] | None:
        """The confusion matrix for people: ``counts`` by label, then prediction, of ``classes`` and of other names.

        None for regression.
        """
        if self.task is Task.REGRESSION:
            return None
        size = len(self.classes) + 1
        rows = [list(self.confusion[at : at + size]) for at in range(0, size * size, size)]
        return {"classes": list(self.classes), "counts": rows}

    def to_document(self) -> dict[str, Any]:
        """A JSON-able form, exact. Task and classes stand with it, so that a mix-up is noticed."""
        document: dict[str, Any] = {
            "task": self.task.value,
            "classes": list(self.classes),
            "n": self.n,
            "sums": [encoded_units(total) for total in self.sums],
            "confusion": list(self.confusion),
        }
        if self.details is not None:
            document["details"] = self.details.to_document()
        if self.own:
            document["own"] = {name: one.to_document() for name, one in self.own}
        return document

    @classmethod
    def from_document(cls, document: Any) -> PerformanceSums:
        """The inverse of `to_document`.

        Raises
        ------
        ValueError
            If the document is not such a form.
        """
        try:
            task, classes = Task(document["task"]), tuple(str(name) for name in document["classes"])
            result = cls(
                task=task,
                classes=classes,
                n=int(document["n"]),
                sums=tuple(decoded_units(total) for total in document["sums"]),
                confusion=tuple(int(count) for count in document["confusion"]),
                details=_read_details(task, len(classes), document),
                own=tuple((str(name), OwnSums.from_document(one)) for name, one in document.get("own", {}).items()),
            )
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError("performance sums are cut short or altered") from error
        blank = cls.empty(task, classes)
        fits = len(result.sums) == len(blank.sums) and len(result.confusion) == len(blank.confusion)
        rows = sum(result.confusion) if result.confusion else result.n
        if not fits or not 0 <= result.n < MOST_ROWS or rows != result.n or min(result.confusion, default=0) < 0:
            raise ValueError("performance sums do not fit their task")
        if len(result.own) > _MOST_OWN or any(one.n > result.n for _, one in result.own):
            raise ValueError("own sums do not fit the others")
        scored = result.details.n + result.details.unseen if isinstance(result.details, ScoreSums) else 0
        if scored > result.n or (isinstance(result.details, ErrorSums) and result.details.n != result.n):
            raise ValueError("performance sums do not fit each other")
        return result

    def to_bytes(self) -> bytes:
        """The document as compact JSON with a version."""
        return json.dumps({"v": 2, **self.to_document()}, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> PerformanceSums:
        """The inverse of `to_bytes`, and of what versions of driftwatch without ``details`` wrote.

        Raises
        ------
        ValueError
            If ``data`` is cut short, altered or of another version.
        """
        try:
            document = json.loads(data)
        except RecursionError as error:
            raise ValueError("performance sums are altered") from error
        if not isinstance(document, dict) or document.get("v") not in _VERSIONS:
            raise ValueError("performance sums were written by another version of driftwatch")
        return cls.from_document(document)


_MOST_OWN = 100

_VERSIONS = (1, 2)
"""Of the bytes: the first had no ``details``."""


def _combined_details(one: PerformanceSums, other: PerformanceSums, sign: int) -> Details | None:
    """The details of both; None where those of some rows are not known."""
    if one.n == 0 or other.n == 0:
        known = one if other.n == 0 else other
        return known.details if known.details is not None or known.n else one.details or other.details
    match one.details, other.details:
        case ScoreSums() as first, ScoreSums() as second:
            return first + second if sign > 0 else first - second
        case ErrorSums() as errors, ErrorSums() as more:
            return errors + more if sign > 0 else errors - more
    return None


def _combined_own(one: PerformanceSums, other: PerformanceSums, sign: int) -> tuple[tuple[str, OwnSums], ...]:
    """The sums of both. What is taken out may have been counted when there was no such measure: then it is let go."""
    mine, others = dict(one.own), dict(other.own)
    nothing = OwnSums(0, 0, 0)
    found = {
        name: mine.get(name, nothing).combined(others.get(name, nothing), sign) for name in sorted({*mine, *others})
    }
    return tuple((name, sums) for name, sums in found.items() if sums.n >= 0)


def _read_details(task: Task, n_classes: int, document: Any) -> Details | None:
    written = document.get("details")
    if written is not None:
        return (
            ErrorSums.from_document(written)
            if task is Task.REGRESSION
            else ScoreSums.from_document(task, n_classes, written)
        )
    return ErrorSums.empty() if task is Task.REGRESSION and int(document["n"]) == 0 else None
