"""Whether to ask for a retrain: a pure decision with a named reason.

All times are event times, so that a replay decides as life would have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from driftwatch.core.alert_lives import FIRES, OPEN
from driftwatch.core.episodes import CLOSED, FINISHED, may_follow
from driftwatch.core.records import Alert, AlertKind, AlertState, RetrainEpisode, RetrainState
from driftwatch.core.retrain_policy import (
    AlertFires,
    AllOf,
    AnyOf,
    Condition,
    LabelVolume,
    ModelAge,
    QualityBelow,
    RetrainPolicy,
    conditions,
)
from driftwatch.core.window_quality import EstimatedMeasure


class RetrainReason(StrEnum):
    """Why a retrain is asked for, or is not."""

    CONDITIONS_MET = "conditions_met"
    NOTHING_CALLS = "nothing_calls"
    SILENCED = "silenced"
    TOO_FEW_WINDOWS = "too_few_windows"
    SUPERSEDED_VERSION = "superseded_version"
    EPISODE_OPEN = "episode_open"
    TOO_FEW_LABELS = "too_few_labels"
    COOLING_DOWN = "cooling_down"
    DAILY_CAP = "daily_cap"
    QUIET_HOURS = "quiet_hours"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainFacts:
    """Everything that a decision takes into account.

    Attributes
    ----------
    moment
        How far the model's stream has come.
    alerts
        The alerts of the stream that are not over, and those from outside.
    is_current_version
        Whether the stream is of the version that answers now.
    qualities
        Measures of the stream's newest windows that had labels enough, newest first.
    estimates
        What was expected of the stream's newest windows without labels, newest first.
    reference
        The same measures when the baseline was fitted.
    age
        How long the version is in service; None before its first window.
    labels
        That met their predictions since the last retrain was asked for.
    episodes
        The model's retrain episodes, newest first.
    """

    moment: datetime
    alerts: Sequence[Alert] = ()
    is_current_version: bool = True
    qualities: Sequence[Mapping[str, float]] = ()
    estimates: Sequence[Mapping[str, EstimatedMeasure]] = ()
    reference: Mapping[str, float] = field(default_factory=dict)
    age: timedelta | None = None
    labels: int = 0
    episodes: Sequence[RetrainEpisode] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A condition that is met: its name, and what it saw, for people."""

    name: str
    text: str
    alert_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainDecision:
    """What was decided, and why.

    ``calls`` are the conditions that are met, ``begins_as`` the state that an episode begins in where ``trigger`` is
    true. ``again_at`` is when to decide again though nothing new was judged.
    """

    trigger: bool
    reason: RetrainReason
    calls: tuple[Call, ...] = ()
    begins_as: RetrainState = RetrainState.REQUESTED
    again_at: datetime | None = None


def decide(policy: RetrainPolicy, facts: RetrainFacts) -> RetrainDecision:
    """Decide on a trigger.

    Parameters
    ----------
    policy
        What the user asked for.
    facts
        How things stand.

    Returns
    -------
    RetrainDecision
        ``trigger`` is true for ``conditions_met`` only. Of several reasons against it the first in the order of
        `RetrainReason` is given.

    Examples
    --------
    >>> from datetime import UTC
    >>> decide(RetrainPolicy(), RetrainFacts(moment=datetime(2026, 1, 1, tzinfo=UTC))).reason.value
    'nothing_calls'
    """
    calls = _calls(policy.when, policy, facts)
    reason, again_at = RetrainReason.CONDITIONS_MET, None
    if not calls:
        reason = _why_nothing_calls(policy, facts)
    else:
        reason, again_at = _held_back(policy, facts)
    begins_as = RetrainState.REQUESTED
    if policy.dry_run:
        begins_as = RetrainState.DRY_RUN
    elif policy.approval:
        begins_as = RetrainState.AWAITING_APPROVAL
    return RetrainDecision(
        trigger=reason is RetrainReason.CONDITIONS_MET,
        reason=reason,
        calls=calls,
        begins_as=begins_as,
        again_at=again_at,
    )


