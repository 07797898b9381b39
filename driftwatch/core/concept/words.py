"""What moved, in words."""

from __future__ import annotations

from driftwatch.core.concept.levels import Level

_RISES = ("fell", "rose")


def moved_text(name: str, before: Level, after: Level) -> str:
    """What became of one mean.

    Examples
    --------
    >>> moved_text("recall", Level.of_share(83, 100), Level.of_share(71, 100))
    'recall fell from 0.83 to 0.71'
    >>> moved_text("calibration", Level(n=9, mean=0.01), Level(n=9, mean=-0.06))
    'scores are too low by 0.06 on average (before: too high by 0.01)'
    """
    if name == "calibration":
        return f"scores are {_off(after.mean)} on average (before: {_off(before.mean)})"
    if name == "bias":
        return f"predictions are {_off(after.mean)} on average (before: {_off(before.mean)})"
    named = _NAMES.get(name, name)
    return f"{named} {_RISES[after.mean > before.mean]} from {_short(before)} to {_short(after)}"


_NAMES = {
    "error_rate": "error rate",
    "actual_rate": "the share of positive labels",
    "mae": "mean absolute error",
}


def _off(mean: float) -> str:
    if mean == 0.0:
        return "neither too high nor too low"
    return f"too {'high' if mean > 0.0 else 'low'} by {abs(mean):.3g}"


def _short(level: Level) -> str:
    return f"{level.mean:.3g}"
