"""``driftwatch backtest``: what it prints, what it writes, and which exit code it ends with."""

from __future__ import annotations

import json
import re
from itertools import takewhile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import driftwatch
from driftwatch.cli.app import app

FINE, ALERTED, WRONG_USE = 0, 1, 2
ROWS = ("--window", "500rows", "--false-alarms", "1 per 1000 windows")


def events(n: int, *, seed: int, moved: float = 0.0, wrong: float = 0.1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.5
    return pd.DataFrame(
        {
            "age": rng.normal(40.0 + 10.0 * moved, 10.0, n),
            "plan": rng.choice(["free", "pro"], n),
            "y_pred": np.where(rng.random(n) < wrong, ~truth, truth).astype(int),
            "y": truth.astype(int),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("backtest")
    fitted = driftwatch.Baseline.fit(events(5_000, seed=1), label="y", prediction="y_pred", model="visits <b>")
    (made / "b.json").write_text(fitted.to_json())
    parts = [events(3_000, seed=2), events(1_500, seed=3, moved=0.8), events(1_500, seed=4, moved=0.8, wrong=0.4)]
    whole = pd.concat(parts, ignore_index=True)
    whole.to_csv(made / "events.csv", index=False)
    whole.to_parquet(made / "events.parquet")
    whole.iloc[:3_000].to_parquet(made / "quiet.parquet")
    times = pd.date_range("2026-03-01", periods=len(whole), freq="10min", tz="UTC")
    whole.assign(event_time=times, label_time=times + pd.Timedelta("12h")).to_parquet(made / "timed.parquet")
    (made / "small.toml").write_text('window = "250 rows"\nfalse_alarms = "1 per 1000 windows"\n')
    (made / "large.toml").write_text('window = "1000 rows"\nfalse_alarms = "1 per 1000 windows"\nquality_ratio = 2.0\n')
    return made


def backtest(folder: Path, name: str, *arguments: object):
    command = ["backtest", str(folder / "b.json"), str(folder / name), *map(str, arguments)]
    return CliRunner().invoke(app, command)


def test_json_is_exactly_windows_alerts_and_triggers(folder: Path) -> None:
    done = backtest(folder, "events.parquet", *ROWS, "--format", "json")
    assert done.exit_code == FINE, done.output
    document = json.loads(done.stdout)
    assert list(document) == ["windows", "alerts", "triggers"]
    assert [list(one) for one in document["windows"]] == [["start", "end", "rows", "status", "evidence"]] * 12
    assert [(one["start"], one["end"], one["rows"]) for one in document["windows"]][:2] == [
        (0, 500, 500),
        (500, 1000, 500),
    ]
    assert {one["status"] for one in document["windows"][:6]} == {"ok"}
    assert document["windows"][-1]["evidence"] >= 1.0
    assert [list(one) for one in document["alerts"]] == [["kind", "row", "start", "columns", "reason"]] * 3
    drift, quality, concept = document["alerts"]
    assert (drift["kind"], drift["row"], drift["start"], drift["columns"]) == ("feature_drift", 3_500, 3_000, ["age"])
    assert (quality["kind"], quality["row"], quality["start"]) == ("quality", 5_000, 4_500)
    assert (concept["kind"], concept["row"]) == ("concept_drift", 5_000)
    assert "since about row 4,500" in concept["reason"]
    assert [list(one) for one in document["triggers"]] == [["row", "reason"]]
    assert document["triggers"][0]["row"] == 5_000


def test_without_options_rows_without_times_are_in_windows_of_a_thousand(folder: Path) -> None:
    document = json.loads(backtest(folder, "events.csv", "--format", "json").stdout)
    assert [one["rows"] for one in document["windows"]] == [1_000] * 6


def test_with_times_windows_are_of_time_and_labels_are_waited_for(folder: Path) -> None:
    document = json.loads(backtest(folder, "timed.parquet", "--window", "1d", "--format", "json").stdout)
    assert document["windows"][0]["start"] == "2026-03-01T00:00:00+00:00"
    assert {one["rows"] for one in document["windows"][:-1]} == {144}
    quality = [one for one in document["alerts"] if one["kind"] == "quality"]
    # Errors begin with row 4,500, on the first day of April; that day is judged 36 hours after its end.
    assert quality[0]["row"] >= 4_608 + 216
    assert quality[0]["start"].startswith("2026-04-01")


def test_the_table_says_what_fired_where_and_how_late(folder: Path) -> None:
    done = backtest(folder, "events.csv", *ROWS, "--known-change", 3_000, "--known-change", "4,500")
    assert done.exit_code == FINE
    assert "3 alerts (1 of feature drift, 1 of quality, 1 of concept drift), and 1 retrain asked for" in done.output
    assert "known change at row 3,000: feature drift after 500 rows" in done.output
    assert "known change at row 4,500: quality after 500 rows; concept drift after 500 rows" in done.output
    assert "0 alerts before the first known change" in done.output
    assert "\x1b[" not in done.output


def test_an_alert_is_no_failure_unless_it_is_asked_to_be(folder: Path) -> None:
    assert backtest(folder, "events.parquet", *ROWS).exit_code == FINE
    assert backtest(folder, "events.parquet", *ROWS, "--fail-on-alert").exit_code == ALERTED
    assert backtest(folder, "quiet.parquet", *ROWS, "--fail-on-alert").exit_code == FINE


def test_files_of_settings_are_compared_side_by_side(folder: Path) -> None:
    configs = ("--config", folder / "small.toml", "--config", folder / "large.toml")
    done = backtest(folder, "events.parquet", *configs, "--known-change", 3_000, "-o", folder / "compared.html")
    assert done.exit_code == FINE, done.output
    lines = done.output.splitlines()[1:]
    table = dict(re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in takewhile(str.strip, lines))
    assert re.split(r"\s{2,}", table["window"]) == ["250 rows", "1000 rows"]
    assert table["quality ratio"].split() == ["1.25", "2.0"]
    assert table["alerts of feature drift"].split() == ["1", "1"]
    assert re.split(r"\s{2,}", table["change at row 3,000"]) == ["after 250 rows", "after 1,000 rows"]
    document = json.loads(backtest(folder, "events.parquet", *configs, "--format", "json").stdout)
    assert [(one["name"], len(one["windows"])) for one in document["runs"]] == [("small", 24), ("large", 6)]


def test_options_go_before_the_file_of_settings(folder: Path) -> None:
    config = ("--config", folder / "small.toml")
    document = json.loads(backtest(folder, "events.parquet", *config, "--window", "600rows", "--format", "json").stdout)
    assert len(document["windows"]) == 10
    muted = ("--set", 'shares={"feature_drift": 0, "concept_drift": 0}', "--set", "quality_ratio=6")
    document = json.loads(backtest(folder, "events.parquet", *config, *muted, "--format", "json").stdout)
    assert document["alerts"] == []


def test_the_page_is_one_file_with_pictures_and_without_a_script(folder: Path) -> None:
    done = backtest(folder, "events.parquet", *ROWS, "--known-change", 3_000, "-o", folder / "run.html")
    assert done.exit_code == FINE
    assert "3 alerts" in done.output
    page = (folder / "run.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "<script" not in page
    assert "visits &lt;b&gt;" in page
    assert page.count('<line class="fired"') == 3
    assert page.count('<line class="trigger"') == 1
    assert 'aria-label="feature drift: 1 alert"' in page
    assert not [word for word in ("http://", "https://", "src=") if word in page]


def test_the_format_follows_the_extension(folder: Path) -> None:
    backtest(folder, "events.parquet", *ROWS, "-o", folder / "run.json")
    assert list(json.loads((folder / "run.json").read_text())) == ["windows", "alerts", "triggers"]
    backtest(folder, "events.parquet", *ROWS, "-o", folder / "run.txt")
    assert "3 alerts" in (folder / "run.txt").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--window", "1h"), "no column event_time"),
        (("--window", "500rows", "--false-alarms", "1 per 90d"), "the budget is in time"),
        (("--window", "soon"), "neither a length of time nor a number of rows"),
        (("--set", "quality_ratio"), "has no value"),
        (("--set", "qualityratio=2"), "there is no such setting"),
        (("--known-change", "spring"), "neither a row nor a time"),
        (("--label", "truth"), "truth: there is no such column"),
        (("--config", "absent.toml"), "there is no such file"),
    ],
)
def test_wrong_use_is_said_in_a_line(folder: Path, arguments: tuple[str, ...], said: str, capsys, monkeypatch) -> None:
    from driftwatch.cli import app as cli

    monkeypatch.setattr(
        "sys.argv", ["driftwatch", "backtest", str(folder / "b.json"), str(folder / "events.csv"), *arguments]
    )
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == WRONG_USE
    assert said in capsys.readouterr().err


def test_weak_segments_are_found_where_they_are_asked_for(folder: Path) -> None:
    frame = events(6_000, seed=7)
    wrong = (frame.plan == "pro") & (frame.age > 45) & (np.random.default_rng(1).random(6_000) < 0.5)
    frame = frame.assign(y_pred=frame.y_pred.where(~wrong, 1 - frame.y))
    frame.rename(columns={"y": "label", "y_pred": "prediction"}).to_parquet(folder / "weak.parquet")
    done = backtest(folder, "weak.parquet", "--weak-segments", "--format", "json")
    assert done.exit_code == FINE, done.output
    (segment,) = json.loads(done.stdout)["weak_segments"]["segments"]
    assert set(segment["columns"]) == {"age", "plan"}
    assert segment["loss"] > 2 * segment["elsewhere"]
    done = backtest(folder, "weak.parquet", "--weak-segments", "-o", folder / "weak.html")
    assert "weak segment" in done.output
    assert "plan in pro" in (folder / "weak.html").read_text()
    checked = CliRunner().invoke(app, ["check", str(folder / "b.json"), str(folder / "events.csv"), "--weak-segments"])
    assert "weak segments: none among 6,000 labelled rows" in checked.output
    assert "drifts: age is higher: mean 39.86 -> 44.27, 0.44 standard deviations up." in checked.output


def triggers(folder: Path, policy: str) -> list[dict[str, object]]:
    """What a policy asks for, with windows of 250 rows."""
    settings = folder / "policy.toml"
    settings.write_text(f'window = "250 rows"\nfalse_alarms = "1 per 1000 windows"\n[retrain]\n{policy}\n')
    done = backtest(folder, "events.parquet", "--config", settings, "--format", "json")
    assert done.exit_code == FINE, done.output
    found: list[dict[str, object]] = json.loads(done.stdout)["triggers"]
    return found


def test_it_shows_what_a_retrain_policy_would_have_done(folder: Path) -> None:
    (at_once, *_) = triggers(folder, 'any = ["feature_drift"]')
    (later, *_) = triggers(folder, 'any = ["feature_drift"]\nwindows = 4')
    assert int(later["row"]) - int(at_once["row"]) == 3 * 250
    assert triggers(folder, 'all = ["feature_drift", "label_drift"]') == []
    many = triggers(folder, 'any = ["feature_drift"]\ncooldown = "0s"')
    assert len(many) > 3
    assert triggers(folder, 'any = ["feature_drift"]\ncooldown = "0s"\ndry_run = true') != []
    (both, *_) = triggers(folder, 'all = ["feature_drift", "quality"]')
    assert int(both["row"]) > int(at_once["row"])
    (measured, *_) = triggers(folder, 'any = [{ measure = "accuracy", worse_by = 0.2 }]')
    assert "accuracy" in str(measured["reason"])
