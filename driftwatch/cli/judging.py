"""How ``driftwatch check`` judges, from its options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from driftwatch.core.baseline import Baseline
from driftwatch.core.evidence import FalseAlarmBudget
from driftwatch.core.limits import Limits, closest, read_limits
from driftwatch.core.policy import DEFAULT_SHARES, JudgePolicy
from driftwatch.core.records import AlertKind, ColumnKind
from driftwatch.core.thresholds import Tolerances
from driftwatch.errors import SettingError


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgingOptions:
    """What was written on the command line, word for word."""

    false_alarms: str
    thresholds: Sequence[str] = ()
    p_values: Sequence[str] = ()
    bonferroni: bool = False
    tolerances: Sequence[str] = ()
    statistics: Sequence[str] = ()
    shares: Sequence[str] = ()


def chosen_policy(options: JudgingOptions, baseline: Baseline) -> JudgePolicy:
    """The policy that the options ask for.

    Raises
    ------
    SettingError
        If an option cannot be read, or names a statistic or a column that there is not.
    """
    thresholds = read_limits(options.thresholds, "--threshold")
    p_values = read_limits(options.p_values, "--p-value")
    tolerances = read_limits(options.tolerances, "--tolerance")
    policy = JudgePolicy(
        budget=FalseAlarmBudget.parse(options.false_alarms),
        shares={**DEFAULT_SHARES, **_shares(options.shares)},
        statistics=_statistics(options.statistics),
        tolerances=Tolerances.of(tolerances),
        thresholds=thresholds,
        p_values=p_values,
        bonferroni=options.bonferroni,
    )
    for option, limits in (("--threshold", thresholds), ("--p-value", p_values), ("--tolerance", tolerances)):
        _check_columns(limits, option, baseline)
    return policy


def _check_columns(limits: Limits, option: str, baseline: Baseline) -> None:
    for name, value in limits.items():
        if not isinstance(value, float) and name not in baseline.columns:
            remedy = closest(name, list(baseline.columns))
            raise SettingError(f"the baseline has no column {name!r}.", field=option, remedy=remedy)


def _statistics(texts: Sequence[str]) -> dict[ColumnKind, tuple[str, ...]]:
    """By kind of column, from texts such as ``numeric=ks,psi``."""
    found = {}
    for text in texts:
        kind, _, names = text.partition("=")
        if kind not in set(ColumnKind) or not names:
            raise SettingError(
                f"{text!r} says nothing of a kind of column.",
                field="--statistics",
                remedy=f"Write it like numeric=ks,psi; kinds are {', '.join(ColumnKind)}.",
            )
        found[ColumnKind(kind)] = tuple(name.strip() for name in names.split(","))
    return found


def _shares(texts: Sequence[str]) -> dict[AlertKind, float]:
    """By kind of alert, from texts such as ``feature_drift=0.7``."""
    found = {}
    for text in texts:
        kind, _, number = text.partition("=")
        try:
            found[AlertKind(kind)] = float(number)
        except ValueError:
            raise SettingError(
                f"{text!r} is no share of the budget.",
                field="--share",
                remedy=f"Write it like quality=0.3; kinds are {', '.join(AlertKind)}.",
            ) from None
    return found
