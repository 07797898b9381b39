"""What must be so before a retrain is asked for: conditions, how they combine, and what holds a request back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta, tzinfo
from types import MappingProxyType

from driftwatch.core.performance import MEASURES
from driftwatch.core.performance.measure import Better
from driftwatch.core.quiet_hours import QuietHours
from driftwatch.core.records import AlertKind, RetrainState
from driftwatch.errors import InputError

_MARGIN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*")


@dataclass(frozen=True, slots=True)
class AlertFires:
    """An alert of this kind fires, and has done so for the policy's number of windows."""

    kind: AlertKind

    @property
    def name(self) -> str:
        """What it is called in texts and metrics."""
        return self.kind.value


@dataclass(frozen=True, slots=True)
class QualityBelow:
    """A measure of quality is worse than the reference's by more than ``by``, whatever the alerts say.

    ``by`` is a share of the reference's where ``relative``, else in the measure's own units. Where ``estimated``, it is
    what was expected without labels that counts, and its whole interval has to be worse.
    """

    measure: str
    by: float
    relative: bool
    estimated: bool = False

    @classmethod
    def parse(cls, measure: str, worse_by: str | float, *, estimated: bool = False) -> QualityBelow:
        """Read ``"20%"`` as a share of the reference's, and a number as it is.

        Raises
        ------
        InputError
            No task has the measure, or the margin is none.

        Examples
        --------
        >>> QualityBelow.parse("mae", "20%")
        QualityBelow(measure='mae', by=0.2, relative=True, estimated=False)
        """
        if measure not in measures():
            known = ", ".join(measures())
            raise InputError(f"{measure!r} is no measure of quality.", field="measure", remedy=f"Take one of {known}.")
        match = _MARGIN.fullmatch(str(worse_by))
        if match is None or isinstance(worse_by, bool):
            raise InputError(f"{worse_by!r} is no margin.", field="worse_by", remedy='Write 0.05, or "20%".')
        return cls(measure, float(match[1]) / (100.0 if match[2] else 1.0), bool(match[2]), estimated)

    @property
    def name(self) -> str:
        """What it is called in texts and metrics."""
        return "estimated_quality_below" if self.estimated else "quality_below"

    def limit(self, reference: float) -> float:
        """The last value that is not worse by too much."""
        margin = abs(reference) * self.by if self.relative else self.by
        return reference - margin if MEASURES[self.measure].better is Better.HIGHER else reference + margin

    def is_worse(self, value: float, reference: float) -> bool:
        """Whether a value is beyond the limit; one that is not defined is not."""
        limit = self.limit(reference)
        return value < limit if MEASURES[self.measure].better is Better.HIGHER else value > limit

    def best(self, lower: float, upper: float) -> float:
        """The better end of an interval."""
        return upper if MEASURES[self.measure].better is Better.HIGHER else lower


@dataclass(frozen=True, slots=True)
class ModelAge:
    """The current version is in service for this long, by event time."""

    age: timedelta

    @property
    def name(self) -> str:
        """What it is called in texts and metrics."""
        return "age"


@dataclass(frozen=True, slots=True)
class LabelVolume:
    """So many labels met their predictions since the last retrain was asked for, or ever."""

    labels: int

    @property
    def name(self) -> str:
        """What it is called in texts and metrics."""
        return "labels"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of these is enough."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of these at once."""

    conditions: tuple[Condition, ...]


Condition = AlertFires | QualityBelow | ModelAge | LabelVolume | AnyOf | AllOf

USUAL = AnyOf((AlertFires(AlertKind.QUALITY), AlertFires(AlertKind.EXTERNAL)))
"""Worse quality asks for a retrain, and so does whoever calls from outside."""

DEFAULT_TIMEOUTS: Mapping[RetrainState, timedelta] = MappingProxyType(
    {
        RetrainState.AWAITING_APPROVAL: timedelta(days=7),
        RetrainState.REQUESTED: timedelta(days=2),
        RetrainState.DELIVERED: timedelta(days=2),
        RetrainState.ACKNOWLEDGED: timedelta(days=1),
        RetrainState.TRAINING: timedelta(days=2),
        RetrainState.EVALUATING: timedelta(days=1),
        RetrainState.PROMOTED: timedelta(days=60),
    }
)
"""How long an episode may stay in a state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainPolicy:
    """When a retrain is asked for.

    Attributes
    ----------
    when
        What calls for one.
    windows
        For so many windows in a row an alert must have drifted, or quality been below. What has no windows (age, label
        volume, calls from outside) holds at once.
    minimum_labels
        Fewer labels since the last retrain was asked for, or ever, make no training data.
    cooldown
        How long no retrain follows another.
    daily_cap
        Most retrains of the model in a day of ``zone``; None for no bound.
    quiet
        When none is asked for: it is asked for when they are over, if something still calls for it.
    zone
        Whose days and hours these are.
    dry_run
        Write down what would have been asked for, and tell nobody.
    approval
        Ask a person first.
    timeouts
        How long an episode may stay in a state; the defaults for those left out.
    watch_windows
        So many windows of a promoted version, with labels enough, show whether it helped.
    """

    when: Condition = USUAL
    windows: int = 1
    minimum_labels: int = 0
    cooldown: timedelta = timedelta(days=7)
    daily_cap: int | None = None
    quiet: QuietHours | None = None
    zone: tzinfo = UTC
    dry_run: bool = False
    approval: bool = False
    timeouts: Mapping[RetrainState, timedelta] = field(default_factory=lambda: DEFAULT_TIMEOUTS)
    watch_windows: int = 3

    def timeout(self, state: RetrainState) -> timedelta | None:
        """How long an episode may stay in a state; None for ever."""
        return self.timeouts.get(state, DEFAULT_TIMEOUTS.get(state))


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainPolicies:
    """The policy of all models, and those that some have of their own."""

    general: RetrainPolicy = field(default_factory=RetrainPolicy)
    models: Mapping[str, RetrainPolicy] = field(default_factory=dict)

    def of(self, model: str) -> RetrainPolicy:
        """The one that a model is under."""
        return self.models.get(model, self.general)


def conditions(when: Condition) -> tuple[Condition, ...]:
    """A condition with all that it is made of."""
    if isinstance(when, AnyOf | AllOf):
        return (when, *(inner for one in when.conditions for inner in conditions(one)))
    return (when,)


def measures() -> tuple[str, ...]:
    """The names of the measures of quality that have a better and a worse, of all tasks, sorted."""
    return tuple(sorted(name for name, kind in MEASURES.items() if kind.better is not Better.NEITHER))


__all__ = [
    "DEFAULT_TIMEOUTS",
    "USUAL",
    "AlertFires",
    "AllOf",
    "AnyOf",
    "Condition",
    "LabelVolume",
    "ModelAge",
    "QualityBelow",
    "RetrainPolicies",
    "RetrainPolicy",
    "conditions",
    "measures",
]
