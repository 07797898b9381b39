"""How windows are judged, as the settings of ``driftwatch serve`` say it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftwatch.core.policy import DEFAULT_SHARES
from driftwatch.core.records import AlertKind, ColumnKind, RetrainState, ThresholdOrigin
from driftwatch.core.retrain_policy import (
    AlertFires,
    AllOf,
    AnyOf,
    LabelVolume,
    ModelAge,
    QualityBelow,
    RetrainPolicy,
)
from driftwatch.errors import DriftwatchError, SettingError
from driftwatch.settings import judge_policy, load_settings, retrain_policies, settings_table

JUDGING = """
bonferroni = true
statistics = { numeric = ["ks", "wasserstein_std"] }
shares = { quality = 0.6 }

[thresholds]
psi = 0.2
amount = { psi = 0.1 }

[p_values."a.b"]
ks = 0.001

[tolerances]
ks = 0.3
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "driftwatch.toml"
    path.write_text(text)
    return path


def test_a_file_says_how_windows_are_judged(tmp_path: Path) -> None:
    policy = judge_policy(load_settings(written(tmp_path, JUDGING)))
    assert policy.fixed("age", "psi").value == 0.2
    assert policy.fixed("amount", "psi").value == 0.1
    assert (policy.fixed("a.b", "ks").value, policy.fixed("a.b", "ks").origin) == (0.001, ThresholdOrigin.FIXED_P_VALUE)
    assert policy.tolerances.by_statistic == {"ks": 0.3}
    assert policy.statistics == {ColumnKind.NUMERIC: ("ks", "wasserstein_std")}
    assert policy.bonferroni


def test_kinds_of_alert_that_are_left_out_keep_their_share(tmp_path: Path) -> None:
    shares = judge_policy(load_settings(written(tmp_path, "shares = { quality = 0.6 }"))).shares
    assert (shares[AlertKind.QUALITY], shares[AlertKind.FEATURE_DRIFT]) == (
        0.6,
        DEFAULT_SHARES[AlertKind.FEATURE_DRIFT],
    )


def test_the_environment_says_the_same_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTWATCH_THRESHOLDS", '{"psi": 0.2, "amount": {"psi": 0.1}}')
    assert judge_policy(load_settings()).fixed("amount", "psi").value == 0.1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("thresholds = { psy = 0.2 }", "thresholds.psy: there is no statistic 'psy'."),
        ("thresholds = 0.2", "thresholds: must be a table"),
        ("tolerances = { amount = { psi = 'x' } }", "tolerances.amount.psi: 'x' is no number"),
        ("statistics = { numbers = ['ks'] }", "statistics.numbers: Input should be 'numeric', 'categorical'"),
        ("statistics = { numeric = ['fisher'] }", "statistics.numeric: fisher does not fit numeric columns."),
        ("shares = { quality = -1 }", "shares.quality: "),
        ("false_alarms = 'never'", "false_alarms: 'never' is no budget"),
        ('measures = ["mae", "auroc"]', "measures: 'auroc' is no measure"),
    ],
)
def test_an_entry_that_cannot_work_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(DriftwatchError) as caught:
        load_settings(written(tmp_path, text))
    assert str(caught.value).startswith(says)


def test_a_variable_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTWATCH_THRESHOLDS", "psi=0.2")
    with pytest.raises(DriftwatchError, match="thresholds: is no JSON"):
        load_settings()


def test_defaults_of_tables_are_shown_as_they_are_written() -> None:
    shown = {name: default for name, _, default, _ in settings_table()}
    assert shown["statistics"].startswith("numeric = ks, psi;")
    assert shown["thresholds"] == ""


POLICY = """
window = "1d"

[retrain]
any = [
  "quality",                             # worse quality
  { all = ["feature_drift", "prediction_drift"] },
  { measure = "mae", worse_by = "20%" },
  { age = "90d" },
]
windows = 2
cooldown = "3d"
quiet_hours = ["22:00-06:00", "sat,sun 00:00-24:00"]
time_zone = "Europe/Berlin"

[retrain.timeouts]
training = "12h"

[retrain.models.fraud]
any = [{ labels = 10_000 }]
approval = true
"""


