"""The baseline: what a model was trained on, frozen as a schema, cells, counts and reference quality. No rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.cells import Cells, NumericCells
from driftwatch.core.estimators.dle import LossModel
from driftwatch.core.moments import Moments
from driftwatch.core.natural import NaturalVariation
from driftwatch.core.records import Task
from driftwatch.core.reference_performance import ReferencePerformance
from driftwatch.core.schema import Column, Schema

if TYPE_CHECKING:
    from driftwatch.core.estimators.estimate import Estimate
    from driftwatch.core.estimators.estimator import Estimator
    from driftwatch.core.two_samples import KeptNumbers

FORMAT_VERSION = 1
"""The version of the baseline's document that this code writes and reads."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ColumnBaseline:
    """One column of the reference.

    Attributes
    ----------
    column
        Its name, kind and role.
    cells
        Where values are counted.
    counts
        ``int64`` of length ``cells.n_counts``: the reference's own counts.
    moments
        Of the finite values; None for columns of names.
    psi_starts
        The first cell of each PSI bin, ascending, the first being 0. Numbers: about ten bins of equal mass, a
        value that repeats heavily taking one. Names: one bin a cell.
    """

    column: Column
    cells: Cells
    counts: NDArray[np.int64]
    moments: Moments | None
    psi_starts: NDArray[np.intp]

    @property
    def n(self) -> int:
        """Rows of the reference, missing values with them."""
        return int(self.counts.sum())

    @property
    def n_present(self) -> int:
        """Rows of the reference whose value is in a cell: neither missing nor non-finite."""
        return int(self.counts[: self.cells.n_cells].sum())

    def psi_counts(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Counts over the PSI bins, from counts over the cells.

        Parameters
        ----------
        counts
            Of length ``cells.n_counts`` (of the reference, or of a profile), or a matrix with such rows.

        Returns
        -------
        counts
            Along the last axis one number a bin; missing and non-finite values are left out.
        """
        bins: NDArray[np.int64] = np.add.reduceat(counts[..., : self.cells.n_cells], self.psi_starts, axis=-1)
        return bins

    def cell_text(self, cell: int) -> str:
        """A cell of present values in words, such as ``"(1.5, 2]"`` or ``"DE"``."""
        if isinstance(self.cells, NumericCells):
            edges = self.cells.edges
            lower = f"({edges[cell - 1]:g}" if cell > 0 else "(-inf"
            upper = f"{edges[cell]:g}]" if cell < len(edges) else "inf)"
            return f"{lower}, {upper}"
        return (*self.cells.names, "other", "unseen")[cell]


@dataclass(frozen=True, eq=False, kw_only=True)
class Baseline:
    """What a model was trained on, frozen.

    Fit one with `Baseline.fit`, keep it with `to_json`, load it with `from_json`.

    Attributes
    ----------
    model, model_version
        Whose baseline this is.
    schema
        Which columns are measured, and how.
    n_rows
        Rows of the reference.
    columns
        Every measured column, by name, in the schema's order.
    performance
        The model's quality at the time; None where no label and prediction were given.
    natural
        How much the reference's own windows differ from each other; empty without a timestamp.
    importance
        The features' shares of the model's feature importance, adding up to 1; empty where it was not given.
    fitted_at
        When, if it was said.
    notices
        What the user should know: columns set aside, what was inferred, what is missing.
    segments
        The same of segments of the reference, by name (`driftwatch.core.segments`), over the same cells: their own
        counts, quality and natural variation.
    loss_model
        Of a regression, what error to expect of a row by its features; None where they say nothing of it.
    kept
        The reference's values of numeric columns, where `fit` was told to keep them: they stay in this process.
        Neither a document nor a pickle holds them.

    Examples
    --------
    >>> import numpy as np
    >>> baseline = Baseline.fit({"x": np.arange(1000.0), "colour": ["red", "blue"] * 500})
    >>> baseline.n_rows, list(baseline.columns)
    (1000, ['x', 'colour'])
    >>> Baseline.from_json(baseline.to_json()).layout == baseline.layout
    True
    """

    model: str
    model_version: str
    schema: Schema
    n_rows: int
    columns: Mapping[str, ColumnBaseline]
    performance: ReferencePerformance | None = None
    natural: NaturalVariation = field(default_factory=NaturalVariation)
    importance: Mapping[str, float] = field(default_factory=dict)
    fitted_at: datetime | None = None
    notices: tuple[str, ...] = ()
    segments: Mapping[str, Baseline] = field(default_factory=dict, repr=False)
    loss_model: LossModel | None = None
    format_version: int = FORMAT_VERSION
    kept: Mapping[str, KeptNumbers] = field(default_factory=dict, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "kept": {}}

    @cached_property
    def layout(self) -> str:
        """Sixteen hexadecimal digits that two baselines share if their profiles can be added."""
        digest = hashlib.sha256()
        for name, column in self.columns.items():
            digest.update(f"{name!r} {column.column.kind_text} ".encode())
            if isinstance(column.cells, NumericCells):
                digest.update(column.cells.edges.astype("<f8").tobytes())
            else:
                digest.update(f"{column.cells.names!r} {column.cells.rare!r}".encode())
            if column.moments is not None:
                digest.update(f" {column.moments.centre!r} {column.moments.scale!r}".encode())
        return digest.hexdigest()[:16]

    @cached_property
    def estimator(self) -> Estimator | Estimate:
        """What estimates quality before labels come; where nothing does, an estimate that says why."""
        from driftwatch.core.estimators.estimator import chosen_estimator

        return chosen_estimator(self)

    @classmethod
    def fit(  # noqa: PLR0913 - every argument is a thing that users say
        cls,
        reference: Any,
        *,
        evaluation: Any = None,
        model: str = "model",
        model_version: str = "1",
        task: Task | str | None = None,
        label: str | None = None,
        prediction: str | None = None,
        score: str | Sequence[str] | None = None,
        timestamp: str | None = None,
        categorical: Iterable[str] = (),
        ignore: Iterable[str] = (),
        importance: Mapping[str, float] | None = None,
        segments: Iterable[str] = (),
        positive: Any = None,
        values: Mapping[Any, Mapping[Any, float]] | None = None,
        fitted_at: datetime | None = None,
        keep_reference: bool = False,
    ) -> Baseline:
        """Fit a baseline to the rows that a model was trained on.

        Parameters
        ----------
        reference
            A pandas or Polars frame, an Arrow table or record batch, a mapping of names to arrays or lists, or
            a `Table`.
        evaluation
            Rows held out of the training, with label and prediction: the model's quality on them is the
            reference performance. Without them it is measured on ``reference``, with a notice.
        model, model_version
            Whose baseline this is.
        task
            ``binary``, ``multiclass`` or ``regression``; inferred from the label (or prediction) if None.
        label, prediction
            Columns of the true value and of the model's answer. Either may be left out.
        score
            Columns of probabilities: one for the positive class of a binary model, one a class for multiclass.
        timestamp
            Column of event times. With it, the natural variation between the reference's own windows is
            learned, and other columns of dates or times are measured as the age that they have in their row. It is
            not measured itself. Dates that are written as text stay text: convert them first.
        categorical
            Columns to count by name though they hold numbers.
        ignore
            Columns to leave out.
        importance
            The model's feature importance by column, not negative, in any unit: evidence counts half alike, half by it
            (see `driftwatch.core.importance`). Columns that are not named have 0.
        segments
            Columns whose values are segments, such as ``country=DE``, with counts, quality and natural variation of
            their own: live segments are compared with these. Of each column the 100 most frequent values with at least
            100 rows; of numbers none, unless they are ``categorical``. The evaluation has the column too, or the
            model's quality on its segments is not known.
        positive
            The positive class of a binary model, that of its score; by default the last by size or the alphabet.
        values
            What predictions are worth, by label, then prediction; pairs that are left out 0: the mean over rows is the
            measure ``business_value``.
        fitted_at
            Noted in the document.
        keep_reference
            Keep the values of numeric columns in this process, sorted, as large as they are: comparing with the
            baseline then gives the exact Kolmogorov-Smirnov statistic. They are never written anywhere.

        Raises
        ------
        ReferenceDataError
            If a named column is not there, no row or no measurable column is left, there are too many columns,
            a column is not what its role asks for, or an importance is not a finite number of at least 0.
        """
        from driftwatch.core.fitting import fitted_baseline
        from driftwatch.core.schema_choice import FitOptions

        options = FitOptions.of(
            model=model,
            model_version=model_version,
            task=task,
            label=label,
            prediction=prediction,
            score=score,
            timestamp=timestamp,
            categorical=categorical,
            ignore=ignore,
            importance=importance,
            segments=segments,
            positive=positive,
            values=values,
            fitted_at=fitted_at,
        )
        return fitted_baseline(reference, evaluation, options, keep_reference=keep_reference)

    @classmethod
    def fit_batches(
        cls,
        batches: Iterable[Any] | Callable[[], Iterable[Any]],
        *,
        evaluation: Iterable[Any] | Callable[[], Iterable[Any]] | None = None,
        sample_rows: int | None = None,
        **options: Any,
    ) -> Baseline:
        """Fit a baseline to rows that do not fit in memory.

        The batches are gone through twice: first to choose the schema and the cells, then to count. With a timestamp
        and very many columns it is more often: the counts of windows are held for as many columns at a time as take
        256 MB.

        Exact, as if `fit` had seen all rows at once: counts, moments, categories with their rare ones, classes,
        minimum and maximum (the end cells begin beyond those of all rows), numbers in columns of at most 2,000
        distinct ones, performance, natural variation. The cells of other numbers are chosen from a uniform sample of
        rows, the same in every run and for every size of batches; where all rows fit in it, the result is that of
        `fit` to the last bit.

        What a column holds is decided over all batches: whole numbers and others are numbers, a batch without any
        value says nothing, and numbers in one batch with text in another are categories. A column of more than 20,000
        different names is set aside like one of identifiers.

        Parameters
        ----------
        batches
            Frames as `fit` takes them, with the same columns each: a list, an object that begins anew whenever it is
            iterated over, or a function that returns an iterator. Wrap it with a progress bar if you like.
        evaluation
            Held-out rows, likewise.
        sample_rows
            Most rows of the sample. By default as many as hold 12.5 million numbers (100 MB): 500,000 rows of 25
            columns.
        **options
            The others of `fit`, but not ``keep_reference``.

        Raises
        ------
        ReferenceDataError
            As `fit`; also if batches can be gone through only once, are other rows the second time, or differ in their
            columns.

        Examples
        --------
        >>> parts = [{"x": [1.0, 2.0]}, {"x": [3.0, 9.0]}]
        >>> baseline = Baseline.fit_batches(lambda: iter(parts))
        >>> baseline.n_rows, baseline.to_json() == Baseline.fit({"x": [1.0, 2.0, 3.0, 9.0]}).to_json()
        (4, True)
        """
        from driftwatch.core.fitting import baseline_of_batches
        from driftwatch.core.schema_choice import FitOptions

        return baseline_of_batches(batches, evaluation, FitOptions.of(**options), sample_rows=sample_rows)

    def partial_fit(self, more: Any, *, evaluation: Any = None) -> Baseline:
        """Add reference rows: a new baseline with the same cells, so that profiles of both add up.

        Fit the first with rows that are like all of them (a million will do), then add the rest in batches of any
        size: order and grouping make no difference.

        Parameters
        ----------
        more
            Rows with the features that the baseline knows, in any form that `fit` takes. Values outside the range of
            the first rows are counted in the end cells, names that those did not have as ``unseen``. A score,
            prediction or label that is not there adds nothing to its column.
        evaluation
            More held-out rows, where the reference performance was measured on such. Where it was measured on the
            reference, the new rows count for it.

        Returns
        -------
        Baseline
            ``natural`` stays that of the first rows, and a notice says so; with ``keep_reference=True`` the new
            values are kept too.

        Raises
        ------
        ReferenceDataError
            If a feature is not there, or a column is not of its kind.

        Examples
        --------
        >>> first = Baseline.fit({"x": [1.0, 2.0, 2.0, 3.0]})
        >>> both = first.partial_fit({"x": [2.0, 7.0]})
        >>> both.n_rows, both.layout == first.layout, both.columns["x"].moments.maximum
        (6, True, 7.0)
        """
        from driftwatch.core.partial_fit import extended_baseline

        return extended_baseline(self, more, evaluation)

    def to_json(self) -> str:
        """The baseline as a JSON document with a version and a checksum; it holds no rows."""
        from driftwatch.core.baseline_document import written_baseline

        return written_baseline(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Baseline:
        """The inverse of `to_json`.

        Raises
        ------
        BaselineError
            If the document is of another kind or version, cut short, or altered.
        """
        from driftwatch.core.baseline_document import read_baseline

        return read_baseline(text)
