"""What the user asks of the judge, and how the kinds of alert share the false-alarm budget."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from driftwatch.core.baseline import Baseline
from driftwatch.core.concept.memory import AfterAlarm
from driftwatch.core.data_quality import OF_QUALITY, QUALITY_STATISTICS
from driftwatch.core.evidence import FalseAlarmBudget
from driftwatch.core.limits import Limits, check_limits, check_statistic, limit_of, own_limit
from driftwatch.core.natural import MIN_WINDOW_ROWS
from driftwatch.core.records import AlertKind, ColumnKind, ColumnRole, Threshold, ThresholdOrigin
from driftwatch.core.schema import Column
from driftwatch.core.statistics import DEFAULT_STATISTICS, STATISTICS
from driftwatch.core.thresholds import Tolerances
from driftwatch.errors import SettingError

KIND_OF_ROLE: Mapping[ColumnRole, AlertKind] = MappingProxyType(
    {
        ColumnRole.FEATURE: AlertKind.FEATURE_DRIFT,
        ColumnRole.PREDICTION: AlertKind.PREDICTION_DRIFT,
        ColumnRole.SCORE: AlertKind.PREDICTION_DRIFT,
        ColumnRole.LABEL: AlertKind.LABEL_DRIFT,
    }
)
"""Which kind of alert a column belongs to."""

DEFAULT_SHARES: Mapping[AlertKind, float] = MappingProxyType(
    {
        AlertKind.FEATURE_DRIFT: 0.35,
        AlertKind.PREDICTION_DRIFT: 0.2,
        AlertKind.LABEL_DRIFT: 0.1,
        AlertKind.QUALITY: 0.3,
        AlertKind.CONCEPT_DRIFT: 0.2,
        AlertKind.DATA_QUALITY: 0.05,
    }
)
"""How the kinds share the false-alarm budget; those that a model lacks leave theirs to the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePolicy:
    """What the user asked of the judge.

    Attributes
    ----------
    budget
        How often a false alarm may come, over all kinds and columns of the model.
    shares
        How the kinds divide it, as relative weights.
    quality_ratio
        A mean loss of up to this times the reference's is nothing to act on.
    minimum_rows, minimum_labels
        Fewer say ``insufficient_data`` and change nothing that is remembered. See `enough_rows`.
    blame_rate
        False-discovery rate of the columns that an alarm names.
    statistics
        Names of the statistics to measure, by kind of column; the defaults for a kind that is left out.
    tolerances
        Distances that nobody needs to act on.
    thresholds
        What is judged by its score alone: drift above the limit, with no evidence and outside the budget.
        ``{"psi": 0.2}`` for all columns, ``{"amount": {"psi": 0.1}}`` for one.
    p_values
        Likewise, what is judged by the p-value of its plain two-sample test alone: drift below the limit. With many
        rows such a test finds differences that nobody should act on.
    bonferroni
        Divide those limits by the number of such tests that a kind of alert has in a window: a chance of at most the
        limit that one of them says drift without any, instead of that chance for each.
    importance
        Of features, by name, not negative; in place of the baseline's where given. Empty: all count alike. See
        `driftwatch.core.importance`.
    after_alarm
        Of concept drift: hold it until the rows are as before, or take the rows since the change as the new reference.

    Raises
    ------
    SettingError
        If a statistic does not exist, does not fit its kind of column or has no p-value to fix, a number cannot be, or
        both a threshold and a p-value are fixed for the same.

    Examples
    --------
    >>> policy = JudgePolicy(thresholds={"psi": 0.2, "amount": {"psi": 0.1}}, p_values={"ks": 0.001})
    >>> policy.fixed("amount", "psi").value, policy.fixed("age", "ks").origin.value
    (0.1, 'fixed_p_value')
    """

    budget: FalseAlarmBudget = field(default_factory=lambda: FalseAlarmBudget(windows=1000.0))
    shares: Mapping[AlertKind, float] = field(default_factory=lambda: DEFAULT_SHARES)
    quality_ratio: float = 1.25
    minimum_rows: int = 30
    minimum_labels: int = 30
    blame_rate: float = 0.05
    statistics: Mapping[ColumnKind, tuple[str, ...]] = field(default_factory=lambda: DEFAULT_STATISTICS)
    tolerances: Tolerances = field(default_factory=Tolerances)
    thresholds: Limits = field(default_factory=dict)
    p_values: Limits = field(default_factory=dict)
    bonferroni: bool = False
    importance: Mapping[str, float] | None = None
    after_alarm: AfterAlarm = AfterAlarm.HOLD

    def __post_init__(self) -> None:
        for kind, share in self.shares.items():
            _check_number(share, f"shares.{kind.value}")
        if not any(self.shares.values()):
            raise SettingError("no kind of alert has a share of the budget.", field="shares")
        for column_kind, names in self.statistics.items():
            for name in names:
                _check_fits(name, column_kind)
        check_limits({**self.tolerances.by_statistic, **self.tolerances.by_column}, "tolerances")
        check_limits(self.thresholds, "thresholds")
        check_limits(self.p_values, "p_values", largest=1.0, tests=True)
        for name, number in (self.importance or {}).items():
            _check_number(number, f"importance.{name}")
        both = [f"{column}.{one}" if column else one for column, one in _named(self.thresholds) & _named(self.p_values)]
        if both:
            raise SettingError(
                "a threshold is fixed for it, too.", field=f"p_values.{min(both)}", remedy="Leave one of them out."
            )

    def limit(self, kind: AlertKind, baseline: Baseline, window_seconds: float | None, overlap: int = 1) -> Threshold:
        """The evidence at which a kind alarms: the budget's run length over the kind's share of it."""
        weights = {one: self.shares.get(one, 0.0) for one in judged_kinds(baseline)}
        share = weights.get(kind, 0.0) / (math.fsum(weights.values()) or 1.0)
        run_length = self.budget.run_length(window_seconds, overlap)
        return Threshold(value=run_length / share if share else math.inf, origin=ThresholdOrigin.BUDGET)

    def fixed(self, column: str, statistic: str) -> Threshold | None:
        """The fixed threshold or p-value by which one statistic of one column is judged; None where evidence is.

        What was said of the column goes before what was said of the statistic.
        """
        if not self.thresholds and not self.p_values:
            return None
        by_origin = ((self.thresholds, ThresholdOrigin.FIXED), (self.p_values, ThresholdOrigin.FIXED_P_VALUE))
        for look in (own_limit, limit_of):
            for limits, origin in by_origin:
                value = look(limits, column, statistic)
                if value is not None:
                    return Threshold(value=value, origin=origin)
        return None

    def measured(self, column: Column) -> tuple[str, ...]:
        """The statistics to measure of a column: those of its kind, then those that have a fixed limit and fit it."""
        names = self.statistics.get(column.kind, DEFAULT_STATISTICS[column.kind])
        if not self.thresholds and not self.p_values:
            return names
        asked = {one: None for of, one in sorted(_named(self.thresholds) | _named(self.p_values))
                 if of in ("", column.name) and column.kind in STATISTICS[one].kinds}  # fmt: skip
        return tuple(dict.fromkeys((*names, *asked)))

    def measured_for(self, kind: AlertKind, column: Column) -> tuple[str, ...]:
        """Those of `measured` that a kind of alert is about; data quality has its own besides.

        Of features, what belongs to data quality (`driftwatch.core.data_quality`) is no drift, whoever asked for it.
        """
        names = self.measured(column)
        if column.role is not ColumnRole.FEATURE:
            return names
        if kind is not AlertKind.DATA_QUALITY:
            return tuple(name for name in names if name not in OF_QUALITY)
        asked = (name for name in names if name in OF_QUALITY)
        return tuple(dict.fromkeys((*QUALITY_STATISTICS[column.kind], *asked)))

    def asks_for(self, column: Column, statistic: str) -> bool:
        """Whether somebody asked for a statistic of a column: it is then shown whatever it says."""
        return statistic in self.measured(column)

    def enough_rows(self, baseline: Baseline, window_seconds: float | None) -> int:
        """The rows that a window needs: `minimum_rows`, and as many as windows had that natural variation is known of.

        Smaller windows differ from each other by more than larger ones showed.
        """
        if window_seconds is None or baseline.natural.tail(window_seconds) is None:
            return self.minimum_rows
        return max(self.minimum_rows, MIN_WINDOW_ROWS)


