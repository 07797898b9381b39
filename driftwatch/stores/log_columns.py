"""What the columns of the log's files are called.

A reader without driftwatch must find what it looks for: the prediction is always ``prediction``, a single score
``score``, several ``score.NAME``. A feature keeps its name unless that is taken; then it is ``feature.NAME``. Names
are compared without case, since some readers do not tell it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

PREDICTION_LEADING = ("prediction_id", "event_time", "received_time", "model_version", "segment", "sequence")
"""First columns of a file of predictions."""

LABEL_COLUMNS = ("prediction_id", "label", "label_time", "received_time", "sequence", "row")
"""All columns of a file of labels. ``row`` is the position in its entry: with ``sequence`` it orders all labels."""

_FOLDERS = ("model", "date")
"""Readers of a whole folder make columns of the folders' names."""

_RESERVED = frozenset({*PREDICTION_LEADING, *LABEL_COLUMNS, *_FOLDERS, "prediction", "score"})
_PREFIXES = ("feature.", "score.")


@dataclass(frozen=True, slots=True)
class LogColumn:
    """One measured or extra column.

    Attributes
    ----------
    file_name
        Its name in the file.
    name
        Its name in the model's schema, or the extra feature's own.
    is_extra
        Whether the schema does not know it.
    holds_names
        Whether it holds names; else numbers.
    """

    file_name: str
    name: str
    is_extra: bool
    holds_names: bool


def log_columns(
    columns: Mapping[str, bool], extra: Mapping[str, bool], prediction: str | None, scores: tuple[str, ...]
) -> list[LogColumn]:
    """Name the columns: features first, then the prediction, the scores, and the extra features.

    Parameters
    ----------
    columns, extra
        Names, and whether each holds names.
    prediction, scores
        Which of ``columns`` are the model's outputs.

    Examples
    --------
    >>> [one.file_name for one in log_columns({"x": False, "label": True, "y": False}, {}, "y", ())]
    ['x', 'feature.label', 'prediction']
    """
    taken: set[str] = set()
    present = tuple(name for name in scores if name in columns)
    outputs = {name: file_name for name, file_name in _score_names(present) if name != prediction}
    if prediction in columns:
        outputs = {str(prediction): "prediction", **outputs}
    found = [
        LogColumn(_free(_feature_name(name), taken), name, False, holds_names)
        for name, holds_names in columns.items()
        if name not in outputs
    ]
    found += [LogColumn(_free(file_name, taken), name, False, columns[name]) for name, file_name in outputs.items()]
    found += [LogColumn(_free(_feature_name(name), taken), name, True, extra[name]) for name in sorted(extra)]
    return found


def _feature_name(name: str) -> str:
    folded = name.casefold()
    return f"feature.{name}" if folded in _RESERVED or folded.startswith(_PREFIXES) else name


def _score_names(scores: tuple[str, ...]) -> Iterable[tuple[str, str]]:
    if len(scores) == 1:
        return [(scores[0], "score")]
    if all(name.startswith("score.") for name in scores):
        return [(name, name) for name in scores]
    return [(name, f"score.{name}") for name in scores]


def _free(name: str, taken: set[str]) -> str:
    """The name, with as many primes as it takes to be the only one when case is not told."""
    while name.casefold() in taken:
        name += "'"
    taken.add(name.casefold())
    return name
