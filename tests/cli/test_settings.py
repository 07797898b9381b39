"""How windows are judged, as the settings of ``driftwatch serve`` say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftwatch.core.records import AlertKind, ColumnKind, ThresholdOrigin
from driftwatch.errors import DriftwatchError
from driftwatch.settings import judge_policy, load_settings, settings_table

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
    assert (shares[AlertKind.QUALITY], shares[AlertKind.FEATURE_DRIFT]) == (0.6, 0.4)


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
