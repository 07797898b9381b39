"""The table says what was measured, and the checks fail when the story did not happen."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from rich.console import Console

from driftwatch.core.records import Alert, AlertKind, AlertState, RetrainEpisode, RetrainState
from driftwatch.demo.flights import LABEL, SCHEDULED
from driftwatch.demo.retraining import RECIPE
from driftwatch.demo.summary import ALONE, SERVED, YEAR_END, Replayed, checks, happened, shadows, show, trainings, weeks
from driftwatch.training.model_store import ModelStore
from driftwatch.training.recipe import parse_recipe
from driftwatch.training.run import Job, train


def at(month: int, day: int) -> datetime:
    return datetime(2013, month, day, 12, tzinfo=UTC)


def alert(
    kind: AlertKind, started: datetime, reason: str = "Worse: mae 8.7 -> 13.0 (threshold 10.9); evidence 643 of 300."
) -> Alert:
    return Alert(
        alert_id="a-1",
        model="flights",
        model_version="1",
        kind=kind,
        state=AlertState.FIRING,
        started=started,
        ended=None,
        columns=(),
        evidence=100.0,
        reason=reason,
    )


def retrain(triggered: datetime, state: RetrainState = RetrainState.PROMOTED) -> RetrainEpisode:
    return RetrainEpisode(
        retrain_id="r-1",
        model="flights",
        model_version="1",
        state=state,
        triggered=triggered,
        until=triggered,
        reason="MAE rose",
        alert_ids=("a-1",),
        history=(),
        new_version="2" if state is RetrainState.PROMOTED else None,
    )


@pytest.fixture
def good() -> Replayed:
    """One flight a day from March on, without a label every tenth day, and a story that happened."""
    days = pd.date_range("2013-03-01 12:00", "2013-12-31 12:00", tz="UTC")
    label = np.where(np.arange(len(days)) % 10 == 9, np.nan, 100.0)
    return Replayed(
        flights=pd.DataFrame({SCHEDULED: days, LABEL: label, ALONE: 112.0, SERVED: 91.0}),
        until=YEAR_END,
        alerts=(alert(AlertKind.QUALITY, at(5, 3)),),
        retrains=(retrain(at(5, 3)),),
        trainings=(),
        kept=len(days),
        kept_twice=0,
        seconds=60.0,
    )


def failed(replayed: Replayed) -> list[str]:
    return [one.text for one in checks(replayed) if one.passed is False]


def test_the_story_happened(good: Replayed) -> None:
    assert failed(good) == []
    assert all(one.passed for one in checks(good))


def _with(replayed: Replayed, **columns: float) -> Replayed:
    return replace(replayed, flights=replayed.flights.assign(**columns))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda good: replace(good, retrains=(retrain(at(4, 14)), retrain(at(5, 3)))), "before 2013-04-15: 1"),
        (lambda good: replace(good, retrains=(retrain(at(6, 16)),)), "by 2013-06-15: 2013-06-16"),
        (lambda good: replace(good, retrains=()), "by 2013-06-15: none"),
        (lambda good: replace(good, retrains=(retrain(at(5, 3), RetrainState.REJECTED),)), "went live: 0 of 1"),
        (lambda good: _with(good, **{ALONE: 111.4}), "at least 11.5 min: 11.40"),
        (lambda good: _with(good, **{SERVED: 90.3}), "at most 9.6 min: 9.70"),
        (lambda good: _with(good, **{SERVED: np.nan}), "at most 9.6 min: nan"),
        (lambda good: replace(good, alerts=(alert(AlertKind.FEATURE_DRIFT, at(7, 1)),)), "do not drift: 1"),
        (lambda good: replace(good, kept=good.kept - 1), "exactly once: 305 of 306"),
        (lambda good: replace(good, kept_twice=2), "exactly once: 306 of 306, 2 twice"),
    ],
)
def test_a_part_of_the_story_that_did_not_happen_is_named(good: Replayed, wrong, sentence: str) -> None:
    texts = failed(wrong(good))
    assert any(sentence in text for text in texts)
    assert not happened(checks(wrong(good)))


def test_the_last_day_on_which_a_first_trigger_counts_is_june_15(good: Replayed) -> None:
    assert failed(replace(good, retrains=(retrain(at(6, 15)),))) == []


def test_a_short_replay_is_judged_only_by_what_it_can_show(good: Replayed) -> None:
    short = replace(good, until=datetime(2013, 3, 10, tzinfo=UTC), alerts=(), retrains=())
    assert [one.passed for one in checks(short)] == [True, None, None, None, None, True, True]
    assert happened(checks(short))


def test_weeks_begin_on_monday_and_hold_every_flight_once(good: Replayed) -> None:
    rows = weeks(good)
    assert {row.start.weekday() for row in rows} == {0}
    assert [row.flights for row in rows[:2]] == [3, 7]
    assert sum(row.flights for row in rows) == len(good.flights)


def test_errors_are_means_over_the_labelled_flights(good: Replayed) -> None:
    assert {row.alone_error for row in weeks(good)} == {12.0}
    assert {row.live_error for row in weeks(good)} == {9.0}
    assert (good.alone_error, good.live_error) == (12.0, 9.0)


def test_what_was_alerted_stands_in_the_week_in_which_it_began(good: Replayed) -> None:
    told = {row.start.date().isoformat(): row.events for row in weeks(good) if row.events}
    assert told == {
        "2013-04-29": ("quality: mae 8.7 -> 13.0 (threshold 10.9)", "retrain asked 05-03: promoted as version 2"),
    }


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_the_terminal(good: Replayed, width: int) -> None:
    out = io.StringIO()
    assert show(good, Console(file=out, width=width))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert any(line.startswith("2013-04-29") for line in lines)
    assert "…" not in out.getvalue()


def test_a_failed_check_has_a_cross_and_a_passed_one_a_tick(good: Replayed) -> None:
    out = io.StringIO()
    assert not show(replace(good, kept_twice=1), Console(file=out, width=80))
    assert "✗ every prediction is kept exactly once" in out.getvalue()
    assert "✓ no alert about features" in out.getvalue()


def test_the_table_is_followed_by_what_the_trainer_says_of_its_runs(good: Replayed, tmp_path: Path) -> None:
    rows = pa.table(
        {"event_time": pd.date_range("2013-04-01", periods=2_000, freq="15min", tz="UTC")} | _minutes(2_000)
    )
    recipe = parse_recipe(RECIPE)
    job = Job(recipe=recipe, version="2", batches=[rows], source="rows", store=ModelStore(tmp_path, "flights"))
    run = train(job)
    assert run.card is not None
    lines = trainings(replace(good, trainings=(run,)))
    assert lines[0] == "Training of version 2: promoted (better_by_the_margin)"
    assert "3 trials, alpha 0.3 by 400 rows; guard stops: 0" in lines[1]
    assert f"400 test rows: {run.card.comparison.paired.champion.value:.1f} min served" in lines[2]
    assert "by airport: EWR" in lines[3]
    assert max(map(len, lines)) <= 80


def _minutes(n: int) -> dict[str, object]:
    random = np.random.default_rng(0)
    distance = random.uniform(200, 2_000, n)
    return {
        "distance": distance,
        "departure_minute": random.uniform(0, 1_440, n),
        **{name: ["EWR"] * n for name in ("carrier", "origin", "dest", "weekday")},
        "prediction": distance / 9 + random.normal(0, 30, n),
        "label": distance / 9 + random.normal(0, 3, n),
    }


def test_a_shadow_is_told_beside_each_version_with_labels(good: Replayed) -> None:
    gain = {"value": -3.05, "lower": -3.2, "upper": -2.9}
    known = {"model_version": "simple", "live_version": "1", "labelled": 12_000, "mean_gain": gain}
    told = shadows(replace(good, shadows=(known, {**known, "live_version": "2", "labelled": 0})))
    assert told == [
        "Shadow simple, which decided nothing:",
        "  beside version 1, 12,000 flights: mean error +3.0 min (+2.9 to +3.2)",
    ]
    assert shadows(good) == []