def test_the_file_says_when_a_retrain_is_asked_for(tmp_path: Path) -> None:
    policies = retrain_policies(load_settings(written(tmp_path, POLICY)))
    general, fraud = policies.of("flights"), policies.of("fraud")
    drift = AllOf((AlertFires(AlertKind.FEATURE_DRIFT), AlertFires(AlertKind.PREDICTION_DRIFT)))
    margin, age = QualityBelow("mae", 0.2, relative=True), ModelAge(timedelta(days=90))
    assert general.when == AnyOf((AlertFires(AlertKind.QUALITY), drift, margin, age))
    assert (general.windows, general.cooldown, general.approval) == (2, timedelta(days=3), False)
    assert general.quiet.until(datetime(2026, 1, 1, 22, tzinfo=UTC)) == datetime(2026, 1, 2, 5, tzinfo=UTC)
    assert general.timeout(RetrainState.TRAINING) == timedelta(hours=12)
    assert fraud == replace(general, when=AnyOf((LabelVolume(10_000),)), approval=True)


def test_short_settings_hold_where_the_table_says_nothing(tmp_path: Path) -> None:
    text = 'retrain_on = ["feature_drift"]\nretrain_cooldown = "1d"\n[retrain]\nwindows = 3\n'
    text += '[retrain.models.a]\nany = ["quality"]'
    policies = retrain_policies(load_settings(written(tmp_path, text)))
    assert policies.general == RetrainPolicy(
        when=AnyOf((AlertFires(AlertKind.FEATURE_DRIFT),)), windows=3, cooldown=timedelta(days=1)
    )
    assert policies.of("a").cooldown == timedelta(days=1)


def test_without_a_word_worse_quality_asks_for_a_retrain() -> None:
    assert retrain_policies(load_settings()).general == RetrainPolicy()


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ('"quality",', '"qualty",', 6, "retrain.any.0: 'qualty' is no condition"),
        ('["feature_drift"', '["feature_drft"', 7, "retrain.any.1: 'feature_drft' is no condition"),
        ('"mae"', '"mea"', 8, "retrain.any.2: measure: 'mea' is no measure of quality"),
        ('"90d"', '"90 moons"', 9, "retrain.any.3: '90 moons' is no length of time"),
        ("windows = 2", "windows = 0", 11, "retrain.windows: "),
        ("cooldown", "cooldwn", 12, "retrain.cooldwn: there is no such setting"),
        ("22:00-06:00", "22-06", 13, "retrain.quiet_hours: '22-06' are no quiet hours"),
        ("Europe/Berlin", "Europe/Bonn", 14, "retrain.time_zone: there is no time zone 'Europe/Bonn'"),
        ('training = "12h"', 'rejected = "12h"', 16, "retrain.timeouts: rejected has no end"),
        ("10_000", "0", 20, "retrain.models.fraud.any.0: "),
        ("approval = true", 'approval = "often"', 21, "retrain.models.fraud.approval: "),
        ('window = "1d"', 'windw = "1d"', 2, "windw: there is no such setting"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    path = written(tmp_path, POLICY.replace(old, new))
    with pytest.raises(SettingError) as caught:
        load_settings(path)
    assert str(caught.value).startswith(says)
    assert str(caught.value).endswith(f"({path}, line {line})")


def test_a_mistake_of_the_environment_has_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTWATCH_RETRAIN", '{"windows": 0}')
    with pytest.raises(SettingError) as caught:
        load_settings(written(tmp_path, POLICY))
    assert "line" not in str(caught.value)


def test_conditions_nest_one_level(tmp_path: Path) -> None:
    deep = '[retrain]\nany = [{ all = ["quality", { any = ["feature_drift"] }] }]'
    with pytest.raises(SettingError, match="nest one level only"):
        load_settings(written(tmp_path, deep))
    with pytest.raises(SettingError, match="both any and all"):
        load_settings(written(tmp_path, '[retrain]\nany = ["quality"]\nall = ["quality"]'))