def _held_back(policy: RetrainPolicy, facts: RetrainFacts) -> tuple[RetrainReason, datetime | None]:
    """What speaks against a request although something calls for it, and when that is over."""
    if not facts.is_current_version:
        return RetrainReason.SUPERSEDED_VERSION, None
    counted = _counted(policy, facts)
    if any(one.state not in CLOSED for one in counted):
        return RetrainReason.EPISODE_OPEN, None
    if facts.labels < policy.minimum_labels:
        return RetrainReason.TOO_FEW_LABELS, None
    latest = max((one.triggered for one in counted), default=None)
    if latest is not None and facts.moment < latest + policy.cooldown:
        return RetrainReason.COOLING_DOWN, None
    today = facts.moment.astimezone(policy.zone).date()
    asked = sum(one.triggered.astimezone(policy.zone).date() == today for one in counted)
    if policy.daily_cap is not None and asked >= policy.daily_cap:
        return RetrainReason.DAILY_CAP, None
    quiet_until = policy.quiet.until(facts.moment) if policy.quiet is not None else None
    if quiet_until is not None:
        return RetrainReason.QUIET_HOURS, quiet_until
    return RetrainReason.CONDITIONS_MET, None


def _calls(when: Condition, policy: RetrainPolicy, facts: RetrainFacts) -> tuple[Call, ...]:
    """What of a condition is met; empty where the whole is not."""
    match when:
        case AnyOf():
            return tuple(call for one in when.conditions for call in _calls(one, policy, facts))
        case AllOf():
            parts = [_calls(one, policy, facts) for one in when.conditions]
            return tuple(call for part in parts for call in part) if all(parts) else ()
        case AlertFires():
            called = {known for one in _counted(policy, facts) for known in one.alert_ids}
            found = [one for one in facts.alerts if one.kind is when.kind and _counts(one, policy, called)]
            return tuple(
                Call(
                    name=when.name,
                    text=f"{one.segment}: {one.reason}" if _is_unnamed(one) else one.reason,
                    alert_id=one.alert_id,
                )
                for one in found
            )
        case QualityBelow():
            return _quality_below(when, policy, facts)
        case ModelAge():
            if facts.age is None or facts.age < when.age:
                return ()
            return (Call(name=when.name, text=f"The version is in service for {facts.age.days:,} days."),)
        case LabelVolume():
            if facts.labels < when.labels:
                return ()
            return (Call(name=when.name, text=f"{facts.labels:,} labels have come since the last retrain."),)


def _counted(policy: RetrainPolicy, facts: RetrainFacts) -> list[RetrainEpisode]:
    """Episodes that count: a dry run only where it is one still."""
    return [one for one in facts.episodes if policy.dry_run or one.state is not RetrainState.DRY_RUN]


def _counts(alert: Alert, policy: RetrainPolicy, called: Set[str]) -> bool:
    """Whether an alert calls. One from outside has no windows, and calls once."""
    if alert.state is AlertState.SILENCED or alert.state not in FIRES:
        return False
    if alert.kind is AlertKind.EXTERNAL:
        return alert.alert_id not in called
    return alert.windows >= policy.windows


def _is_unnamed(alert: Alert) -> bool:
    """Whether an alert of a segment has a reason that does not begin with the segment."""
    return bool(alert.segment) and not alert.reason.startswith(alert.segment)


def _quality_below(when: QualityBelow, policy: RetrainPolicy, facts: RetrainFacts) -> tuple[Call, ...]:
    reference, name = facts.reference.get(when.measure), when.measure
    newest = [one[name] for one in facts.qualities[: policy.windows] if name in one]
    surely = newest
    if when.estimated:
        expected = [one[name] for one in facts.estimates[: policy.windows] if name in one]
        newest = [one.value for one in expected]
        surely = [when.best(one.lower, one.upper) for one in expected]
    if reference is None or len(newest) < policy.windows:
        return ()
    if not all(when.is_worse(value, reference) for value in surely):
        return ()
    said = f"estimated {name}" if when.estimated else name
    text = f"{said} {newest[0]:.4g}, in the reference {reference:.4g}: beyond {when.limit(reference):.4g}"
    return (Call(name=when.name, text=text if policy.windows == 1 else f"{text} for {policy.windows} windows"),)


def _why_nothing_calls(policy: RetrainPolicy, facts: RetrainFacts) -> RetrainReason:
    wanted = {one.kind for one in conditions(policy.when) if isinstance(one, AlertFires)}
    mine = [one for one in facts.alerts if one.kind in wanted and one.state in OPEN]
    if any(one.state is AlertState.SILENCED for one in mine):
        return RetrainReason.SILENCED
    if any(one.state is AlertState.PENDING or one.windows < policy.windows for one in mine):
        return RetrainReason.TOO_FEW_WINDOWS
    return RetrainReason.NOTHING_CALLS


__all__ = [
    "CLOSED",
    "FINISHED",
    "Call",
    "RetrainDecision",
    "RetrainFacts",
    "RetrainPolicy",
    "RetrainReason",
    "decide",
    "may_follow",
]
