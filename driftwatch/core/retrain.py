"""Whether to ask for a retrain: a pure decision with a named reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from driftwatch.core.records import AlertKind, RetrainEpisode, RetrainState, Status, Verdict

FINISHED = frozenset({RetrainState.PROMOTED, RetrainState.REJECTED, RetrainState.FAILED})

_PROGRESS = (
    RetrainState.REQUESTED,
    RetrainState.DELIVERED,
    RetrainState.ACKNOWLEDGED,
    RetrainState.TRAINING,
    RetrainState.EVALUATING,
)


class RetrainReason(StrEnum):
    """Why a retrain is asked for, or is not."""

    QUALITY_FELL = "quality_fell"
    NOTHING_FIRES = "nothing_fires"
    SUPERSEDED_VERSION = "superseded_version"
    EPISODE_OPEN = "episode_open"
    COOLING_DOWN = "cooling_down"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainPolicy:
    """Which alerts ask for a retrain, and how long to leave the model alone after one was asked for."""

    kinds: frozenset[AlertKind] = frozenset({AlertKind.QUALITY})
    cooldown: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainDecision:
    """What was decided, and why."""

    trigger: bool
    reason: RetrainReason


def decide(
    policy: RetrainPolicy,
    verdicts: Sequence[Verdict],
    *,
    window_end: datetime,
    is_current_version: bool,
    latest: RetrainEpisode | None,
) -> RetrainDecision:
    """Decide on a trigger after a window was judged.

    Parameters
    ----------
    policy
        What the user asked for.
    verdicts
        The window's verdicts.
    window_end
        End of the judged window: all times here are event times, so a replay decides as life would have.
    is_current_version
        Whether the window belongs to the version that was registered last.
    latest
        The model's newest retrain episode, if it ever had one.

    Returns
    -------
    RetrainDecision
        ``trigger`` is true for ``quality_fell`` only.
    """
    firing = any(verdict.kind in policy.kinds and verdict.status is Status.DRIFT for verdict in verdicts)
    if not firing:
        return RetrainDecision(trigger=False, reason=RetrainReason.NOTHING_FIRES)
    if not is_current_version:
        return RetrainDecision(trigger=False, reason=RetrainReason.SUPERSEDED_VERSION)
    if latest is not None and latest.state not in FINISHED:
        return RetrainDecision(trigger=False, reason=RetrainReason.EPISODE_OPEN)
    if latest is not None and window_end < latest.triggered + policy.cooldown:
        return RetrainDecision(trigger=False, reason=RetrainReason.COOLING_DOWN)
    return RetrainDecision(trigger=True, reason=RetrainReason.QUALITY_FELL)


def may_follow(present: RetrainState, wanted: RetrainState) -> bool:
    """Whether an episode in state ``present`` can go to ``wanted``; finished ones go nowhere.

    Examples
    --------
    >>> may_follow(RetrainState.TRAINING, RetrainState.PROMOTED)
    True
    >>> may_follow(RetrainState.PROMOTED, RetrainState.TRAINING)
    False
    """
    if present in FINISHED:
        return False
    return wanted in FINISHED or _PROGRESS.index(wanted) > _PROGRESS.index(present)
