"""The model card: what was trained on what, how it was chosen, how good it is, and why it was trained at all.

The JSON has everything; the Markdown is the same for people.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from driftwatch.core.records import Alert
from driftwatch.training.champion_challenger import Comparison, Decision
from driftwatch.training.chosen import Spread, Trial
from driftwatch.training.resampling import Interval
from driftwatch.training.rows import Stretch

_MOST_TRIALS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why a retrain was asked for: the episode's own words, and the alerts that called for it, where they are known."""

    retrain_id: str
    reason: str
    triggered: datetime
    until: datetime
    model_version: str
    alert_ids: tuple[str, ...] = ()
    alerts: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFacts:
    """Which rows there were, and when the test rows were opened."""

    source: str
    train: Stretch
    validation: Stretch
    test: Stretch
    in_gaps: int
    unlabelled: int
    test_opened_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFacts:
    """How the model was chosen and fitted; ``fitted_until`` is the latest event time that the model was fitted on."""

    parameters: dict[str, Any]
    seed: int
    validation_value: float
    trials: tuple[Trial, ...]
    spread: Spread | None
    out_of_time: bool
    epochs: int | None
    guard_stops: tuple[str, ...]
    notes: tuple[str, ...]
    final_rows: str
    fitted_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """Everything that is known of a model that was trained here."""

    model: str
    model_version: str
    created_at: datetime
    task: str
    measure: str
    estimator: str
    features: tuple[str, ...]
    classes: tuple[str, ...]
    recipe: dict[str, Any]
    data: DataFacts
    training: TrainingFacts
    comparison: Comparison
    decision: Decision
    evidence: Evidence | None
    software: dict[str, str]

    def to_json(self) -> str:
        """The card as indented JSON; what is undefined is null."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"

    def to_markdown(self) -> str:
        """The card for people."""
        return "\n".join(
            [
                f"# {self.model}, version {self.model_version}",
                "",
                (
                    f"{'Promoted' if self.decision.promoted else 'Rejected'} ({self.decision.reason.value}): "
                    f"{self.decision.text}"
                ),
                "",
                *_why(self.evidence),
                *self._data(),
                *self._training(),
                *_comparison(self.comparison),
                *self._rest(),
            ]
        )

    def _data(self) -> list[str]:
        data = self.data
        rows = [
            [name, f"{one.rows:,}", _moment(one.first), _moment(one.last)]
            for name, one in (("train", data.train), ("validation", data.validation), ("test", data.test))
        ]
        return [
            "## Data",
            "",
            f"From {data.source}. Features: {', '.join(self.features)}.",
            "",
            *_table(["part", "rows", "from", "to"], rows),
            "",
            (
                f"{data.in_gaps:,} rows lie in the gaps between the parts, {data.unlabelled:,} have no label. "
                f"The test rows were opened once, at {_moment(data.test_opened_at)}, after everything was chosen."
            ),
            "",
        ]

    def _training(self) -> list[str]:
        training = self.training
        lines = [
            "## Training",
            "",
            (
                f"`{self.estimator}` with {_words(training.parameters) or 'the parameters of the recipe'}, seed "
                f"{training.seed}; {self.measure} on the validation rows {training.validation_value:.4g}. Fitted on "
                f"{training.final_rows.replace('_', ' ')} rows, until {_moment(training.fitted_until)}."
            ),
            "",
        ]
        if training.epochs is not None:
            lines += [f"The best epoch was number {training.epochs}.", ""]
        if training.spread is not None:
            values = ", ".join(f"{one:.4g}" for one in training.spread.values)
            lines += [f"Random starts: {values}; they span {training.spread.range:.4g}.", ""]
        if training.out_of_time:
            lines += ["The search ended by its budget of time.", ""]
        lines += [f"The training guard stopped {len(training.guard_stops)} trainings.", ""]
        if len(training.trials) > 1:
            shown = training.trials[:_MOST_TRIALS_SHOWN]
            rows = [
                [
                    str(one.number),
                    _words(one.parameters),
                    str(one.seed),
                    one.resource or "all",
                    one.state.value,
                    f"{one.value:.5g}",
                    one.note,
                ]
                for one in shown
            ]
            lines += [*_table(["trial", "parameters", "seed", "share", "state", self.measure, "note"], rows), ""]
            if len(training.trials) > len(shown):
                lines += [f"{len(training.trials) - len(shown)} more trials are in card.json.", ""]
        return lines

    def _rest(self) -> list[str]:
        software = ", ".join(f"{name} {version}" for name, version in self.software.items())
        return ["## Made", "", f"{_moment(self.created_at)} with {software}. The recipe is in card.json.", ""]


def _why(evidence: Evidence | None) -> list[str]:
    if evidence is None:
        return []
    return [
        "## Why it was trained",
        "",
        (
            f"Retrain {evidence.retrain_id} was asked for at {_moment(evidence.triggered)}, of version "
            f"{evidence.model_version}: {evidence.reason}"
        ),
        "",
        *_alerts(evidence),
    ]


def _alerts(evidence: Evidence) -> list[str]:
    if not evidence.alerts:
        return [f"Alerts: {', '.join(evidence.alert_ids)}.", ""] if evidence.alert_ids else []
    rows = [
        [one.kind.value, one.segment or "all rows", _moment(one.started), ", ".join(one.columns), one.reason]
        for one in evidence.alerts
    ]
    return [*_table(["alert", "of", "since", "columns", "reason"], rows), ""]


def _comparison(made: Comparison) -> list[str]:
    paired = made.paired
    rows = [
        ["champion", *_interval(paired.champion)],
        ["challenger", *_interval(paired.challenger)],
        ["better by", *_interval(paired.gain)],
    ]
    lines = [
        "## Champion against challenger",
        "",
        (
            f"The champion is {made.champion}. Both on the same {paired.rows:,} test rows; intervals by resampling "
            f"{paired.blocks:,} {made.block}."
        ),
        "",
        *_table([made.measure, "value", "low", "high"], rows),
        "",
        (
            f"Calibration error: champion {made.champion_calibration:.3g}, "
            f"challenger {made.challenger_calibration:.3g}. "
            f"A prediction of one row takes at least {made.costs.latency_ms:.3g} ms, the file has "
            f"{made.costs.size_bytes / 1e6:.3g} MB."
        ),
        "",
    ]
    if made.segments:
        checks = [
            [
                one.segment,
                f"{one.paired.rows:,}",
                f"{one.paired.champion.value:.4g}",
                f"{one.paired.challenger.value:.4g}",
                "too few rows" if one.p_worse is None else f"{one.p_worse:.3g}",
            ]
            for one in made.segments
        ]
        lines += [*_table(["segment", "rows", "champion", "challenger", "p of being worse"], checks), ""]
    return lines


def _interval(one: Interval) -> list[str]:
    return [f"{one.value:.5g}", *("" if math.isnan(end) else f"{end:.5g}" for end in (one.low, one.high))]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines]


def _words(parameters: Any) -> str:
    return ", ".join(
        f"{name} = {value:.4g}" if isinstance(value, float) else f"{name} = {value}"
        for name, value in parameters.items()
    )


def _moment(moment: datetime | None) -> str:
    return "(no time)" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