def _named(limits: Limits) -> set[tuple[str, str]]:
    """Column (empty for all) and statistic of each limit."""
    return {
        (name, one) if isinstance(value, Mapping) else ("", name)
        for name, value in limits.items()
        for one in (value if isinstance(value, Mapping) else (name,))
    }


def _check_number(number: float, path: str) -> None:
    if not 0.0 <= number < math.inf:
        raise SettingError(f"{number!r} is no finite number of 0 or more.", field=path)


def _check_fits(name: str, kind: ColumnKind) -> None:
    check_statistic(name, f"statistics.{kind.value}")
    if kind not in STATISTICS[name].kinds:
        fitting = ", ".join(sorted(one for one, statistic in STATISTICS.items() if kind in statistic.kinds))
        raise SettingError(
            f"{name} does not fit {kind.value} columns.",
            field=f"statistics.{kind.value}",
            remedy=f"Those that do: {fitting}.",
        )


def judged_kinds(baseline: Baseline) -> tuple[AlertKind, ...]:
    """The kinds of alert that this baseline can give, in the order of `AlertKind`."""
    kinds = {KIND_OF_ROLE[column.role] for column in baseline.schema.columns}
    if AlertKind.FEATURE_DRIFT in kinds:
        kinds.add(AlertKind.DATA_QUALITY)
    if baseline.performance is not None:
        kinds |= {AlertKind.QUALITY, AlertKind.CONCEPT_DRIFT}
    return tuple(kind for kind in AlertKind if kind in kinds)
