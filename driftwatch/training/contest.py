"""The one look at the test rows: what champion and challenger say of them, gathered a batch at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from driftwatch.core.records import Task
from driftwatch.core.windows import to_microseconds
from driftwatch.errors import TrainingFailed
from driftwatch.training.answers import Floats, Material, together
from driftwatch.training.champion_challenger import Contest
from driftwatch.training.measures import Answers
from driftwatch.training.rows import Rows

_BATCH_ROWS = 65_536
_MOST_SEGMENTS = 100
_LATENCY_ROWS = 30

Says = Callable[[pd.DataFrame], tuple[Answers, NDArray[np.bool_]]]
"""What somebody says of rows, and which of them they have an answer for."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Champion:
    """Who is to be beaten: a name for people, and what it says.

    Rows from before ``from_time`` are left out: it was fitted on them.
    """

    name: str
    says: Says
    from_time: datetime | None = None


def model_says(material: Material, model: Any) -> Says:
    """What a fitted model says of rows."""
    features = material.columns.features

    def says(frame: pd.DataFrame) -> tuple[Answers, NDArray[np.bool_]]:
        try:
            answers = material.answers(model, frame[features])
        except (KeyError, ValueError) as error:
            raise TrainingFailed(f"A model does not take the rows: {' '.join(str(error).split())[:300]}") from error
        return answers, np.isfinite(answers.values)

    return says


def constant_says(material: Material) -> Says:
    """What a model without features would say: the median, or the most frequent class with all classes' shares."""
    labels = np.concatenate([material.labels(frame) for frame in material.train.batches()])
    if material.columns.task is Task.REGRESSION:
        middle = float(np.median(labels))
        return lambda frame: (Answers(values=np.full(len(frame), middle)), np.ones(len(frame), dtype=np.bool_))
    counts = np.bincount(labels.astype(np.intp), minlength=len(material.classes.names))
    shares, most = counts / counts.sum(), float(counts.argmax())
    return lambda frame: (
        Answers(values=np.full(len(frame), most), probabilities=np.tile(shares, (len(frame), 1))),
        np.ones(len(frame), dtype=np.bool_),
    )


def gather(material: Material, test: Rows, champion: Champion, challenger: Any, *, ranked: bool) -> Contest:
    """Let the two answer the test rows.

    Parameters
    ----------
    material
        What the columns and classes are.
    test
        The rows, opened.
    champion, challenger
        The two; the challenger is a fitted pipeline.
    ranked
        Whether the measure needs probabilities, which the champion then must have, too.

    Raises
    ------
    TrainingFailed
        If one does not take the rows, or the measure needs probabilities that one has not.
    """
    columns, theirs = material.columns, model_says(material, challenger)
    first: list[tuple[Answers, Floats]] = []
    second: list[tuple[Answers, Floats]] = []
    times: list[NDArray[np.integer]] = []
    names: list[pd.DataFrame] = []
    for frame in test.batches(_BATCH_ROWS):
        old, known = champion.says(frame)
        new, answered = theirs(frame)
        labels = material.labels(frame)
        fair = known & answered & np.isfinite(labels)
        at = None
        if columns.time is not None:
            # They lie in microseconds in the file, and stay so in a frame.
            at = frame[columns.time].astype("int64").to_numpy(dtype=np.int64)
            if champion.from_time is not None:
                fair &= at > to_microseconds(champion.from_time)
        rows = np.flatnonzero(fair)
        first.append((old.take(rows), labels[rows]))
        second.append((new.take(rows), labels[rows]))
        if at is not None:
            times.append(at[rows])
        names.append(frame[list(columns.segments)].iloc[rows])
    old, labels = together(first)
    new, _ = together(second)
    for name, one in (("champion", old), ("challenger", new)):
        if ranked and one.probabilities is None:
            raise TrainingFailed(f"The measure needs probabilities, and the {name} has none. Choose another measure.")
    return Contest(
        task=columns.task,
        labels=labels,
        times=np.concatenate(times).astype(np.int64) if times else None,
        champion=old,
        challenger=new,
        segments=_segments(pd.concat(names, ignore_index=True)),
    )


def latency_ms(model: Any, frame: pd.DataFrame) -> float:
    """The shortest of thirty times of a prediction of one row, milliseconds.

    The others say what else the machine was doing: a trainer's often has much to do.
    """
    took: list[float] = []
    for row in range(_LATENCY_ROWS):
        one = frame.iloc[[row % len(frame)]]
        began = time.perf_counter()
        model.predict(one)
        took.append(time.perf_counter() - began)
    return min(took) * 1e3


def _segments(names: pd.DataFrame) -> dict[str, NDArray[np.intp]]:
    """The rows of the most frequent values of each column."""
    found: dict[str, NDArray[np.intp]] = {}
    for column in names.columns:
        codes, values = pd.factorize(names[column])
        counts = np.bincount(codes[codes >= 0], minlength=len(values))
        for code in np.argsort(-counts, kind="stable")[:_MOST_SEGMENTS].tolist():
            found[f"{column}={values[code]}"] = np.flatnonzero(codes == code)
    return found
