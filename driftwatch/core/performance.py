"""How good predictions were: mergeable sums per task, and the measures that follow from them.

Sums of regression errors are exact (`driftwatch.core.moments.exact_sum`) and classification needs only counts,
so `PerformanceSums` add up in any order and grouping to the same bits, and a corrected label can be taken out
again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.moments import decoded_units, encoded_units, exact_sum, from_units
from driftwatch.core.records import Task
from driftwatch.core.table import Names, Numbers, Table, Values

LARGEST_ERROR = 2.0**500
"""Errors and labels beyond this are counted as this, so that their squares stay finite."""

LOSS_MEASURE = {Task.REGRESSION: "mae", Task.BINARY: "error_rate", Task.MULTICLASS: "error_rate"}
"""The measure that stands for a model's quality, by task: a mean over rows, lower is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A measure of quality. ``standard_error`` is ``nan`` where it has no simple form."""

    value: float
    standard_error: float
    n: int


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

    @classmethod
    def empty(cls, task: Task, classes: tuple[str, ...] = ()) -> PerformanceSums:
        """No rows yet."""
        if task is Task.REGRESSION:
            return cls(task=task, sums=(0,) * 5)
        return cls(task=task, classes=classes, confusion=(0,) * (len(classes) + 1) ** 2)

    @classmethod
    def of(
        cls, task: Task, classes: tuple[str, ...], prediction: Values, label: Values, scores: Table | None = None
    ) -> PerformanceSums:
        """Sum up rows.

        Parameters
        ----------
        task, classes
            As in the schema.
        prediction, label
            Columns of equal length: `Numbers` for regression, `Names` for classification.
        scores
            The model's probabilities. No measure uses them yet.

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
        return cls._of_names(task, classes, prediction, label)

    @classmethod
    def _of_numbers(cls, prediction: NDArray[np.float64], label: NDArray[np.float64]) -> PerformanceSums:
        known = np.isfinite(prediction) & np.isfinite(label)
        y = np.clip(label[known], -LARGEST_ERROR, LARGEST_ERROR)
        with np.errstate(over="ignore", under="ignore"):
            error = np.clip(prediction[known] - label[known], -LARGEST_ERROR, LARGEST_ERROR)
            terms = (np.abs(error), error, error * error, y, y * y)
        return cls(task=Task.REGRESSION, n=len(y), sums=tuple(exact_sum(term) for term in terms))

    @classmethod
    def _of_names(cls, task: Task, classes: tuple[str, ...], prediction: Names, label: Names) -> PerformanceSums:
        size = len(classes) + 1
        predicted, actual = prediction.recoded(classes), label.recoded(classes)
        known = (predicted >= 0) & (actual >= 0)
        pairs = actual[known].astype(np.intp) * size + predicted[known]
        counts = np.bincount(pairs, minlength=size * size)
        return cls(task=task, classes=classes, n=len(pairs), confusion=tuple(counts.tolist()))

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
        )

    def loss(self) -> Measure:
        """The mean loss of a row with its standard error: ``mae``, or ``error_rate``. ``nan`` without rows."""
        return self.measures()[LOSS_MEASURE[self.task]]

    def measures(self) -> Mapping[str, Measure]:
        """Every measure of the task by name; the values are ``nan`` where undefined.

        Returns
        -------
        dict
            Regression: ``mae, rmse, bias, r2``. Classification: ``error_rate, accuracy``, for binary also
            ``precision, recall, f1`` of the last class, and ``macro_f1``: the mean over classes that occur in
            labels or predictions. Precision, recall and f1 are 0 where their divisor is.
        """
        if self.task is Task.REGRESSION:
            return _regression_measures(self.n, self.sums)
        size = len(self.classes) + 1
        return _classification_measures(self.task, np.array(self.confusion, dtype=np.int64).reshape(size, size))

    def to_document(self) -> dict[str, Any]:
        """A JSON-able form, exact. Task and classes stand with it, so that a mix-up is noticed."""
        return {
            "task": self.task.value,
            "classes": list(self.classes),
            "n": self.n,
            "sums": [encoded_units(total) for total in self.sums],
            "confusion": list(self.confusion),
        }

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
            )
        except (KeyError, TypeError) as error:
            raise ValueError("performance sums are cut short or altered") from error
        blank = cls.empty(task, classes)
        fits = len(result.sums) == len(blank.sums) and len(result.confusion) == len(blank.confusion)
        rows = sum(result.confusion) if result.confusion else result.n
        if not fits or result.n < 0 or rows != result.n or min(result.confusion, default=0) < 0:
            raise ValueError("performance sums do not fit their task")
        return result

    def to_bytes(self) -> bytes:
        """The document as compact JSON with a version."""
        return json.dumps({"v": 1, **self.to_document()}, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> PerformanceSums:
        """The inverse of `to_bytes`.

        Raises
        ------
        ValueError
            If ``data`` is cut short, altered or of another version.
        """
        document = json.loads(data)
        if not isinstance(document, dict) or document.get("v") != 1:
            raise ValueError("performance sums were written by another version of driftwatch")
        return cls.from_document(document)


def _regression_measures(n: int, sums: tuple[int, ...]) -> dict[str, Measure]:
    if n == 0:
        return {name: Measure(value=math.nan, standard_error=math.nan, n=0) for name in ("mae", "rmse", "bias", "r2")}
    absolute, error, squared, label, label_squared = sums
    mae, bias, mean_square = from_units(absolute, n), from_units(error, n), from_units(squared, n)
    # Sums of squares about the mean, from exact integers: no cancellation however far the mean is from zero.
    label_spread = _spread(label_squared, label, n)
    r2 = math.nan
    if n > 1:
        # Squares are rounded when they are made: a spread of no more than that is none.
        is_spread = label_spread > 2.0**-52 * from_units(label_squared, n)
        r2 = 1.0 - mean_square / label_spread if is_spread else float(squared == 0)
    return {
        "mae": Measure(value=mae, standard_error=_standard_error(_spread(squared, absolute, n), n), n=n),
        "rmse": Measure(value=math.sqrt(mean_square), standard_error=math.nan, n=n),
        "bias": Measure(value=bias, standard_error=_standard_error(_spread(squared, error, n), n), n=n),
        "r2": Measure(value=r2, standard_error=math.nan, n=n),
    }


def _spread(squares: int, total: int, n: int) -> float:
    """The variance with ``n`` as its divisor, from exact sums."""
    scaled = (squares * n << 1074) - total * total
    return max(scaled, 0) / (n * n << 2148)


def _standard_error(variance: float, n: int) -> float:
    return math.sqrt(variance / (n - 1)) if n > 1 else math.nan


def _classification_measures(task: Task, confusion: NDArray[np.int64]) -> dict[str, Measure]:
    n = int(confusion.sum())
    hits = np.diagonal(confusion).astype(np.float64).copy()
    # The last row and column gather names outside the classes: two different ones are no hit.
    hits[-1] = 0.0
    accuracy = float(hits.sum()) / n if n else math.nan
    error = math.sqrt(accuracy * (1.0 - accuracy) / (n - 1)) if n > 1 else math.nan
    labelled, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    measures = {
        "error_rate": Measure(value=1.0 - accuracy, standard_error=error, n=n),
        "accuracy": Measure(value=accuracy, standard_error=error, n=n),
    }
    occurs = labelled + predicted > 0
    f1 = np.divide(2.0 * hits, labelled + predicted, out=np.zeros(len(hits)), where=occurs)
    if task is Task.BINARY and len(hits) == 3:
        positive = 1
        for name, divisor in (("precision", int(predicted[positive])), ("recall", int(labelled[positive]))):
            share = float(hits[positive]) / divisor if divisor else 0.0
            spread = math.sqrt(share * (1.0 - share) / divisor) if divisor else math.nan
            measures[name] = Measure(value=share if n else math.nan, standard_error=spread, n=divisor)
        measures["f1"] = Measure(value=float(f1[positive]) if n else math.nan, standard_error=math.nan, n=n)
    macro = float(f1[occurs].mean()) if n else math.nan
    measures["macro_f1"] = Measure(value=macro, standard_error=math.nan, n=n)
    return measures
