"""When a retrain is asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from driftwatch.core.performance import MEASURES
from driftwatch.core.performance.measure import Better
from driftwatch.core.quiet_hours import QuietHours, QuietSpan
from driftwatch.core.records import Alert, AlertKind, AlertState, RetrainEpisode, RetrainState
from driftwatch.core.retrain import RetrainFacts, RetrainPolicy, RetrainReason, decide
from driftwatch.core.retrain_policy import (
    AlertFires,
    AllOf,
    AnyOf,
    LabelVolume,
    ModelAge,
    QualityBelow,
    RetrainPolicies,
    measures,
)
from driftwatch.core.window_quality import EstimatedMeasure
from driftwatch.errors import InputError

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)  # a Friday
RECENT, LONG_AGO = NOON - timedelta(days=2), NOON - timedelta(days=30)
BERLIN = ZoneInfo("Europe/Berlin")


def alert(kind: AlertKind = AlertKind.QUALITY, state: AlertState = AlertState.FIRING, windows: int = 1) -> Alert:
    return Alert(
        alert_id=kind.value,
        model="m",
        model_version="1",
        kind=kind,
        state=state,
        started=NOON,
        ended=None,
        columns=(),
        evidence=1.0,
        reason=f"{kind.value} moved",
        windows=windows,
    )


def episode(
    state: RetrainState = RetrainState.RECOVERED, triggered: datetime = LONG_AGO, alert_ids: tuple[str, ...] = ()
) -> RetrainEpisode:
    return RetrainEpisode(
        retrain_id="r",
        model="m",
        model_version="1",
        state=state,
        triggered=triggered,
        until=triggered,
        reason="",
        alert_ids=alert_ids,
        history=(),
    )


def facts(*alerts: Alert, moment: datetime = NOON, **others: object) -> RetrainFacts:
    return RetrainFacts(moment=moment, alerts=alerts, **others)  # type: ignore[arg-type]


USUAL = RetrainPolicy()
QUALITY, FEATURES = alert(), alert(AlertKind.FEATURE_DRIFT)
PREDICTIONS, OUTSIDE = alert(AlertKind.PREDICTION_DRIFT), alert(AlertKind.EXTERNAL)
BOTH = RetrainPolicy(when=AllOf((AlertFires(AlertKind.FEATURE_DRIFT), AlertFires(AlertKind.PREDICTION_DRIFT))))
NESTED = RetrainPolicy(
    when=AnyOf((AllOf((AlertFires(AlertKind.FEATURE_DRIFT), LabelVolume(100))), ModelAge(timedelta(days=90))))
)
WORSE = RetrainPolicy(when=QualityBelow.parse("mae", "20%"), windows=2)
EXPECTED = RetrainPolicy(when=QualityBelow.parse("mae", 2, estimated=True))
SURE = EstimatedMeasure(value=13.0, lower=12.5, upper=13.5)
UNSURE = EstimatedMeasure(value=13.0, lower=11.5, upper=14.5)
LOWER = RetrainPolicy(when=QualityBelow.parse("accuracy", 0.05))
TWICE_A_DAY = RetrainPolicy(cooldown=timedelta(), daily_cap=2)
BERLIN_DAY = replace(TWICE_A_DAY, daily_cap=1, zone=BERLIN)
NIGHTS = RetrainPolicy(quiet=QuietHours(spans=(QuietSpan.parse("22:00-06:00"),), zone=BERLIN))
MIDNIGHT = datetime(2026, 5, 1, 22, 30, tzinfo=UTC)
REASONS = RetrainReason


@pytest.mark.parametrize(
    ("policy", "given", "expected", "sentence"),
    [
        (USUAL, facts(QUALITY), REASONS.CONDITIONS_MET, "worse quality asks for a retrain"),
        (USUAL, facts(OUTSIDE), REASONS.CONDITIONS_MET, "so does an alert from outside"),
        (USUAL, facts(), REASONS.NOTHING_CALLS, "no alert asks for nothing"),
        (USUAL, facts(FEATURES), REASONS.NOTHING_CALLS, "moved inputs alone ask for nothing by default"),
        (USUAL, facts(alert(state=AlertState.PENDING)), REASONS.TOO_FEW_WINDOWS, "a pending alert is not sure yet"),
        (USUAL, facts(alert(state=AlertState.SILENCED)), REASONS.SILENCED, "a silenced one calls for nothing"),
        (USUAL, facts(alert(state=AlertState.ACKNOWLEDGED)), REASONS.CONDITIONS_MET, "one that is known of does"),
        (USUAL, facts(alert(state=AlertState.RESOLVED)), REASONS.NOTHING_CALLS, "one that is over does not"),
        (replace(USUAL, windows=3), facts(alert(windows=2)), REASONS.TOO_FEW_WINDOWS, "two windows are not three"),
        (replace(USUAL, windows=3), facts(alert(windows=3)), REASONS.CONDITIONS_MET, "three are"),
        (replace(USUAL, windows=3), facts(OUTSIDE), REASONS.CONDITIONS_MET, "an alert from outside has no windows"),
        (BOTH, facts(FEATURES), REASONS.NOTHING_CALLS, "one of both is not both"),
        (BOTH, facts(FEATURES, PREDICTIONS), REASONS.CONDITIONS_MET, "both are"),
        (NESTED, facts(FEATURES, labels=99), REASONS.NOTHING_CALLS, "all inside any: one of them is missing"),
        (NESTED, facts(FEATURES, labels=100), REASONS.CONDITIONS_MET, "all inside any: all are there"),
        (NESTED, facts(age=timedelta(days=89)), REASONS.NOTHING_CALLS, "a model that is not old enough"),
        (NESTED, facts(age=timedelta(days=90)), REASONS.CONDITIONS_MET, "a model of that age is retrained"),
        (WORSE, facts(qualities=[{"mae": 13.0}, {"mae": 13.0}], reference={"mae": 10.0}), REASONS.CONDITIONS_MET,
         "an error 30 % above the reference for two windows, where 20 % are allowed"),
        (WORSE, facts(qualities=[{"mae": 13.0}, {"mae": 11.0}], reference={"mae": 10.0}), REASONS.NOTHING_CALLS,
         "for one window only"),
        (WORSE, facts(qualities=[{"mae": 13.0}], reference={"mae": 10.0}), REASONS.NOTHING_CALLS,
         "there is one window only"),
        (WORSE, facts(qualities=[{"mae": 13.0}, {"mae": 13.0}]), REASONS.NOTHING_CALLS, "there is no reference"),
        (EXPECTED, facts(estimates=[{"mae": SURE}], reference={"mae": 10.0}), REASONS.CONDITIONS_MET,
         "what is expected without labels is worse, all of its interval"),
        (EXPECTED, facts(estimates=[{"mae": UNSURE}], reference={"mae": 10.0}), REASONS.NOTHING_CALLS,
         "a part of its interval is not"),
        (EXPECTED, facts(estimates=[{}], qualities=[{"mae": 13.0}], reference={"mae": 10.0}), REASONS.NOTHING_CALLS,
         "nothing is expected, whatever is realized"),
        (LOWER, facts(qualities=[{"accuracy": 0.84}], reference={"accuracy": 0.9}), REASONS.CONDITIONS_MET,
         "accuracy gets worse downwards"),
        (LOWER, facts(qualities=[{"accuracy": 0.96}], reference={"accuracy": 0.9}), REASONS.NOTHING_CALLS,
         "a better model asks for nothing"),
        (LOWER, facts(qualities=[{"accuracy": float("nan")}], reference={"accuracy": 0.9}), REASONS.NOTHING_CALLS,
         "what is not defined is not worse"),
        (USUAL, facts(QUALITY, is_current_version=False), REASONS.SUPERSEDED_VERSION, "the old one is left alone"),
        (USUAL, facts(QUALITY, episodes=[episode(RetrainState.TRAINING)]), REASONS.EPISODE_OPEN, "one at a time"),
        (USUAL, facts(QUALITY, episodes=[episode(RetrainState.PROMOTED)]), REASONS.EPISODE_OPEN,
         "what was promoted is watched first"),
        (USUAL, facts(QUALITY, episodes=[episode(RetrainState.AWAITING_APPROVAL)]), REASONS.EPISODE_OPEN,
         "what awaits approval is asked for once"),
        (replace(USUAL, minimum_labels=500), facts(QUALITY, labels=499), REASONS.TOO_FEW_LABELS, "nothing to train on"),
        (replace(USUAL, minimum_labels=500), facts(QUALITY, labels=500), REASONS.CONDITIONS_MET, "now there is"),
        (USUAL, facts(QUALITY, episodes=[episode(RetrainState.REJECTED, RECENT)]), REASONS.COOLING_DOWN,
         "not again so soon"),
        (USUAL, facts(QUALITY, episodes=[episode(triggered=NOON - timedelta(days=7))]), REASONS.CONDITIONS_MET,
         "again when the cooldown is over, to the second"),
        (USUAL, facts(QUALITY, episodes=[episode(RetrainState.FAILED)]), REASONS.CONDITIONS_MET, "again after a while"),
        (TWICE_A_DAY, facts(QUALITY, episodes=[episode(triggered=NOON)]), REASONS.CONDITIONS_MET, "one of two"),
        (TWICE_A_DAY, facts(QUALITY, episodes=[episode(triggered=NOON)] * 2), REASONS.DAILY_CAP, "two of two"),
        (TWICE_A_DAY, facts(QUALITY, episodes=[episode(triggered=NOON - timedelta(days=1))] * 2),
         REASONS.CONDITIONS_MET, "yesterday's do not count"),
        (BERLIN_DAY, facts(QUALITY, moment=MIDNIGHT, episodes=[episode(triggered=NOON)]), REASONS.CONDITIONS_MET,
         "half past midnight in Berlin is another day, though it is not in UTC"),
        (NIGHTS, facts(QUALITY, moment=MIDNIGHT), REASONS.QUIET_HOURS, "nobody is woken at night"),
        (NIGHTS, facts(QUALITY), REASONS.CONDITIONS_MET, "by day somebody is there"),
        (USUAL, facts(QUALITY, episodes=[episode(RetrainState.DRY_RUN, NOON)]), REASONS.CONDITIONS_MET,
         "what a dry run wrote down holds nobody back"),
        (replace(USUAL, dry_run=True), facts(QUALITY, episodes=[episode(RetrainState.DRY_RUN, RECENT)]),
         REASONS.COOLING_DOWN, "but for the dry run itself"),
        (USUAL, facts(OUTSIDE, episodes=[episode(alert_ids=("external",))]), REASONS.NOTHING_CALLS,
         "an alert from outside calls once"),
        (USUAL, facts(QUALITY, episodes=[episode(alert_ids=("quality",))]), REASONS.CONDITIONS_MET,
         "our own calls again while it fires"),
    ],
)  # fmt: skip
def test_a_decision_has_a_named_reason(
    policy: RetrainPolicy, given: RetrainFacts, expected: RetrainReason, sentence: str
) -> None:
    decision = decide(policy, given)
    assert decision.reason is expected, sentence
    assert decision.trigger is (expected is RetrainReason.CONDITIONS_MET), sentence


def test_every_reason_is_in_the_table() -> None:
    (mark,) = (one for one in test_a_decision_has_a_named_reason.pytestmark if one.name == "parametrize")
    assert {row[2] for row in mark.args[1]} == set(RetrainReason)


@pytest.mark.parametrize("kind", list(AlertKind))
def test_every_kind_of_alert_can_ask_for_a_retrain(kind: AlertKind) -> None:
    decision = decide(RetrainPolicy(when=AlertFires(kind)), facts(alert(kind)))
    assert [(call.name, call.alert_id) for call in decision.calls] == [(kind.value, kind.value)]


def test_what_is_met_is_said_in_numbers() -> None:
    given = facts(qualities=[{"mae": 13.0}, {"mae": 12.5}], reference={"mae": 10.0})
    (call,) = decide(WORSE, given).calls
    assert call.text == "mae 13, in the reference 10: beyond 12 for 2 windows"


@pytest.mark.parametrize(
    ("policy", "begins_as"),
    [
        (USUAL, RetrainState.REQUESTED),
        (replace(USUAL, approval=True), RetrainState.AWAITING_APPROVAL),
        (replace(USUAL, dry_run=True, approval=True), RetrainState.DRY_RUN),
    ],
)
def test_an_episode_begins_as_the_policy_says(policy: RetrainPolicy, begins_as: RetrainState) -> None:
    assert decide(policy, facts(QUALITY)).begins_as is begins_as


def test_quiet_hours_say_when_to_decide_again() -> None:
    assert decide(NIGHTS, facts(QUALITY, moment=MIDNIGHT)).again_at == datetime(2026, 5, 2, 4, tzinfo=UTC)


def test_a_models_own_policy_takes_the_place_of_the_general_one() -> None:
    policies = RetrainPolicies(general=USUAL, models={"fraud": BOTH})
    assert (policies.of("fraud"), policies.of("flights")) == (BOTH, USUAL)


@pytest.mark.parametrize("measure", measures())
def test_every_measure_is_held_to_the_reference_in_its_own_direction(measure: str) -> None:
    condition = QualityBelow.parse(measure, 0.1)
    higher = MEASURES[measure].better is Better.HIGHER
    assert condition.is_worse(0.3, 0.5) is higher
    assert condition.is_worse(0.7, 0.5) is not higher


def test_a_measure_without_better_and_worse_is_no_condition() -> None:
    assert {name for name, kind in MEASURES.items() if kind.better is Better.NEITHER}.isdisjoint(measures())
    with pytest.raises(InputError, match="no measure of quality"):
        QualityBelow.parse("bias", 1)


@pytest.mark.parametrize(("measure", "by"), [("mea", 1), ("mae", "a fifth"), ("mae", "-1"), ("mae", True)])
def test_a_margin_that_cannot_be_is_refused(measure: str, by: str | float) -> None:
    with pytest.raises(InputError):
        QualityBelow.parse(measure, by)
