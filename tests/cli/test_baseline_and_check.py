"""``driftwatch baseline`` and ``driftwatch check``, as their user runs them: a process, files, an exit code."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FINE, DRIFTED, WRONG_USE = 0, 1, 2


def driftwatch(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "driftwatch", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def rows(n: int, *, moved: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(n)
    age = rng.normal(40.0 + moved, 10.0, n)
    return pd.DataFrame(
        {
            "age": age,
            "country": rng.choice(["DE", "FR", "IT"], n, p=[0.5, 0.3, 0.2]),
            "minutes": age * 2 + rng.normal(0.0, 3.0, n),
            "predicted": age * 2,
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("files")
    rows(4_000).to_parquet(made / "train.parquet")
    rows(1_000).to_csv(made / "same.csv", index=False)
    rows(1_001, moved=6.0).to_csv(made / "moved.csv", index=False)
    fit = ["baseline", "fit", "train.parquet", "--label", "minutes", "--prediction", "predicted", "-o", "b.json"]
    assert driftwatch(*fit, folder=made).returncode == FINE
    return made


def test_rows_like_the_reference_are_fine(folder: Path) -> None:
    assert driftwatch("check", "b.json", "same.csv", folder=folder).returncode == FINE


def test_rows_that_moved_give_exit_code_1_and_name_the_column(folder: Path) -> None:
    done = driftwatch("check", "b.json", "moved.csv", folder=folder)
    assert done.returncode == DRIFTED
    assert "feature drift: Moved: age: mean" in done.stdout


def test_json_is_for_programs(folder: Path) -> None:
    report = json.loads(driftwatch("check", "b.json", "moved.csv", "--format", "json", folder=folder).stdout)
    assert (report["status"], report["drifted_columns"][0]) == ("drift", "age")


def test_show_tells_columns_and_quality(folder: Path) -> None:
    shown = driftwatch("baseline", "show", "b.json", folder=folder).stdout
    assert "(3 names)" in shown or "IT" in shown
    assert "mae 2." in shown
    assert "nan" not in shown


def test_show_as_json_names_every_column(folder: Path) -> None:
    shown = json.loads(driftwatch("baseline", "show", "b.json", "--format", "json", folder=folder).stdout)
    assert [column["name"] for column in shown["columns"]] == ["age", "country", "minutes", "predicted"]


def findings(folder: Path, file: str, *options: str) -> dict[tuple[str, str], dict[str, object]]:
    done = driftwatch("check", "b.json", file, "--format", "json", *options, folder=folder)
    return {(one["column"], one["statistic"]): one for one in json.loads(done.stdout)["findings"]}


def test_check_takes_limits_for_statistics_and_for_single_columns(folder: Path) -> None:
    found = findings(
        folder, "same.csv", "--threshold", "psi=0.2", "--threshold", "age.psi=0.0001", "--p-value", "minutes.ks=0.001",
        "--statistics", "numeric=ks,wasserstein_std", "--tolerance", "age.ks=0.3", "--share", "feature_drift=0.9",
    )  # fmt: skip
    expected = {
        ("age", "psi"): (0.0001, "fixed", "drift", "fixed_threshold_passed"),
        ("country", "psi"): (0.2, "fixed", "ok", "within_threshold"),
        ("minutes", "ks"): (0.001, "fixed_p_value", "ok", "within_threshold"),
        ("age", "ks"): (0.3, "fixed", "ok", "within_threshold"),
    }
    for pair, wanted in expected.items():
        one = found[pair]
        assert (one["threshold"], one["threshold_origin"], one["status"], one["reason"]) == wanted
    assert ("age", "wasserstein_std") in found


def test_bonferroni_divides_by_the_number_of_tests(folder: Path) -> None:
    found = findings(
        folder, "same.csv", "--p-value", "age.ks=0.01", "--p-value", "country.chi_square=0.01", "--bonferroni"
    )
    assert found["age", "ks"]["threshold"] == found["country", "chi_square"]["threshold"] == 0.005


def test_the_table_says_that_a_p_value_was_fixed(folder: Path) -> None:
    done = driftwatch("check", "b.json", "moved.csv", "--p-value", "age.ks=0.001", folder=folder)
    assert done.returncode == DRIFTED
    assert re.search(r" ks +\S+ +p < 0.001 ", done.stdout)


def test_importance_is_given_by_options_and_files_and_shown(folder: Path) -> None:
    (folder / "importance.json").write_text('{"age": 1, "country": 1}')
    fit = ["baseline", "fit", "train.parquet", "--label", "minutes", "--prediction", "predicted", "-o", "weighed.json"]
    given = ["--importance", "importance.json", "--importance", "age=3"]
    assert driftwatch(*fit, *given, folder=folder).returncode == FINE
    shown = json.loads(driftwatch("baseline", "show", "weighed.json", "--format", "json", folder=folder).stdout)
    assert {one["name"]: one["importance"] for one in shown["columns"]} == {
        "age": 0.75, "country": 0.25, "minutes": None, "predicted": None
    }  # fmt: skip
    table = driftwatch("baseline", "show", "weighed.json", folder=folder).stdout
    assert "importance" in table
    assert "75.0%" in table


def cut_short(document: str) -> str:
    return document[:2_000]


def of_another_version(document: str) -> str:
    return document.replace('"format_version":1', '"format_version":9')


def altered(document: str) -> str:
    return document.replace('"n_rows":4000', '"n_rows":4001')


@pytest.mark.parametrize(
    ("change", "says"),
    [(cut_short, "cut short"), (of_another_version, "format version 9"), (altered, "checksum")],
)
def test_a_baseline_that_is_not_whole_is_refused_in_one_line(folder: Path, change, says: str) -> None:
    (folder / "bad.json").write_text(change((folder / "b.json").read_text()))
    done = driftwatch("check", "bad.json", "same.csv", folder=folder)
    assert done.returncode == WRONG_USE
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["baseline", "fit", "train.parquet", "--label", "nope", "-o", "x.json"],
            "nope: the reference has no such column",
        ),
        (["baseline", "fit", "absent.csv", "-o", "x.json"], "absent.csv: there is no such file"),
        (["check", "absent.json", "same.csv"], "absent.json: cannot be read"),
        (["serve", "--port", "99999"], "port: "),
        (
            ["check", "b.json", "same.csv", "--threshold", "psi"],
            "--threshold: 'psi' is no limit. Write it like psi=0.2",
        ),
        (
            ["check", "b.json", "same.csv", "--threshold", "agee.psi=1"],
            "--threshold: the baseline has no column 'agee'",
        ),
        (["check", "b.json", "same.csv", "--p-value", "hellinger=0.1"], "p_values.hellinger: hellinger has no p-value"),
        (["check", "b.json", "same.csv", "--statistics", "numbers=ks"], "--statistics: 'numbers=ks' says nothing"),
        (["check", "b.json", "same.csv", "--share", "quality=much"], "--share: 'quality=much' is no share"),
        (["check", "b.json", "same.csv", "--false-alarms", "1 per 90d"], "false_alarms: the budget is in time"),
        (["baseline", "fit", "train.parquet", "--importance", "age=x", "-o", "x.json"], "--importance: 'age=x' is no"),
        (["baseline", "fit", "train.parquet", "--importance", "no.json", "-o", "x.json"], "no.json: cannot be read"),
        (["baseline", "fit", "train.parquet", "--importance", "same.csv", "-o", "x.json"], "is no JSON object of"),
        (["serve", "--config", "absent.toml"], "absent.toml: there is no such file"),
    ],
)
def test_wrong_use_is_one_line_that_says_what_to_do(folder: Path, arguments: list[str], says: str) -> None:
    done = driftwatch(*arguments, folder=folder)
    assert done.returncode == WRONG_USE
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "x.json").exists()
