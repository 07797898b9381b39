"""The collector behind ``/metrics``: facts and counters made into series.

**Bound.** Gauges of findings grow with columns, versions and models. At most ``max_series`` gauges are shown: those of
models first, then those of versions (newest first), then findings, drifting ones first and the models in turn. How
many were left off stands in ``driftwatch_series_omitted``. No label holds an id or a value of a feature.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from math import isnan

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from driftwatch import __version__
from driftwatch.core.alert_lives import HEARD
from driftwatch.core.performance import MEASURES, SHOWN_MEASURES
from driftwatch.core.records import AlertKind, Finding, RetrainState, Status, ThresholdOrigin, WindowRecord
from driftwatch.pipeline.operations import MetricsFacts, ModelSummary, VersionFacts
from driftwatch.pipeline.shadow import ShadowComparison
from driftwatch.pipeline.telemetry import Snapshot
from driftwatch.ports import InboxRoom
from driftwatch.web.metrics_table import METRICS, PREFIX, MetricKind

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_QUALITY_KINDS = frozenset({AlertKind.LABEL_DRIFT, AlertKind.QUALITY, AlertKind.CONCEPT_DRIFT})
_SEVERITY = {Status.DRIFT: 0, Status.WARNING: 1}


@dataclass(frozen=True, slots=True)
class Series:
    """One gauge: its name without the prefix, its labels in the order of the table, its value."""

    name: str
    labels: tuple[str, ...]
    value: float


class ServiceCollector(Collector):
    """Turns one moment of the service into metric families.

    Parameters
    ----------
    facts
        Asked once a collection.
    snapshot
        Of the counters and histograms.
    readiness
        Whether the service does its work.
    max_series
        Most gauges.
    inbox
        What waits of exchanges that loggers sent; None where there is no such thing.
    measures
        Names of the measures of quality that have series.
    """

    def __init__(
        self,
        facts: Callable[[], MetricsFacts],
        snapshot: Callable[[], Snapshot],
        readiness: Callable[[], tuple[bool, str]],
        max_series: int,
        inbox: Callable[[], InboxRoom | None] = lambda: None,
        measures: Collection[str] = SHOWN_MEASURES,
    ) -> None:
        self._facts = facts
        self._snapshot = snapshot
        self._readiness = readiness
        self._max_series = max_series
        self._inbox = inbox
        # The user's own, and what predictions are worth, were asked for: they always have series.
        self._left_out = frozenset(MEASURES) - frozenset(measures)

    def collect(self) -> Iterator[Metric]:
        """Every family of the table, in its order."""
        snapshot = self._snapshot()
        gauges: dict[str, list[Series]] = defaultdict(list)
        for one in self._gauges():
            gauges[one.name].append(one)
        for metric in METRICS:
            name = PREFIX + metric.name
            if metric.kind is MetricKind.GAUGE:
                gauge = GaugeMetricFamily(name, metric.help, labels=metric.labels)
                for one in gauges[metric.name]:
                    gauge.add_metric(one.labels, one.value)
                yield gauge
            elif metric.kind is MetricKind.COUNTER:
                counter = CounterMetricFamily(name.removesuffix("_total"), metric.help, labels=metric.labels)
                for (counted, given), amount in snapshot.counters.items():
                    if counted == metric.name:
                        counter.add_metric(_in_order(metric.labels, given), amount)
                yield counter
            else:
                histogram = HistogramMetricFamily(name, metric.help, labels=metric.labels)
                for (observed, given), value in snapshot.histograms.items():
                    if observed == metric.name:
                        bounds = (*map(floatToGoString, value.bounds), "+Inf")
                        buckets = list(zip(bounds, map(float, value.counts), strict=True))
                        histogram.add_metric(_in_order(metric.labels, given), buckets, value.total)
                yield histogram

    def _gauges(self) -> list[Series]:
        facts = self._facts()
        ready, _ = self._readiness()
        always = [
            Series("outbox_pending", (), facts.outbox_pending),
            Series("spool_pending_rows", (), facts.models[0].pending_rows if facts.models else 0),
            Series("spool_rows", (), facts.room.rows),
            Series("spool_rows_limit", (), facts.room.most_rows),
            Series("spool_full", (), float(facts.room.trouble is not None)),
            *(Series("disk_free_bytes", (), one) for one in (facts.room.disk_free_bytes,) if one is not None),
            *(Series("cloudevents_waiting", (), one.waiting) for one in (self._inbox(),) if one is not None),
            Series("log_files", (), facts.log_files),
            Series("log_bytes", (), facts.log_bytes),
            Series("ready", (), float(ready)),
            Series("build_info", (__version__,), 1),
        ]
        newest_first = list(reversed(facts.versions))
        wanted = [
            *_firing(facts),
            *(series for model in facts.models for series in _of_model(model)),
            *(series for shadow in facts.shadows if shadow.is_shadow for series in _of_shadow(shadow)),
            *(series for version in newest_first for series in _of_version(version, self._left_out)),
            *_findings_in_turn(newest_first),
            *(series for segment in facts.segments for series in _of_version(segment, self._left_out)),
        ]
        # The same series twice would spoil the whole scrape.
        unlike = {(one.name, one.labels): one for one in wanted if not isnan(one.value)}
        wanted = list(unlike.values())
        omitted = max(0, len(wanted) - self._max_series)
        return [*always, Series("series_omitted", (), omitted), *wanted[: self._max_series]]


def render_with(collector: Collector) -> Callable[[], bytes]:
    """A function that renders the collector, and the process it runs in, as Prometheus reads it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    ProcessCollector(registry=registry)
    return lambda: generate_latest(registry)


