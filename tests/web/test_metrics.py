"""What Prometheus scrapes."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

import driftwatch
from driftwatch.core.performance import Measure
from driftwatch.core.records import (
    Alert,
    AlertKind,
    AlertState,
    Change,
    Direction,
    Finding,
    RetrainEpisode,
    RetrainState,
    Status,
    Threshold,
    ThresholdOrigin,
    Verdict,
    VerdictReason,
    WindowKey,
    WindowRecord,
    WindowStage,
)
from driftwatch.core.window_quality import Interval, LabelSelection, WindowQuality
from driftwatch.pipeline.operations import MetricsFacts, ModelSummary, VersionFacts
from driftwatch.pipeline.telemetry import Telemetry
from driftwatch.ports import SpoolRoom
from driftwatch.web.metrics import ServiceCollector, render_with
from driftwatch.web.metrics_table import METRICS, PREFIX, MetricKind

MARCH = datetime(2013, 3, 1, tzinfo=UTC)
TOLERANCE = Threshold(value=0.1, origin=ThresholdOrigin.FIXED)


def finding(
    column: str, status: Status = Status.OK, kind: AlertKind = AlertKind.FEATURE_DRIFT, score: float = 0.3
) -> Finding:
    return Finding(
        kind=kind, column=column, statistic="psi", score=score, threshold=TOLERANCE, p_value=0.5, e_value=1.0,
        evidence=1.0, n_reference=10, n_live=10, status=status, change=Change(direction=Direction.UP, text="up"),
    )  # fmt: skip


def window(
    *findings: Finding, model: str = "flights", version: str = "1", rows: int = 200, labels: int = 150
) -> WindowRecord:
    verdict = Verdict(
        kind=AlertKind.FEATURE_DRIFT, status=Status.OK, reason=VerdictReason.WITHIN_TOLERANCE, evidence=2.5,
        limit=Threshold(value=90.0, origin=ThresholdOrigin.BUDGET),
    )  # fmt: skip
    return WindowRecord(
        key=WindowKey(model=model, model_version=version, start=MARCH, end=MARCH + timedelta(days=1)),
        stage=WindowStage.COMPLETE, rows=rows, labels=labels, status=Status.OK, findings=findings,
        verdicts=(verdict,), performance={"mae": 12.5, "r2": float("nan")},
    )  # fmt: skip


def summary(model: str = "flights", retrain: RetrainEpisode | None = None) -> ModelSummary:
    return ModelSummary(
        model=model, versions=("1",), current_version="1", watermark=MARCH, pending_rows=7, outstanding=3,
        waiting_labels=2, latest_window=None, firing_alerts=0, retrain=retrain,
    )  # fmt: skip


def version(*findings: Finding, model: str = "flights", name: str = "1") -> VersionFacts:
    one = window(*findings, model=model, version=name)
    reference = {"mae": Measure(value=10.0, standard_error=0.1, n=100)}
    return VersionFacts(model=model, model_version=name, inputs=one, quality=one, reference=reference)


ROOM = SpoolRoom(
    rows=9, most_rows=1_000, size_bytes=500, most_bytes=10_000, disk_free_bytes=2_048, trouble="The spool is full."
)


def facts(
    *versions: VersionFacts, firing: tuple[Alert, ...] = (), retrain: RetrainEpisode | None = None
) -> MetricsFacts:
    models = tuple(summary(name, retrain) for name in dict.fromkeys(one.model for one in versions))
    return MetricsFacts(
        models=models, versions=versions, firing=firing, outbox_pending=4, room=ROOM, log_files=3, log_bytes=4_096
    )


def rendered(given: MetricsFacts, telemetry: Telemetry | None = None, max_series: int = 10_000) -> str:
    telemetry = telemetry or Telemetry()
    collector = ServiceCollector(lambda: given, telemetry.snapshot, lambda: (True, "ready"), max_series)
    return render_with(collector)().decode()


def samples(page: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    found: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for family in text_string_to_metric_families(page):
        for one in family.samples:
            key = (one.name.removeprefix(PREFIX), tuple(sorted(one.labels.items())))
            assert key not in found, "a series stands on the page twice"
            found[key] = one.value
    return found


def value(page: str, name: str, **labels: str) -> float | None:
    return samples(page).get((name, tuple(sorted(labels.items()))))


def test_a_finding_is_a_score_a_threshold_and_whether_it_is_drift() -> None:
    page = rendered(facts(version(finding("age", Status.DRIFT))))
    labels = {"model": "flights", "model_version": "1", "kind": "feature_drift", "column": "age", "statistic": "psi"}
    assert value(page, "drift_score", **labels) == 0.3
    assert value(page, "drift_threshold", **labels) == 0.1
    assert value(page, "drift_detected", **labels) == 1


def test_a_fixed_p_value_is_no_limit_of_the_score() -> None:
    fixed = Threshold(value=0.001, origin=ThresholdOrigin.FIXED_P_VALUE)
    page = rendered(facts(version(replace(finding("age"), threshold=fixed))))
    labels = {"model": "flights", "model_version": "1", "kind": "feature_drift", "column": "age", "statistic": "psi"}
    assert value(page, "drift_score", **labels) == 0.3
    assert value(page, "drift_threshold", **labels) is None


def test_intervals_and_provisional_quality_stand_beside_the_realized_one() -> None:
    interval = Interval(lower=11.5, upper=13.5, labels=150)
    chosen = LabelSelection(
        column="predicted", score=0.25, p_value=0.0, labelled=150, unlabelled=50, is_notable=True, text="other"
    )
    realized = replace(window(), quality=WindowQuality(intervals={"mae": interval}, selection=(chosen,)))
    waiting = replace(window(labels=20), stage=WindowStage.CLOSED, performance={"mae": 14.0})
    page = rendered(facts(replace(version(), quality=realized, provisional=waiting)))
    labels = {"model": "flights", "model_version": "1", "segment": ""}
    assert value(page, "performance_interval", metric="mae", bound="lower", **labels) == 11.5
    assert value(page, "performance_interval", metric="mae", bound="upper", **labels) == 13.5
    assert value(page, "performance", metric="mae", kind="provisional", **labels) == 14.0
    assert value(page, "provisional_label_coverage_ratio", **labels) == 0.1
    assert value(page, "label_selection", column="predicted", **labels) == 0.25


def test_only_chosen_measures_have_series() -> None:
    one = version()
    known = {"mae": 12.5, "mape": 0.25, "pinball_90": 3.0}
    quality = replace(window(), performance=known)
    reference = {name: Measure(value=1.0, standard_error=0.1, n=100) for name in known}
    given = facts(replace(one, quality=quality, reference=reference))
    collector = ServiceCollector(
        lambda: given, Telemetry().snapshot, lambda: (True, "ready"), 10_000, measures=("pinball_90",)
    )
    shown = [dict(labels) for name, labels in samples(render_with(collector)().decode()) if name == "performance"]
    assert {(labels["metric"], labels["kind"]) for labels in shown} == {
        ("pinball_90", "realized"),
        ("pinball_90", "reference"),
    }


def test_quality_stands_beside_the_reference_and_coverage() -> None:
    page = rendered(facts(version()))
    labels = {"model": "flights", "model_version": "1", "segment": ""}
    assert value(page, "performance", metric="mae", kind="realized", **labels) == 12.5
    assert value(page, "performance", metric="mae", kind="reference", **labels) == 10.0
    assert value(page, "label_coverage_ratio", **labels) == 0.75
    assert value(page, "window_rows", stage="quality", **labels) == 200


def test_segments_have_rows_evidence_and_quality_and_no_series_of_findings() -> None:
    one = replace(version(finding("age", Status.DRIFT)), segment="country=DE")
    page = rendered(replace(facts(version()), segments=(one,)))
    labels = {"model": "flights", "model_version": "1", "segment": "country=DE"}
    assert value(page, "window_rows", stage="quality", **labels) == 200
    assert value(page, "evidence", kind="feature_drift", **labels) == 2.5
    assert value(page, "performance", metric="mae", kind="realized", **labels) == 12.5
    assert value(page, "label_coverage_ratio", **labels) == 0.75
    assert not [name for name, _ in samples(page) if name.startswith("drift_")]


def test_segments_are_left_off_before_the_whole_is() -> None:
    parts = tuple(replace(version(), segment=f"country={number}") for number in range(50))
    page = rendered(replace(facts(version(finding("age"))), segments=parts), max_series=22)
    assert value(page, "drift_score", model="flights", model_version="1", kind="feature_drift", column="age",
                 statistic="psi") == 0.3  # fmt: skip
    assert value(page, "series_omitted") > 100


def test_evidence_stands_beside_its_limit() -> None:
    page = rendered(facts(version()))
    labels = {"model": "flights", "model_version": "1", "segment": "", "kind": "feature_drift"}
    assert (value(page, "evidence", **labels), value(page, "evidence_limit", **labels)) == (2.5, 90.0)


def test_what_is_undefined_is_left_out() -> None:
    assert "NaN" not in rendered(facts(version(finding("age", score=float("nan")))))


def test_alerts_that_fire_are_counted_and_the_others_are_zero() -> None:
    alert = Alert(
        alert_id="a", model="flights", model_version="1", kind=AlertKind.QUALITY, state=AlertState.FIRING,
        started=MARCH, ended=None, columns=(), evidence=9.0, reason="",
    )  # fmt: skip
    page = rendered(facts(version(), firing=(alert,)))
    assert value(page, "alerts_firing", model="flights", kind="quality") == 1
    assert value(page, "alerts_firing", model="flights", kind="label_drift") == 0


def test_the_latest_retrain_is_in_exactly_one_state() -> None:
    episode = RetrainEpisode(
        retrain_id="r", model="flights", model_version="1", state=RetrainState.TRAINING, triggered=MARCH, until=MARCH,
        reason="", alert_ids=(), history=(),
    )  # fmt: skip
    page = rendered(facts(version(), retrain=episode))
    states = {state: value(page, "retrain_state", model="flights", state=state.value) for state in RetrainState}
    assert {state for state, one in states.items() if one} == {RetrainState.TRAINING}
    assert len(states) == len(RetrainState)


def test_counters_and_histograms_are_those_of_the_telemetry() -> None:
    telemetry = Telemetry()
    telemetry.count("labels_total", 5, model="flights", model_version="1", outcome="joined")
    telemetry.count("labels_total", 2, model="flights", outcome="never_came")
    telemetry.observe("label_delay_seconds", [30.0, 700.0, 9e9], model="flights")
    page = rendered(facts(), telemetry)
    assert value(page, "labels_total", model="flights", model_version="1", outcome="joined") == 5
    assert value(page, "labels_total", model="flights", model_version="", outcome="never_came") == 2
    assert value(page, "label_delay_seconds_bucket", model="flights", le="60.0") == 1
    assert value(page, "label_delay_seconds_bucket", model="flights", le="3600.0") == 2
    assert value(page, "label_delay_seconds_bucket", model="flights", le="+Inf") == 3
    assert value(page, "label_delay_seconds_count", model="flights") == 3
    assert value(page, "label_delay_seconds_sum", model="flights") == pytest.approx(9e9 + 730)


def test_the_service_says_what_it_is_and_how_it_is() -> None:
    page = rendered(facts(version()))
    assert value(page, "build_info", version=driftwatch.__version__) == 1
    assert (value(page, "ready"), value(page, "outbox_pending"), value(page, "spool_pending_rows")) == (1, 4, 7)
    assert (value(page, "spool_rows"), value(page, "spool_rows_limit"), value(page, "spool_full")) == (9, 1_000, 1)
    assert (value(page, "log_files"), value(page, "log_bytes"), value(page, "disk_free_bytes")) == (3, 4_096, 2_048)


def test_the_number_of_series_is_bounded_and_what_is_left_off_is_said() -> None:
    many = [finding(f"column{number:04}") for number in range(1_000)]
    page = rendered(facts(version(*many)), max_series=500)
    whole = rendered(facts(version(*many)))
    gauges = [key for key in samples(page) if not key[0].startswith("process_")]
    assert len(gauges) <= 500 + 11
    omitted = value(page, "series_omitted")
    assert omitted == len(samples(whole)) - len(samples(page))
    assert value(whole, "series_omitted") == 0


def test_drifting_columns_are_the_last_to_be_left_off() -> None:
    many = [finding(f"column{number:04}") for number in range(999)] + [finding("zulu", Status.DRIFT)]
    page = rendered(facts(version(*many)), max_series=100)
    assert 'drift_score{column="zulu"' in page


def test_no_model_is_crowded_out_by_another() -> None:
    wide = version(*(finding(f"column{number:04}") for number in range(1_000)), model="wide")
    narrow = version(finding("age"), model="narrow")
    for order in ((wide, narrow), (narrow, wide)):
        assert 'column="age"' in rendered(facts(*order), max_series=200)


def test_a_finding_that_was_judged_twice_stands_on_the_page_once() -> None:
    page = rendered(facts(version(finding("age", score=0.1), finding("age", score=0.2))))
    assert [one for (name, _), one in samples(page).items() if name == "drift_score"] == [0.2]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_a_column_may_be_called_anything(name: str) -> None:
    # A carriage return is a line's end to Python's readers of text, though not to Prometheus.
    page = rendered(facts(version(finding(name))))
    lines = [line for line in page.split("\n") if line.startswith("driftwatch_drift_score{")]
    assert len(lines) == 1


def test_the_page_of_a_running_service_passes_promtool(drifted: Any) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: apt install prometheus)")
    page = eventually(drifted, "driftwatch_drift_score{")
    checked = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_a_change_is_on_the_page_soon_and_gzip_is_the_same_page(drifted: Any) -> None:
    eventually(drifted, 'driftwatch_predictions_total{model="flights",model_version="1"} 2400.0')
    plain = drifted.client.get("/metrics", headers={"accept-encoding": "identity"})
    packed = drifted.client.get("/metrics", headers={"accept-encoding": "gzip;q=0.9"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert plain.text.splitlines()[0] == packed.text.splitlines()[0]


def eventually(web: Any, wanted: str) -> str:
    """The metrics page once it holds ``wanted``."""
    deadline = datetime.now(UTC) + timedelta(seconds=20)
    while datetime.now(UTC) < deadline:
        page: str = web.client.get("/metrics").text
        if wanted in page:
            return page
    pytest.fail(f"{wanted} never came onto the page")


def test_every_series_on_the_page_is_in_the_table(drifted: Any) -> None:
    page = eventually(drifted, "driftwatch_drift_score{")
    known = {PREFIX + metric.name: metric for metric in METRICS}
    for family in text_string_to_metric_families(page):
        for one in family.samples:
            if one.name.startswith(PREFIX):
                metric = known[re.sub(r"_(bucket|sum|count)$", "", one.name)]
                assert set(one.labels) - {"le"} == set(metric.labels)


def counted_names() -> Iterator[str]:
    for path in Path(driftwatch.__file__).parent.rglob("*.py"):
        yield from re.findall(r"\.(?:count|observe)\(\s*\"([a-z_]+)\"", path.read_text())


def test_everything_that_the_service_counts_is_in_the_table() -> None:
    counted = set(counted_names())
    known = {metric.name for metric in METRICS if metric.kind is not MetricKind.GAUGE}
    assert {"predictions_total", "labels_total", "notifications_total"} <= counted
    assert counted <= known


def test_names_follow_the_conventions_of_prometheus() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch(r"[a-z][a-z_]*", metric.name)
        assert metric.name.endswith("_total") is (metric.kind is MetricKind.COUNTER)
        assert metric.help.endswith(".")
