"""The life of a retrain episode: which state may follow which.

``requested`` (or first ``awaiting_approval``), ``delivered``, ``acknowledged``, ``training``, ``evaluating``, each of
which may be left out; then ``promoted``, ``rejected``, ``failed``, ``timed_out`` or ``cancelled``. What was promoted is
watched until the new version's windows say that it ``recovered`` or has ``not_recovered``. A ``dry_run`` is over when
it begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from driftwatch.core.records import RetrainState

FINISHED = frozenset(
    {
        RetrainState.PROMOTED,
        RetrainState.REJECTED,
        RetrainState.FAILED,
        RetrainState.TIMED_OUT,
        RetrainState.CANCELLED,
        RetrainState.RECOVERED,
        RetrainState.NOT_RECOVERED,
        RetrainState.DRY_RUN,
    }
)
"""The trainer has nothing more to do."""

CLOSED = FINISHED - {RetrainState.PROMOTED}
"""Nothing follows. A model has one episode at most that is not closed: one that is promoted is watched still."""

REPORTED = frozenset(
    {
        RetrainState.ACKNOWLEDGED,
        RetrainState.TRAINING,
        RetrainState.EVALUATING,
        RetrainState.PROMOTED,
        RetrainState.REJECTED,
        RetrainState.FAILED,
    }
)
"""What a trainer may say of itself; the other states are driftwatch's own."""

SUCCEEDED = frozenset({RetrainState.PROMOTED, RetrainState.RECOVERED, RetrainState.NOT_RECOVERED})
"""A new version went live."""

_PROGRESS = (
    RetrainState.AWAITING_APPROVAL,
    RetrainState.REQUESTED,
    RetrainState.DELIVERED,
    RetrainState.ACKNOWLEDGED,
    RetrainState.TRAINING,
    RetrainState.EVALUATING,
)
_ENDS = frozenset(
    {
        RetrainState.PROMOTED,
        RetrainState.REJECTED,
        RetrainState.FAILED,
        RetrainState.TIMED_OUT,
        RetrainState.CANCELLED,
    }
)


def _followers() -> Mapping[RetrainState, frozenset[RetrainState]]:
    found = {state: frozenset[RetrainState]() for state in RetrainState}
    for position, state in enumerate(_PROGRESS):
        found[state] = frozenset(_PROGRESS[position + 1 :]) | _ENDS
    found[RetrainState.AWAITING_APPROVAL] = frozenset(
        {RetrainState.REQUESTED, RetrainState.CANCELLED, RetrainState.TIMED_OUT}
    )
    found[RetrainState.PROMOTED] = frozenset({RetrainState.RECOVERED, RetrainState.NOT_RECOVERED})
    return MappingProxyType(found)


FOLLOWERS = _followers()
"""What may follow each state."""


def may_follow(present: RetrainState, wanted: RetrainState) -> bool:
    """Whether an episode in state ``present`` can go to ``wanted``; closed ones go nowhere.

    Examples
    --------
    >>> may_follow(RetrainState.TRAINING, RetrainState.PROMOTED)
    True
    >>> may_follow(RetrainState.PROMOTED, RetrainState.TRAINING)
    False
    """
    return wanted in FOLLOWERS[present]


__all__ = ["CLOSED", "FINISHED", "FOLLOWERS", "REPORTED", "SUCCEEDED", "may_follow"]
