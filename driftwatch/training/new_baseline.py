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
from driftwatch.training.answers import Material
from driftwatch.training.columns import Columns
from driftwatch.training.rows import Rows

_BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """What label, prediction, scores, time and segments are called: as in the baseline before, where there is one."""

    label: str = "label"
    prediction: str = "prediction"
    scores: tuple[str, ...] = ("score",)
    timestamp: str = "event_time"
    segments: tuple[str, ...]

    @classmethod
    def of(cls, former: Baseline | None, columns: Columns) -> _Names:
        if former is None:
            return cls(segments=columns.segments)
        schema = former.schema
        usual = cls(segments=())
        known = {*columns.features, *columns.segments}
        return cls(
            label=schema.label or usual.label,
            prediction=schema.prediction or usual.prediction,
            scores=schema.scores or usual.scores,
            timestamp=schema.timestamp or usual.timestamp,
            segments=tuple(sorted({name.partition("=")[0] for name in former.segments} & known)),
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
    former: Baseline | None,
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
    model, model_version, fitted_at
        What stands in the document.
    former
        The baseline of the version before: label, prediction and segments are called as in it.
    scratch
        A folder for rows with their predictions: they are gone through several times, and predicted once.
    """
    columns = material.columns
    names = _Names.of(former, columns)
    scored = columns.task is not Task.REGRESSION and hasattr(live, "predict_proba")
    scores = _score_names(names, material) if scored else ()

    def predicted(fitted: Any, rows: Sequence[Rows]) -> Iterator[pa.Table]:
        for frame in (frame for one in rows for frame in one.batches(_BATCH_ROWS)):
            features = frame[columns.features]
            answers = material.answers(fitted, features)
            found = features.assign(**{name: frame[name] for name in names.segments})
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
        categorical=list(dict.fromkeys([*columns.categorical, *names.segments])),
        segments=names.segments,
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


def _score_names(names: _Names, material: Material) -> tuple[str, ...]:
    """One name for two classes, one a class for more."""
    classes = material.classes.names
    wanted = 1 if len(classes) == 2 else len(classes)
    return names.scores if len(names.scores) == wanted else tuple(f"score_{one}" for one in classes)
