"""Which column of a file or frame of events is what: the usual names, or those that the reference had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from driftwatch.core.schema import Schema
from driftwatch.errors import EventError, InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class EventNames:
    """Which column is what; None where there is no such column.

    Examples
    --------
    >>> from driftwatch.core.records import Task
    >>> schema = Schema(task=Task.BINARY, columns=(), label="repaid", prediction="y_pred", timestamp="ts")
    >>> names = EventNames.found(["age", "y_pred", "repaid", "label_time"], schema)
    >>> names.prediction, names.label, names.label_time, names.event_time
    ('y_pred', 'repaid', 'label_time', None)
    """

    prediction: str | None = None
    scores: tuple[str, ...] = ()
    label: str | None = None
    event_time: str | None = None
    label_time: str | None = None
    prediction_id: str | None = None
    segment: str | None = None
    model_version: str | None = None

    @property
    def reserved(self) -> set[str]:
        """The columns that are no features."""
        single = (
            self.prediction, self.label, self.event_time, self.label_time,
            self.prediction_id, self.segment, self.model_version,
        )  # fmt: skip
        return {*self.scores, *(name for name in single if name is not None)}

    @classmethod
    def found(cls, columns: Sequence[str], schema: Schema, given: EventNames | None = None) -> EventNames:
        """Look among some columns.

        Parameters
        ----------
        columns
            Those that there are. A feature of the schema is a feature, whatever it is called.
        schema
            Of the baseline: it may know other names for the prediction, the scores, the label and the event time.
        given
            Names that go before both.

        Raises
        ------
        EventError
            If a column that was named is not there.
        """
        given = given or cls()
        for absent in sorted(given.reserved - set(columns)):
            raise EventError("there is no such column.", field=absent, remedy=f"There are: {', '.join(columns[:12])}.")
        present = set(columns) - {column.name for column in schema.features}

        def name(chosen: str | None, *candidates: str | None) -> str | None:
            return chosen or next((one for one in candidates if one in present), None)

        scores = given.scores or (("score",) if "score" in present else schema.scores)
        return cls(
            prediction=name(given.prediction, "prediction", schema.prediction),
            scores=scores if present.issuperset(scores) else (),
            label=name(given.label, "label", schema.label),
            event_time=name(given.event_time, "event_time", schema.timestamp),
            label_time=name(given.label_time, "label_time"),
            prediction_id=name(given.prediction_id, "prediction_id"),
            segment=name(given.segment, "segment"),
            model_version=name(given.model_version, "model_version"),
        )

    def check(self, schema: Schema, *, labels_alone: bool, error: type[InputError] = EventError) -> None:
        """Complain where there are no predictions, though the model makes some.

        Parameters
        ----------
        schema
            Of the baseline.
        labels_alone
            Whether labels with the id of their prediction will do.
        error
            Which error to raise.

        Raises
        ------
        InputError
            Of the type ``error``.
        """
        if self.prediction is not None or (labels_alone and self.label is not None and self.prediction_id is not None):
            return
        wanted = "prediction" if schema.prediction in {None, "prediction"} else f"prediction or {schema.prediction}"
        raise error(
            f"has no column {wanted}.",
            field="EVENTS",
            remedy="Give a file with the model's predictions, or one with prediction_id and label."
            if labels_alone
            else "Give the model's predictions.",
        )


__all__ = ["EventNames"]
