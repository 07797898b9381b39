"""Sums over the scores of labelled rows: log loss and Brier score exactly, the order of scores in fine cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.moments import decoded_units, encoded_units, exact_sum
from driftwatch.core.performance.cell_counts import MOST_ROWS, CellCounts
from driftwatch.core.performance.number_cells import score_cells
from driftwatch.core.records import Task

CALIBRATION_BINS = 15
"""Of equal width, from 0 to 1."""

LARGEST_RANKED_CLASSES = 50
"""With more classes nothing is counted of the order of their scores."""

_DIGITS = {Task.BINARY: 3, Task.MULTICLASS: 2}
_STRIDE, _OFFSET = 1 << 17, 1 << 16
_SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)
_EDGES = np.linspace(0.0, 1.0, CALIBRATION_BINS + 1)[1:-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSums:
    """Sums over labelled rows whose scores are finite.

    Attributes
    ----------
    task, n_classes
        As in the schema.
    n
        Rows with scores and a label among the classes.
    unseen
        Rows with scores whose label is none of the classes: no score is for it.
    improper
        Rows of ``n`` with a score outside of 0 to 1, which is no probability.
    off_grid
        Rows of ``n`` with a score that is not the value of its cell.
    log_loss, log_loss_squares, brier, brier_squares, gap_squares
        Exact sums, in units of ``2**-1074``: of the log loss and the Brier score of a row and their squares, and of the
        squared difference of confidence and hit. Of binary models the confidence is the positive class's score and
        the hit that it was this class; of others the highest score, and that the label was its class.
    calibration
        For each of `CALIBRATION_BINS` intervals ``(a, b]`` of the confidence: rows, hits, and the exact sum of the
        confidence, one after another. Improper rows are left out.
    cells
        By class, cell of its score, and whether the label is this class; of binary models of the positive class.
        Empty with more than `LARGEST_RANKED_CLASSES` classes.
    """

    task: Task
    n_classes: int
    n: int = 0
    unseen: int = 0
    improper: int = 0
    off_grid: int = 0
    log_loss: int = 0
    log_loss_squares: int = 0
    brier: int = 0
    brier_squares: int = 0
    gap_squares: int = 0
    calibration: tuple[int, ...] = (0,) * (3 * CALIBRATION_BINS)
    cells: CellCounts

    @classmethod
    def of(cls, task: Task, n_classes: int, labels: NDArray[np.integer[Any]], scores: NDArray[np.float64]) -> ScoreSums:
        """Sum up rows.

        Parameters
        ----------
        task, n_classes
            As in the schema.
        labels
            Positions among the classes; from ``n_classes`` on for a label that is none of them. Shape ``(n,)``.
        scores
            Shape ``(n, 1)``, of the positive class, of a binary model; else ``(n, n_classes)``. Rows with one that is
            not finite are left out.
        """
        finite = np.isfinite(scores).all(axis=1)
        known = finite & (labels < n_classes)
        unseen = int(np.count_nonzero(finite)) - int(np.count_nonzero(known))
        scores, actual = np.ascontiguousarray(scores[known]), labels[known].astype(np.intp)
        proper = ((scores >= 0.0) & (scores <= 1.0)).all(axis=1)
        keys, off_grid = _cells(task, actual, scores)
        sums = cls(
            task=task,
            n_classes=n_classes,
            n=len(actual),
            unseen=unseen,
            improper=len(actual) - int(np.count_nonzero(proper)),
            off_grid=off_grid,
            cells=CellCounts.of(keys),
        )
        return sums._with_probabilities(actual[proper], scores[proper])

    def _with_probabilities(self, actual: NDArray[np.intp], scores: NDArray[np.float64]) -> ScoreSums:
        if len(actual) == 0:
            return self
        if self.task is Task.BINARY:
            confidence = np.ascontiguousarray(scores[:, 0])
            hit = actual == self.n_classes - 1
            own = np.where(hit, confidence, 1.0 - confidence)
            brier = gap = np.square(confidence - hit)
        else:
            rows = np.arange(len(actual))
            own, guess = scores[rows, actual], scores.argmax(axis=1)
            confidence, hit = scores[rows, guess], guess == actual
            others = scores.copy()
            others[rows, actual] -= 1.0
            brier, gap = np.square(others).sum(axis=1), np.square(confidence - hit)
        loss = -np.log(np.clip(own, _SMALLEST_PROBABILITY, 1.0 - _SMALLEST_PROBABILITY))
        return replace(
            self,
            log_loss=exact_sum(loss),
            log_loss_squares=exact_sum(loss * loss),
            brier=exact_sum(brier),
            brier_squares=exact_sum(brier * brier),
            gap_squares=exact_sum(gap),
            calibration=_calibration(confidence, hit),
        )

    @classmethod
    def empty(cls, task: Task, n_classes: int) -> ScoreSums:
        """No rows yet."""
        return cls(task=task, n_classes=n_classes, cells=CellCounts.empty())

    def __add__(self, other: ScoreSums) -> ScoreSums:
        """The sums of both sets of rows."""
        return self._combined(other, 1, self.cells + other.cells)

    def __sub__(self, other: ScoreSums) -> ScoreSums:
        """The sums without rows that were counted before.

        Raises
        ------
        ValueError
            If more is taken out than there is.
        """
        result = self._combined(other, -1, self.cells - other.cells)
        if min(result.n, result.unseen, result.improper, result.off_grid, *result.calibration) < 0:
            raise ValueError("more rows are taken out than were counted")
        return result

    def _combined(self, other: ScoreSums, sign: int, cells: CellCounts) -> ScoreSums:
        summed = {name: getattr(self, name) + sign * getattr(other, name) for name in _SUMMED}
        calibration = (a + sign * b for a, b in zip(self.calibration, other.calibration, strict=True))
        return replace(self, **summed, calibration=tuple(calibration), cells=cells)

    @property
    def probabilities(self) -> int:
        """Rows whose scores are probabilities, where that is so of all and every label is a class; else 0."""
        return 0 if self.unseen or self.improper else self.n

    @property
    def ranked_classes(self) -> tuple[int, ...]:
        """The classes whose scores are counted in cells."""
        if self.task is Task.BINARY:
            return (self.n_classes - 1,)
        return tuple(range(self.n_classes)) if self.n_classes <= LARGEST_RANKED_CLASSES else ()

    def by_cell(self, which: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of one class, and of all others, by cell of the class's score, ascending; empty cells are left out."""
        begin, end = np.searchsorted(self.cells.keys, [2 * which * _STRIDE, 2 * (which + 1) * _STRIDE])
        keys, counts = self.cells.keys[begin:end], self.cells.counts[begin:end]
        cells, at = np.unique(keys >> 1, return_inverse=True)
        table = np.zeros((2, len(cells)), dtype=np.int64)
        table[keys & 1, at] = counts
        return table[1], table[0]

    def cells_of(self, which: int) -> NDArray[np.int64]:
        """The numbers of the cells that `by_cell` counts, as `score_keys` gives them."""
        begin, end = np.searchsorted(self.cells.keys, [2 * which * _STRIDE, 2 * (which + 1) * _STRIDE])
        return np.unique(self.cells.keys[begin:end] >> 1) - which * _STRIDE - _OFFSET

    def to_document(self) -> dict[str, Any]:
        """A JSON-able form, exact."""
        document: dict[str, Any] = {name: getattr(self, name) for name in _COUNTS}
        document |= {name: encoded_units(getattr(self, name)) for name in _EXACT}
        bins = list(self.calibration)
        document["calibration"] = [bins[0::3], bins[1::3], [encoded_units(one) for one in bins[2::3]]]
        document["cells"] = self.cells.to_text()
        return document

    @classmethod
    def from_document(cls, task: Task, n_classes: int, document: Any) -> ScoreSums:
        """The inverse of `to_document`.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the document is not such a form.
        """
        rows, hits, confidences = document["calibration"]
        bins = zip(map(int, rows), map(int, hits), map(decoded_units, confidences), strict=True)
        result = cls(
            task=task,
            n_classes=n_classes,
            **{name: int(document[name]) for name in _COUNTS},
            **{name: decoded_units(document[name]) for name in _EXACT},
            calibration=tuple(value for one in bins for value in one),
            cells=CellCounts.from_text(document["cells"]),
        )
        _check(result)
        return result


