"""What a model server's outputs say: a prediction a row, and probabilities where there are some.

Outputs come under names that every server chooses for itself. The rules, in this order:

1. An output whose name says so (it has ``proba``, ``score``, ``confidence`` or ``likelihood`` in it) and whose values
   all lie in [0, 1] holds probabilities. So does one of several numbers a row that add up to 1.
2. Of the others, the prediction is the first whose name has ``predict``, ``label``, ``class`` or ``output`` in it, else
   the first. Where two classes are known and it is a fraction in [0, 1], it is the probability of the last class.
3. Where there are probabilities alone, the prediction is the class with the largest (of equal ones the first), under
   its name where the classes are known, else its position.

Of a regression (no classes) nothing is a probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from driftwatch.errors import EventError
from driftwatch.wire.input_table import Value, values_of

_SURE = ("proba", "score", "confidence", "likelihood")
_CHOSEN = ("predict", "label", "class", "output")
_ROUNDING = 0.01
MAX_CLASSES = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """One output: a value, a list of values or an object of values a row.

    ``names`` are those of the values within a row, where the server gave some.
    """

    name: str
    rows: Sequence[Any]
    names: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """A prediction a row; a score a row as an event has it, or None where the model gave no probabilities."""

    predictions: Sequence[int | float | str | bool]
    scores: Sequence[float | dict[str, float]] | None = None


def outputs_of_rows(rows: Any) -> list[Output]:
    """The outputs in a list with an entry a row: objects are several outputs, anything else is one.

    Raises
    ------
    EventError
        If it is no such list.
    """
    if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
        names = rows[0].keys()
        if any(row.keys() != names for row in rows):
            raise EventError("The answer's rows do not all have the same outputs.")
        return [Output(name, [row[name] for row in rows]) for name in names]
    if not isinstance(rows, list):
        raise EventError("The answer holds no list of predictions.")
    return [Output("predictions", rows)]


def answers_of(outputs: Sequence[Output], n_rows: int, classes: Sequence[str] | None) -> Answers:
    """Predictions and scores; ``classes`` are the model's, empty for regression and None where they are not known.

    Raises
    ------
    EventError
        If there is no prediction in them, or not one a row.

    Examples
    --------
    >>> answers_of([Output("predict_proba", [[0.2, 0.8], [0.9, 0.1]])], 2, ("no", "yes"))
    Answers(predictions=['yes', 'no'], scores=[0.8, 0.1])
    """
    probabilities: Output | None = None
    candidates: list[Output] = []
    for one in outputs:
        if len(one.rows) != n_rows:
            raise EventError(f"holds {len(one.rows)} rows for {n_rows} rows of the request.", field=one.name[:256])
        output = _squeezed(one)
        if classes != () and _holds_probabilities(output):
            probabilities = probabilities or output
        elif not output.rows or not isinstance(output.rows[0], list | dict):
            candidates.append(output)
    chosen = min(candidates, key=_rank, default=None)
    if chosen is None and probabilities is None:
        raise EventError("The answer holds no single prediction a row.")
    scored = None if probabilities is None else _scored(probabilities, classes)
    if chosen is None:
        assert scored is not None
        return scored
    predictions = values_of(chosen.rows)
    if scored is None and classes is not None and len(classes) == 2 and _fractions(predictions):
        return _scored(Output(chosen.name, predictions), classes)
    given: list[int | float | str | bool] = [one for one in predictions if one is not None]
    if len(given) != n_rows:
        raise EventError("The answer has rows without a prediction.")
    return Answers(given, None if scored is None else _fitting_scores(scored.scores, classes))


def _squeezed(output: Output) -> Output:
    if output.rows and all(isinstance(row, list) and len(row) == 1 for row in output.rows):
        return Output(output.name, [row[0] for row in output.rows])
    return output


def _rank(output: Output) -> bool:
    name = output.name.lower()
    return not any(word in name for word in _CHOSEN)


def _holds_probabilities(output: Output) -> bool:
    rows = output.rows
    if not rows:
        return False
    named = any(word in output.name.lower() for word in _SURE)
    first = rows[0]
    if isinstance(first, dict):
        return all(isinstance(row, dict) and row.keys() == first.keys() and _add_up(row.values()) for row in rows)
    if isinstance(first, list):
        width = len(first)
        return all(isinstance(row, list) and len(row) == width and _add_up(row) for row in rows)
    return named and all(_is_probability(one) for one in rows)


def _is_probability(value: Any) -> bool:
    return type(value) in {int, float} and -1e-6 <= value <= 1 + 1e-6


def _add_up(values: Any) -> bool:
    found = list(values)
    return 2 <= len(found) <= MAX_CLASSES and all(map(_is_probability, found)) and abs(sum(found) - 1) <= _ROUNDING


def _fractions(values: Sequence[Value]) -> bool:
    return all(type(one) is float and 0 <= one <= 1 for one in values) and any(one not in {0.0, 1.0} for one in values)


def _scored(output: Output, classes: Sequence[str] | None) -> Answers:
    first = output.rows[0]
    if isinstance(first, dict):
        rows = [[float(row[name]) for name in first] for row in output.rows]
        return _by_class(rows, tuple(first), tuple(first), classes)
    if isinstance(first, list):
        rows = [[float(one) for one in row] for row in output.rows]
        width = len(first)
        if classes and output.names is not None and set(output.names) == set(classes):
            return _by_class(rows, output.names, output.names, classes)
        if classes is not None and len(classes) == width:
            return _by_class(rows, classes, classes, classes)
        positions = range(width)
        return _by_class(rows, positions, tuple(map(str, positions)), None)
    last, other = (classes[1], classes[0]) if classes is not None and len(classes) == 2 else (1, 0)
    scores = [float(one) for one in output.rows]
    return Answers([last if one > 0.5 else other for one in scores], scores)


def _by_class(
    rows: Sequence[list[float]], values: Sequence[int | str], names: Sequence[str], classes: Sequence[str] | None
) -> Answers:
    """The class with the largest probability; of two classes, the probability of the last is the score."""
    predictions = [values[max(range(len(row)), key=row.__getitem__)] for row in rows]
    if len(names) == 2 and (classes is None or set(classes) == set(names)):
        last = 1 if classes is None else list(names).index(classes[-1])
        return Answers(predictions, [row[last] for row in rows])
    return Answers(predictions, [dict(zip(names, row, strict=True)) for row in rows])


def _fitting_scores(
    scores: Sequence[float | dict[str, float]] | None, classes: Sequence[str] | None
) -> Sequence[float | dict[str, float]] | None:
    """A model of many classes that gives one number is sure of its prediction, not of the last class."""
    single = bool(scores) and not isinstance(scores[0], dict)  # type: ignore[index]
    return None if single and classes is not None and len(classes) != 2 else scores


__all__ = ["MAX_CLASSES", "Answers", "Output", "answers_of", "outputs_of_rows"]
