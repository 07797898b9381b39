"""Quality in ``baseline fit --evaluation``, ``baseline show`` and ``check``: measured where rows have labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from typer.testing import CliRunner

from driftwatch.cli.app import app
from driftwatch.errors import InputError


def rows(n: int, seed: int, noise: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    score = 1.0 / (1.0 + np.exp(-2.0 * x))
    label = (x + rng.normal(0.0, noise, n) > 0.0).astype(int)
    return pd.DataFrame({"x": x, "y": label, "said": (score > 0.5).astype(int), "score": score})


def run(*arguments: object):
    return CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)


HELD_OUT, LIVE = rows(2_000, 2), rows(1_500, 3, noise=1.2)
OPTIONS = ("--label", "y", "--prediction", "said", "--score", "score", "--task", "binary")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("files")
    rows(3_000, 1, noise=0.1).to_parquet(made / "train.parquet")
    HELD_OUT.to_parquet(made / "held_out.parquet")
    HELD_OUT.drop(columns="score").to_parquet(made / "unscored.parquet")
    some = LIVE.astype({"y": float})
    some.loc[some.index % 3 == 0, "y"] = np.nan
    some.to_parquet(made / "live.parquet")
    fitted = ("--evaluation", made / "held_out.parquet", *OPTIONS, "-o", made / "b.json")
    assert run("baseline", "fit", made / "train.parquet", *fitted).exit_code == 0
    return made


def test_the_references_quality_is_that_of_the_held_out_rows_with_their_scores(folder: Path) -> None:
    shown = run("baseline", "show", folder / "b.json").output
    auc = metrics.roc_auc_score(HELD_OUT["y"], HELD_OUT["score"])
    line = next(line for line in shown.splitlines() if line.startswith("roc_auc"))
    assert "on 2,000 held-out rows" in line
    assert float(line.split()[1]) == pytest.approx(auc, abs=1e-3)
    assert "quality was measured on the reference rows" not in shown


def test_without_held_out_rows_a_notice_warns_that_the_model_looks_better_than_it_is(folder: Path) -> None:
    fitted = run("baseline", "fit", folder / "train.parquet", *OPTIONS, "-o", folder / "train.json")
    assert "quality was measured on the reference rows" in fitted.output
    assert "the reference's own rows" in run("baseline", "show", folder / "train.json").output
    warning = "measured on the rows that the baseline was fitted on"
    assert warning in " ".join(run("check", folder / "train.json", folder / "live.parquet").stdout.split())
    assert warning not in " ".join(run("check", folder / "b.json", folder / "live.parquet").stdout.split())


def test_held_out_rows_may_have_no_scores(folder: Path) -> None:
    given = ("--evaluation", folder / "unscored.parquet", *OPTIONS, "-o", folder / "unscored.json")
    assert run("baseline", "fit", folder / "train.parquet", *given).exit_code == 0
    shown = run("baseline", "show", folder / "unscored.json").output
    assert "accuracy" in shown
    assert "roc_auc" not in shown


def test_check_writes_every_measure_with_its_interval_labels_and_coverage(folder: Path) -> None:
    report = json.loads(run("check", folder / "b.json", folder / "live.parquet", "--format", "json").stdout)
    quality, known = report["quality"], LIVE[LIVE.index % 3 != 0]
    assert (quality["labels"], quality["reference_source"]) == (1_000, "held_out")
    assert quality["label_coverage_ratio"] == pytest.approx(2 / 3)
    for name, expected in (
        ("roc_auc", metrics.roc_auc_score(known["y"], known["score"])),
        ("log_loss", metrics.log_loss(known["y"], known["score"])),
        ("f1", metrics.f1_score(known["y"], known["said"])),
    ):
        found = quality["measures"][name]
        assert found["value"] == pytest.approx(expected, abs=found["error_bound"] + 1e-12)
        assert found["interval"][0] < found["value"] < found["interval"][1]
        assert found["labels"] == 1_000
    assert quality["measures"]["roc_auc"]["reference"] == pytest.approx(
        metrics.roc_auc_score(HELD_OUT["y"], HELD_OUT["score"]), abs=1e-3
    )
    assert quality["confusion"]["classes"] == ["0", "1"]
    matrix = np.array(quality["confusion"]["counts"])
    assert (matrix[:2, :2] == metrics.confusion_matrix(known["y"], known["said"])).all()
    assert matrix.sum() == 1_000


def test_check_prints_the_usual_measures_beside_the_references(folder: Path) -> None:
    shown = run("check", folder / "b.json", folder / "live.parquet").stdout
    lines = {line.split()[0]: line for line in shown.splitlines() if line.strip()}
    assert "1,000 of 1,500 live rows are labelled" in shown
    assert " to " in lines["roc_auc"]
    assert "macro_precision" not in lines


def test_a_positive_class_and_values_of_predictions_are_said_when_the_baseline_is_fitted(folder: Path) -> None:
    (folder / "values.json").write_text('{"1": {"0": -20}}')
    options = [one for one in OPTIONS if one not in ("--score", "score")]
    said = ("--positive", "0", "--value", folder / "values.json", "--value", "0:1=-4")
    fitted = ("--evaluation", folder / "held_out.parquet", *options, *said, "-o", folder / "v.json")
    assert run("baseline", "fit", folder / "train.parquet", *fitted).exit_code == 0
    lines = {
        line.split()[0]: line.split()[1] for line in run("baseline", "show", folder / "v.json").output.splitlines()
    }
    missed, blamed = (
        np.mean((HELD_OUT["y"] == label) & (HELD_OUT["said"] == said)) for label, said in ((1, 0), (0, 1))
    )
    assert float(lines["business_value"]) == pytest.approx(-20 * missed - 4 * blamed, rel=1e-3)
    recall = metrics.recall_score(HELD_OUT["y"], HELD_OUT["said"], pos_label=0)
    assert float(lines["recall"]) == pytest.approx(recall, rel=1e-3)
    assert "business" in run("check", folder / "v.json", folder / "live.parquet").stdout


@pytest.mark.parametrize("value", ["1:0=much", "1=5", "absent.json"])
def test_values_that_cannot_be_read_say_how_to_write_them(folder: Path, value: str) -> None:
    with pytest.raises(InputError, match="fraud:fine=-500"):
        run("baseline", "fit", folder / "train.parquet", *OPTIONS, "--value", value, "-o", folder / "v.json")


def test_rows_without_labels_have_no_realized_quality(folder: Path) -> None:
    LIVE.drop(columns="y").to_parquet(folder / "bare.parquet")
    report = json.loads(run("check", folder / "b.json", folder / "bare.parquet", "--format", "json").stdout)
    assert report["quality"] == {}
    shown = run("check", folder / "b.json", folder / "bare.parquet").stdout
    # What is estimated without labels is said to be an estimate.
    assert "live rows are labelled" not in shown