_COUNTS = ("n", "unseen", "improper", "off_grid")
_EXACT = ("log_loss", "log_loss_squares", "brier", "brier_squares", "gap_squares")
_SUMMED = _COUNTS + _EXACT
assert {*_SUMMED, "task", "n_classes", "calibration", "cells"} == {one.name for one in fields(ScoreSums)}


def _check(sums: ScoreSums) -> None:
    rows, hits = sums.calibration[0::3], sums.calibration[1::3]
    fits = len(sums.calibration) == 3 * CALIBRATION_BINS and sum(rows) == sums.n - sums.improper
    fits = fits and max(sums.n, sums.unseen, sums.improper) < MOST_ROWS
    fits = fits and all(0 <= hit <= row for hit, row in zip(hits, rows, strict=True))
    fits = fits and sums.cells.n == sums.n * len(sums.ranked_classes) and 0 <= sums.off_grid <= sums.n
    first, last = (2 * which * _STRIDE for which in (0, sums.n_classes))
    keys: Sequence[int] = sums.cells.keys.tolist()
    if not fits or min(sums.n, sums.unseen, sums.improper) < 0 or (keys and not first <= keys[0] <= keys[-1] < last):
        raise ValueError("sums of scores do not fit each other")


def _cells(task: Task, actual: NDArray[np.intp], scores: NDArray[np.float64]) -> tuple[NDArray[np.int64], int]:
    """The key of each score's cell, class by class, and how many rows have a score that is not its cell's value."""
    n_rows, n_scores = scores.shape
    if n_scores > LARGEST_RANKED_CLASSES:
        return np.zeros(0, dtype=np.int64), 0
    exact = np.ones(n_rows, dtype=np.bool_)
    parts = []
    for which, column in _columns(task, scores):
        cells, on_grid = score_cells(column, _DIGITS[task])
        parts.append(((which * _STRIDE + _OFFSET + cells) << 1) + (actual == which))
        exact &= on_grid
    return np.concatenate(parts), n_rows - int(np.count_nonzero(exact))


def score_keys(task: Task, scores: NDArray[np.float64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """By class whose scores are counted in cells, the cell of each row's score; shapes as in `ScoreSums.of`."""
    if scores.shape[1] <= LARGEST_RANKED_CLASSES:
        for which, column in _columns(task, scores):
            yield which, score_cells(column, _DIGITS[task])[0]


def _columns(task: Task, scores: NDArray[np.float64]) -> Iterator[tuple[int, NDArray[np.float64]]]:
    for at in range(scores.shape[1]):
        yield (1 if task is Task.BINARY else at), np.ascontiguousarray(scores[:, at])


def _calibration(confidence: NDArray[np.float64], hit: NDArray[np.bool_]) -> tuple[int, ...]:
    bins = np.searchsorted(_EDGES, confidence, side="left")
    rows = np.bincount(bins, minlength=CALIBRATION_BINS)
    hits = np.bincount(bins[hit], minlength=CALIBRATION_BINS)
    sums = [exact_sum(confidence[bins == at]) if rows[at] else 0 for at in range(CALIBRATION_BINS)]
    return tuple(value for one in zip(rows.tolist(), hits.tolist(), sums, strict=True) for value in one)