def _in_order(labels: Sequence[str], given: Sequence[tuple[str, str]]) -> list[str]:
    values = dict(given)
    return [values.get(name, "") for name in labels]


def _firing(facts: MetricsFacts) -> Iterator[Series]:
    firing = Counter((alert.model, alert.kind) for alert in facts.firing if alert.state in HEARD)
    silenced = Counter(alert.model for alert in facts.firing if alert.state not in HEARD)
    for model in facts.models:
        for kind in AlertKind:
            yield Series("alerts_firing", (model.model, kind.value), firing[model.model, kind])
        yield Series("alerts_silenced", (model.model,), silenced[model.model])


def _of_model(model: ModelSummary) -> Iterator[Series]:
    yield Series("outstanding_predictions", (model.model,), model.outstanding)
    yield Series("waiting_labels", (model.model,), model.waiting_labels)
    if model.watermark is not None:
        yield Series("watermark_timestamp_seconds", (model.model,), model.watermark.timestamp())
    if model.retrain is not None:
        for state in RetrainState:
            yield Series("retrain_state", (model.model, state.value), float(state is model.retrain.state))


def _of_shadow(shadow: ShadowComparison) -> Iterator[Series]:
    labels = (shadow.model, shadow.model_version, shadow.live_version)
    yield Series("shadow_pairs", labels, shadow.pairs)
    yield Series("shadow_agreement", labels, shadow.agreement.value)
    gain = shadow.mean_gain
    for bound, value in (("value", gain.value), ("lower", gain.lower), ("upper", gain.upper)):
        yield Series("shadow_gain", (*labels, bound), value)


def _of_version(version: VersionFacts, left_out: frozenset[str]) -> Iterator[Series]:
    labels = (version.model, version.model_version, version.segment)
    for stage, window in (("inputs", version.inputs), ("quality", version.quality)):
        if window is not None:
            yield Series("window_rows", (*labels, stage), window.rows)
            yield Series("window_end_timestamp_seconds", (*labels, stage), window.key.end.timestamp())
            for verdict in window.verdicts:
                if _belongs(verdict.kind, stage):
                    yield Series("evidence", (*labels, verdict.kind.value), verdict.evidence)
                    yield Series("evidence_limit", (*labels, verdict.kind.value), verdict.limit.value)
    for name, measure in version.reference.items():
        if name not in left_out:
            yield Series("performance", (*labels, name, "reference"), measure.value)
    yield from _estimated(version, left_out, labels)
    if version.quality is not None:
        for name, value in version.quality.performance.items():
            if name not in left_out:
                yield Series("performance", (*labels, name, "realized"), value)
                interval = version.quality.quality.intervals.get(name)
                if interval is not None:
                    yield Series("performance_interval", (*labels, name, "lower"), interval.lower)
                    yield Series("performance_interval", (*labels, name, "upper"), interval.upper)
        if version.quality.rows:
            yield Series("label_coverage_ratio", labels, version.quality.labels / version.quality.rows)
        for one in version.quality.quality.selection:
            yield Series("label_selection", (*labels, one.column), one.score)
    if version.provisional is not None and version.provisional.rows:
        for name, value in version.provisional.performance.items():
            if name not in left_out:
                yield Series("performance", (*labels, name, "provisional"), value)
        yield Series("provisional_label_coverage_ratio", labels, version.provisional.labels / version.provisional.rows)


def _estimated(version: VersionFacts, left_out: frozenset[str], labels: tuple[str, str, str]) -> Iterator[Series]:
    """What is expected of the newest window without labels, and how far off that was where labels came."""
    if version.inputs is not None and version.inputs.quality.estimate is not None:
        for name, one in version.inputs.quality.estimate.measures.items():
            if name not in left_out:
                yield Series("performance", (*labels, name, "estimated"), one.value)
    if version.quality is not None and version.quality.quality.estimate is not None:
        for name, error in version.quality.quality.estimate.errors.items():
            if name not in left_out:
                yield Series("estimate_error", (*labels, name), error)


def _findings_in_turn(versions: Sequence[VersionFacts]) -> Iterator[Series]:
    """Series of findings: what drifts comes first; within a severity every version has its turn."""
    ranked: list[tuple[int, int, int, VersionFacts, Finding]] = []
    for turn, version in enumerate(versions):
        for stage, window in (("inputs", version.inputs), ("quality", version.quality)):
            for rank, finding in enumerate(_findings(window, stage)):
                ranked.append((_SEVERITY.get(finding.status, 2), rank, turn, version, finding))
    ranked.sort(key=lambda one: one[:3])
    for _, _, _, version, finding in ranked:
        kind = finding.kind.value
        labels = (version.model, version.model_version, kind, finding.column, finding.statistic)
        yield Series("drift_detected", labels, float(finding.status is Status.DRIFT))
        yield Series("drift_score", labels, finding.score)
        if finding.threshold.origin is not ThresholdOrigin.FIXED_P_VALUE:
            yield Series("drift_threshold", labels, finding.threshold.value)


def _findings(window: WindowRecord | None, stage: str) -> list[Finding]:
    return [one for one in window.findings if _belongs(one.kind, stage)] if window is not None else []


def _belongs(kind: AlertKind, stage: str) -> bool:
    """A complete window has what was found in its inputs too; that is told of the newest closed one."""
    return (kind in _QUALITY_KINDS) is (stage == "quality")


__all__ = ["CONTENT_TYPE", "Series", "ServiceCollector", "render_with"]
