"""The baseline of a model that goes live: the rows that it was fitted on, and its quality on rows it had not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from driftwatch.core.baseline import Baseline
from driftwatch.core.records import Task
from driftwatch.core.schema import Schema
from driftwatch.training.answers import Material
from driftwatch.training.rows import Rows

_BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What label, prediction, scores and time are called in a baseline: as in that of the version before, if known."""

    label: str = "label"
    prediction: str = "prediction"
    scores: tuple[str, ...] = ("score",)
    timestamp: str = "event_time"

    @classmethod
    def as_before(cls, schema: Schema | None) -> Names:
        """The names that the version before had."""
        if schema is None:
            return cls()
        usual = cls()
        return cls(
            label=schema.label or usual.label,
            prediction=schema.prediction or usual.prediction,
            scores=schema.scores or usual.scores,
            timestamp=schema.timestamp or usual.timestamp,
        )


def new_baseline(
    material: Material,
    *,
    live: Any,
    reference: Sequence[Rows],
    measured: Any,
    test: Rows,
    model: str,
    model_version: str,
    names: Names,
    fitted_at: datetime,
    scratch: Path,
) -> Baseline:
    """Fit it, a batch at a time.

    Parameters
    ----------
    material
        What the columns and classes are.
    live, reference
        The model that goes live, and the rows that it was fitted on.
    measured, test
        The model that had not seen the test rows, and those: they give the reference performance.
    model, model_version, names, fitted_at
        What stands in the document.
    scratch
        A folder for rows with their predictions: they are gone through several times, and predicted once.
    """
    columns = material.columns
    scored = columns.task is not Task.REGRESSION and hasattr(live, "predict_proba")
    scores = _score_names(names, material) if scored else ()

    def predicted(fitted: Any, rows: Sequence[Rows]) -> Iterator[pa.Table]:
        for frame in (frame for one in rows for frame in one.batches(_BATCH_ROWS)):
            features = frame[columns.features]
            answers = material.answers(fitted, features)
            found = features.assign(**{name: frame[name] for name in columns.segments})
            if columns.time is not None:
                found[names.timestamp] = frame[columns.time]
            found[names.label] = frame[columns.label]
            if columns.task is Task.REGRESSION:
                found[names.prediction] = answers.values
            else:
                found[names.prediction] = [material.classes.names[int(one)] for one in answers.values]
            if scored:
                assert answers.probabilities is not None
                kept = answers.probabilities[:, -len(scores) :]
                found = found.assign(**{name: kept[:, place] for place, name in enumerate(scores)})
            yield pa.Table.from_pandas(found, preserve_index=False)

    return Baseline.fit_batches(
        _kept(predicted(live, reference), scratch / "reference.parquet"),
        evaluation=_kept(predicted(measured, [test]), scratch / "evaluation.parquet"),
        model=model,
        model_version=model_version,
        task=columns.task,
        label=names.label,
        prediction=names.prediction,
        score=list(scores) or None,
        timestamp=names.timestamp if columns.time is not None else None,
        categorical=list(dict.fromkeys([*columns.categorical, *columns.segments])),
        segments=columns.segments,
        fitted_at=fitted_at,
    )


def _kept(tables: Iterator[pa.Table], path: Path) -> Callable[[], Iterator[pa.Table]]:
    """Put tables into a file; answers how to read them from the beginning."""
    writer: Any = None
    for table in tables:
        writer = writer or parquet.ParquetWriter(path, table.schema, compression="lz4")
        writer.write_table(table)
    writer.close()

    def batches() -> Iterator[pa.Table]:
        with parquet.ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                yield pa.Table.from_batches([batch])

    return batches


def _score_names(names: Names, material: Material) -> tuple[str, ...]:
    """One name for two classes, one a class for more."""
    classes = material.classes.names
    wanted = 1 if len(classes) == 2 else len(classes)
    return names.scores if len(names.scores) == wanted else tuple(f"score_{one}" for one in classes)
