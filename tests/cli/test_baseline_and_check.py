"""``driftwatch baseline`` and ``driftwatch check``, as their user runs them: a process, files, an exit code."""

import json
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
        (["serve", "--config", "absent.toml"], "absent.toml: there is no such file"),
    ],
)
def test_wrong_use_is_one_line_that_says_what_to_do(folder: Path, arguments: list[str], says: str) -> None:
    done = driftwatch(*arguments, folder=folder)
    assert done.returncode == WRONG_USE
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "x.json").exists()
