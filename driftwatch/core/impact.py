"""Which columns drift and matter: how far each is beyond its threshold, beside how much the model looks at it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from driftwatch.core.cells import NamedCells
from driftwatch.core.records import AlertKind, ColumnRole, Direction, Finding, Status, ThresholdOrigin, Verdict

if TYPE_CHECKING:
    from driftwatch.core.baseline import Baseline, ColumnBaseline
    from driftwatch.core.profile import ColumnProfile, Profile

_NAMES_SHOWN = 2
_WORDS = {
    Direction.UP: "is higher",
    Direction.DOWN: "is lower",
    Direction.WIDER: "is spread wider",
    Direction.NARROWER: "is spread less",
    Direction.RESHAPED: "has another shape",
    Direction.MIX: "has another mix",
    Direction.NONE: "has changed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """A feature that drifts, and what that may do to the model.

    Attributes
    ----------
    column, status
        Which, and what was found of it.
    importance
        Its share of the model's feature importance; None where the baseline was not given any.
    beyond
        How many times its threshold its drift score reaches: of the statistic that reaches furthest.
    impact
        ``importance * beyond``; without importance, ``beyond`` alone.
    matters
        Whether it has at least its fair share of the importance; True where that is not known.
    text
        Direction and size in a sentence.
    """

    column: str
    status: Status
    importance: float | None
    beyond: float
    impact: float
    matters: bool
    text: str

    def to_document(self) -> dict[str, str | float | bool | None]:
        """A JSON-able form."""
        return {
            "column": self.column,
            "status": self.status.value,
            "importance": self.importance,
            "beyond": self.beyond,
            "matters": self.matters,
            "text": self.text,
        }


def impacts(
    baseline: Baseline, profile: Profile, findings: Sequence[Finding], verdicts: Sequence[Verdict]
) -> tuple[Impact, ...]:
    """The features that drift or may, those that matter most first.

    Parameters
    ----------
    baseline, profile
        What was compared.
    findings, verdicts
        What came of it.

    Examples
    --------
    >>> import numpy as np
    >>> from driftwatch.comparison import compare
    >>> rng = np.random.default_rng(1)
    >>> reference = {"age": rng.normal(40, 10, 5_000), "noise": rng.normal(0, 1, 5_000)}
    >>> live = {"age": rng.normal(45, 10, 1_000), "noise": rng.normal(2, 1, 1_000)}
    >>> report = compare(reference, live, importance={"age": 0.95, "noise": 0.05})
    >>> for one in report.impacts:
    ...     print(one.matters, one.text)
    True age is higher: mean 39.86 -> 44.66, 0.48 standard deviations up. It has 95 % of the importance.
    False noise is higher: mean -0.00738 -> 2.001, 2 standard deviations up. It has 5 % of the importance.
    """
    named = {column for verdict in verdicts for column in verdict.columns}
    features = [column.name for column in baseline.schema.columns if column.role is ColumnRole.FEATURE]
    found = []
    for name in features:
        own = [one for one in findings if one.column == name and one.statistic]
        telling = [one for one in own if one.status in (Status.DRIFT, Status.WARNING)]
        if not telling and name not in named:
            continue
        # What moved says more than what is off, where both are.
        drifting = [one for one in telling if one.kind is not AlertKind.DATA_QUALITY]
        strongest = max(drifting or telling or own, key=_beyond, default=None)
        if strongest is None:
            continue
        importance = baseline.importance.get(name, 0.0) if baseline.importance else None
        beyond = _beyond(strongest)
        found.append(
            Impact(
                column=name,
                status=Status.DRIFT if name in named else strongest.status,
                importance=importance,
                beyond=beyond,
                impact=beyond if importance is None else importance * beyond,
                matters=importance is None or importance >= 1.0 / len(features),
                text=_sentence(name, strongest, baseline.columns[name], profile.columns[name], importance),
            )
        )
    return tuple(sorted(found, key=lambda one: (not one.matters, -one.impact)))


def _beyond(finding: Finding) -> float:
    if finding.threshold.origin is ThresholdOrigin.FIXED_P_VALUE:
        ratio = finding.threshold.value / max(finding.p_value, 1e-300)
    else:
        ratio = finding.score / finding.threshold.value if finding.threshold.value else math.nan
    return ratio if math.isfinite(ratio) else 0.0


def _sentence(
    name: str, finding: Finding, baseline: ColumnBaseline, live: ColumnProfile, importance: float | None
) -> str:
    # "wider: standard deviation 1 -> 2" says the direction once more.
    sizes = [finding.change.text.removeprefix(f"{finding.change.direction.value}: ")]
    if finding.kind is AlertKind.DATA_QUALITY:
        return _with_importance(f"{name} is off: {finding.change.text}.", importance)
    size = _in_deviations(finding.change.direction, baseline, live)
    if size:
        sizes.append(size)
    if isinstance(baseline.cells, NamedCells):
        sizes += _movers(baseline, live)
    return _with_importance(f"{name} {_WORDS[finding.change.direction]}: {', '.join(sizes)}.", importance)


def _with_importance(text: str, importance: float | None) -> str:
    return text if importance is None else f"{text} It has {100.0 * importance:.2g} % of the importance."


def _in_deviations(direction: Direction, baseline: ColumnBaseline, live: ColumnProfile) -> str:
    """The change of the mean in the reference's standard deviations, where it goes the way of the change."""
    before, after = baseline.moments, live.moments
    if before is None or after is None or not before.count or not after.count or not before.std > 0.0:
        return ""
    size = (after.mean - before.mean) / before.std
    if direction not in (Direction.UP, Direction.DOWN) or (size > 0.0) is not (direction is Direction.UP):
        return ""
    return f"{abs(size):.2g} standard deviations {direction.value}"


def _movers(baseline: ColumnBaseline, live: ColumnProfile) -> list[str]:
    """The shares of the names that moved most."""
    reference, counts = baseline.counts[:-1], live.counts[:-1]
    if not reference.any() or not counts.any():
        return []
    before, after = reference / reference.sum(), counts / counts.sum()
    largest = np.argsort(-np.abs(after - before), kind="stable")[:_NAMES_SHOWN].tolist()
    return [
        f"{baseline.cell_text(cell)} {100.0 * before[cell]:.2g} % -> {100.0 * after[cell]:.2g} %" for cell in largest
    ]


__all__ = ["Impact", "impacts"]
