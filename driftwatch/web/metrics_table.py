"""Every metric: name, kind, labels and help, in one table. The documentation is drawn from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

PREFIX = "driftwatch_"


class MetricKind(StrEnum):
    """How Prometheus treats it."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One family of series."""

    name: str
    kind: MetricKind
    labels: tuple[str, ...]
    help: str


_VERSION = ("model", "model_version")
_PAIR = (*_VERSION, "live_version")
_STREAM = (*_VERSION, "segment")
_FINDING = (*_VERSION, "kind", "column", "statistic")
_GAUGE, _COUNTER, _HISTOGRAM = MetricKind.GAUGE, MetricKind.COUNTER, MetricKind.HISTOGRAM

METRICS: tuple[Metric, ...] = (
    Metric("drift_score", _GAUGE, _FINDING, "Distance of the newest judged window from the baseline."),
    Metric("drift_threshold", _GAUGE, _FINDING, "Tolerance of the score: what is beyond it counts as evidence."),
    Metric("drift_detected", _GAUGE, _FINDING, "1 where the finding of the newest judged window is drift, else 0."),
    Metric("evidence", _GAUGE, (*_STREAM, "kind"), "Evidence of drift gathered over windows."),
    Metric("evidence_limit", _GAUGE, (*_STREAM, "kind"), "Evidence at which the false-alarm budget allows an alert."),
    Metric("window_rows", _GAUGE, (*_STREAM, "stage"), "Rows of the newest judged window."),
    Metric(
        "window_end_timestamp_seconds", _GAUGE, (*_STREAM, "stage"), "Where the newest judged window ends, event time."
    ),
    Metric(
        "performance",
        _GAUGE,
        (*_STREAM, "metric", "kind"),
        "Quality of the model: realized, provisional while labels are waited for, estimated, or of the reference.",
    ),
    Metric("estimate_error", _GAUGE, (*_STREAM, "metric"), "Estimated quality less what labels then showed."),
    Metric("performance_interval", _GAUGE, (*_STREAM, "metric", "bound"), "Ends of the realized quality's interval."),
    Metric("label_coverage_ratio", _GAUGE, _STREAM, "Labels by rows of the newest window whose labels had their time."),
    Metric(
        "provisional_label_coverage_ratio",
        _GAUGE,
        _STREAM,
        "Labels by rows of the newest window that waits for labels.",
    ),
    Metric(
        "label_selection", _GAUGE, (*_STREAM, "column"), "Share of rows by which labelled ones differ from the others."
    ),
    Metric("label_delay_seconds", _HISTOGRAM, ("model",), "Time from a prediction to its label, event time."),
    Metric("predictions_total", _COUNTER, _VERSION, "Predictions that were counted in their window."),
    Metric("labels_total", _COUNTER, (*_VERSION, "outcome"), "Labels by what became of them."),
    Metric("events_late_total", _COUNTER, ("model",), "Predictions that came after their window was judged."),
    Metric(
        "events_dropped_total",
        _COUNTER,
        ("model", "reason"),
        "Events that no window counts: late, label_late, segment_limit (see windows.md).",
    ),
    Metric("events_rejected_total", _COUNTER, ("model", "kind", "reason"), "Events that were refused."),
    Metric(
        "extra_features_total", _COUNTER, ("model", "outcome"), "Values of features that the baseline does not know."
    ),
    Metric(
        "requests_refused_total", _COUNTER, ("kind", "reason"), "Requests with events that were asked to come again."
    ),
    Metric(
        "cloudevents_total",
        _COUNTER,
        ("kind", "outcome"),
        "CloudEvents by kind, and outcome: taken, duplicate, refused, unknown_model, ignored, malformed.",
    ),
    Metric("cloudevents_read_total", _COUNTER, ("model",), "Exchanges that loggers sent and that were whole and read."),
    Metric(
        "cloudevents_unread_total", _COUNTER, ("model", "reason"), "Exchanges that were whole and could not be read."
    ),
    Metric("cloudevents_orphaned_total", _COUNTER, ("model", "kind"), "Requests and responses without the other one."),
    Metric("cloudevents_waiting", _GAUGE, (), "Requests and responses that wait for the other one."),
    Metric("windows_judged_total", _COUNTER, ("model", "stage"), "Judgements of windows."),
    Metric(
        "windows_revised_total", _COUNTER, ("model", "stage"), "Judgements of windows again, after late rows or labels."
    ),
    Metric("detection_lag_seconds", _HISTOGRAM, ("model",), "Time from the last event's receipt to the judgement."),
    Metric("alerts_firing", _GAUGE, ("model", "kind"), "Alerts that fire and are not silenced."),
    Metric("alerts_silenced", _GAUGE, ("model",), "Alerts that fire and are silenced."),
    Metric("alerts_total", _COUNTER, ("model", "kind"), "Alerts that began."),
    Metric(
        "alertmanager_alerts_total",
        _COUNTER,
        ("outcome",),
        "Alerts that Alertmanager sent: firing, resolved; no_model, unknown_model, own, which are passed over.",
    ),
    Metric("retrain_triggers_total", _COUNTER, ("model", "reason"), "Retrains that were asked for."),
    Metric("retrain_state", _GAUGE, ("model", "state"), "1 for the state of the latest retrain, 0 for the others."),
    Metric("shadow_predictions_total", _COUNTER, _VERSION, "Predictions of shadow versions: logged and compared."),
    Metric("shadow_pairs", _GAUGE, _PAIR, "Requests that a shadow version and a live one both answered."),
    Metric(
        "shadow_agreement",
        _GAUGE,
        _PAIR,
        "How far they agree: the share of the same class, or Lin's concordance.",
    ),
    Metric(
        "shadow_gain",
        _GAUGE,
        (*_PAIR, "bound"),
        "How much less the shadow's mean loss is: the value, and the lower and upper end of its interval.",
    ),
    Metric("notifications_total", _COUNTER, ("sink", "outcome"), "Attempts to tell a sink."),
    Metric("outbox_pending", _GAUGE, (), "Notifications that wait to be delivered."),
    Metric("spool_pending_rows", _GAUGE, (), "Rows that are acknowledged and not yet counted in their window."),
    Metric("spool_rows", _GAUGE, (), "Rows that are acknowledged and not yet in the log."),
    Metric("spool_rows_limit", _GAUGE, (), "Rows at which no more are taken: the setting spool_rows."),
    Metric("spool_full", _GAUGE, (), "1 while events are refused: the spool or its disk is full or fails; else 0."),
    Metric("disk_free_bytes", _GAUGE, (), "What the disk of the data folder has left."),
    Metric("log_files", _GAUGE, (), "Files of the log that count."),
    Metric("log_bytes", _GAUGE, (), "Bytes of the log's files that count."),
    Metric(
        "log_files_retired_total",
        _COUNTER,
        ("reason",),
        "Files of the log that were written together (compacted), or went by age or size.",
    ),
    Metric("outstanding_predictions", _GAUGE, ("model",), "Predictions that wait for their label."),
    Metric("waiting_labels", _GAUGE, ("model",), "Labels that wait for their prediction."),
    Metric("watermark_timestamp_seconds", _GAUGE, ("model",), "How far the stream has come, event time."),
    Metric("auth_failures_total", _COUNTER, ("reason",), "Requests turned away: no token, none that is known, scope."),
    Metric("ready", _GAUGE, (), "1 while events are taken and worked on."),
    Metric("series_omitted", _GAUGE, (), "Series left off this page because of the setting max_series."),
    Metric("build_info", _GAUGE, ("version",), "Always 1; the label says which driftwatch this is."),
)

BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}


__all__ = ["BY_NAME", "METRICS", "PREFIX", "Metric", "MetricKind"]
