"""Whether a promoted version helped: a pure verdict on the windows that followed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from driftwatch.core.records import AlertKind, Status, Verdict, WindowRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Whether quality recovered, and what that is seen by; where it did not, what to look at."""

    recovered: bool
    text: str


def judged_recovery(
    windows: Sequence[WindowRecord],
    *,
    measure: str,
    before: float | None,
    reference: float | None,
    calls: Sequence[str],
    needed: int,
) -> Recovery | None:
    """Compare a promoted version's quality with what it was when the retrain was asked for.

    It has recovered where its mean loss over ``needed`` windows is below the one from before, and neither quality nor
    what called for the retrain drifts in the newest of them.

    Parameters
    ----------
    windows
        Of the promoted version, complete and with labels enough, oldest first.
    measure
        The mean loss that stands for quality; lower is better.
    before, reference
        The loss in the window that called for the retrain, and in the new version's reference; None where not known.
    calls
        Names of the conditions that called for the retrain.
    needed
        How many windows it takes.

    Returns
    -------
    Recovery or None
        None while there are fewer windows.
    """
    if len(windows) < needed:
        return None
    judged = list(windows[:needed])
    loss = _mean_loss(judged, measure)
    kinds = {AlertKind.QUALITY, *(kind for kind in AlertKind if kind.value in calls)}
    drifting = [one for one in judged[-1].verdicts if one.kind in kinds and one.status is Status.DRIFT]
    labels = sum(one.labels for one in judged)
    seen = f"{measure} {loss:.4g} over {needed} windows with {labels:,} labels"
    compared = [
        *([f"{before:.4g} when the retrain was asked for"] if before is not None else []),
        *([f"{reference:.4g} in its reference"] if reference is not None else []),
    ]
    text = f"{seen}; {', '.join(compared)}." if compared else f"{seen}."
    is_better = before is None or math.isnan(loss) or loss < before
    if is_better and not drifting:
        return Recovery(recovered=True, text=text)
    hints = [_hint(one) for one in drifting]
    if not is_better:
        hints.append("the new version is no better on live rows: its training rows, features and code")
    return Recovery(recovered=False, text=f"{text} Look at: {'; '.join(hints)}.")


def _mean_loss(windows: Sequence[WindowRecord], measure: str) -> float:
    known = [(one.performance[measure], one.labels) for one in windows if measure in one.performance]
    rows = sum(labels for _, labels in known)
    return math.fsum(value * labels for value, labels in known) / rows if rows else math.nan


def _hint(verdict: Verdict) -> str:
    kind = verdict.kind.value.replace("_", " ")
    if verdict.columns and verdict.kind is not AlertKind.QUALITY:
        return f"{kind} in {', '.join(verdict.columns)}"
    return f"{kind}: {verdict.text.rstrip('.')}" if verdict.text else kind


__all__ = ["Recovery", "judged_recovery"]
