"""The log as Parquet: what other readers find, and what a crash leaves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from driftwatch.core.events import Batch
from driftwatch.errors import StoreError, StoreFull
from driftwatch.ports import LogFile, SpoolEntry
from driftwatch.stores import log_tables
from driftwatch.stores.log import ParquetLog
from driftwatch.testing import as_rows, label_batch, prediction_batch

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY = 86_400_000_000

WRITE_AND_DIE = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from driftwatch.ports import SpoolEntry
from driftwatch.stores.log import ParquetLog
from driftwatch.testing import prediction_batch

Path.replace = lambda self, target: os._exit(9)
entry = SpoolEntry(sequence=1, received_time=datetime(2026, 1, 1, tzinfo=UTC), batch=prediction_batch(["a", "b"]))
ParquetLog(Path(sys.argv[1])).write([entry])
"""


@pytest.fixture
def log(tmp_path: Path) -> ParquetLog:
    return ParquetLog(tmp_path)


def entries(*batches: Batch) -> list[SpoolEntry]:
    return [
        SpoolEntry(sequence=sequence, received_time=NOW, batch=batch) for sequence, batch in enumerate(batches, start=1)
    ]


def test_files_lie_where_readers_of_partitions_look(log: ParquetLog) -> None:
    files = log.write(
        entries(prediction_batch(["a"], model="m.1", event_time=DAY), label_batch(["a"], [1.0], model="m.1"))
    )
    parents = sorted(str(Path(file.path).parent) for file in files)
    assert parents == ["labels/model=m.1/date=1970-01-01", "predictions/model=m.1/date=1970-01-02"]
    assert {Path(file.path).name[:25] for file in files} == {"000000000001-000000000002"}


def test_pandas_finds_the_obvious_columns(log: ParquetLog, tmp_path: Path) -> None:
    batch = prediction_batch(
        ["a", "b"],
        {"distance": [1.5, None], "carrier": ["UA", None], "y_pred": ["late", "early"], "p_late": [0.9, 0.2]},
        event_time=[1_000_000, 2_000_000],
        extra={"tail": ["N1", "N2"]},
        prediction="y_pred",
        scores=("p_late",),
    )
    log.write(entries(batch))
    frame = pd.read_parquet(tmp_path / "predictions")
    assert list(frame.columns) == [
        "prediction_id",
        "event_time",
        "received_time",
        "model_version",
        "segment",
        "sequence",
        "distance",
        "carrier",
        "prediction",
        "score",
        "tail",
        "model",
        "date",
    ]
    first = frame.iloc[0]
    assert (first["prediction_id"], first["prediction"], first["score"], first["tail"]) == ("a", "late", 0.9, "N1")
    assert first["event_time"] == pd.Timestamp("1970-01-01T00:00:01Z")
    assert first["received_time"] == pd.Timestamp(NOW)
    assert (first["model_version"], first["sequence"], first["model"]) == ("1", 1, "model")
    assert frame["distance"].isna().tolist() == [False, True]


def test_polars_sees_missing_values_as_null(log: ParquetLog, tmp_path: Path) -> None:
    log.write(entries(prediction_batch(["a", "b", "c"], {"x": [1.0, None, float("inf")], "c": ["u", None, "v"]})))
    frame = pl.read_parquet(tmp_path / "predictions/**/*.parquet")
    assert frame["x"].to_list() == [1.0, None, float("inf")]
    assert frame["c"].cast(pl.String).to_list() == ["u", None, "v"]


def test_labels_have_their_obvious_columns(log: ParquetLog, tmp_path: Path) -> None:
    log.write(entries(label_batch(["a", "b"], [1.5, 2.5], event_time=1_000_000)))
    frame = pd.read_parquet(
        tmp_path / "labels", columns=["prediction_id", "label", "label_time", "received_time", "sequence"]
    )
    assert frame["label"].tolist() == [1.5, 2.5]
    assert frame["label_time"].tolist() == [pd.Timestamp("1970-01-01T00:00:01Z")] * 2
    assert frame["sequence"].tolist() == [1, 1]


def test_several_scores_are_called_by_their_class(log: ParquetLog, tmp_path: Path) -> None:
    batch = prediction_batch(["a"], {"p_no": [0.4], "p_yes": [0.6]}, scores=("p_yes", "p_no"))
    (file,) = log.write(entries(batch))
    row = pd.read_parquet(tmp_path / file.path).iloc[0]
    assert (row["score.p_yes"], row["score.p_no"]) == (0.6, 0.4)


@pytest.mark.parametrize(
    "name", ["prediction", "score", "label", "sequence", "Event_Time", "row", "score.a", "feature.x"]
)
def test_a_feature_with_a_taken_name_is_called_feature_and_its_name(log: ParquetLog, tmp_path: Path, name: str) -> None:
    batch = prediction_batch(["a"], {name: [1.0], "y": [2.0]}, prediction="y")
    (file,) = log.write(entries(batch))
    row = pd.read_parquet(tmp_path / file.path).iloc[0]
    assert (row[f"feature.{name}"], row["prediction"]) == (1.0, 2.0)
    (back,) = log.read_predictions([file], None, None)
    assert as_rows(back) == as_rows(batch)


def test_names_that_differ_in_case_or_role_alone_are_told_apart(log: ParquetLog, tmp_path: Path) -> None:
    batch = prediction_batch(["a"], {"x": [1.0], "X": [2.0]}, extra={"x": [3.0]})
    (file,) = log.write(entries(batch))
    names = pq.read_schema(tmp_path / file.path).names
    assert len({name.casefold() for name in names}) == len(names)
    (back,) = log.read_predictions([file], None, None)
    assert [back.columns[name].to_list() for name in ("x", "X")] == [[1.0], [2.0]]
    assert back.extra["x"].to_list() == [3.0]


def test_a_file_is_written_a_row_group_at_a_time(
    log: ParquetLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_tables, "ROWS_A_GROUP", 2)
    batches = [
        prediction_batch(["a"], {"c": ["DE"]}, extra={"e": [1.5]}),
        prediction_batch(["b", "c"], {"c": ["FR", None]}),
        prediction_batch(["d", "e", "f"], {"c": ["DE", "US", "DE"]}, extra={"e": ["u", "v", None], "late": [1.0] * 3}),
    ]
    (file,) = log.write(entries(*batches))
    groups = pq.ParquetFile(tmp_path / file.path).metadata
    assert [groups.row_group(at).num_rows for at in range(groups.num_row_groups)] == [3, 3]
    back = list(log.read_predictions([file], None, None))
    assert [one for part in back for one in part.prediction_ids] == list("abcdef")
    assert [one for part in back for one in part.columns["c"].to_list()] == ["DE", "FR", None, "DE", "US", "DE"]
    assert [one for part in back for one in part.extra["e"].to_list()] == ["1.5", None, None, "u", "v", None]
    assert [one for part in back for one in part.extra["late"].to_list()] == [None, None, None, 1.0, 1.0, 1.0]
    assert pd.read_parquet(tmp_path / file.path)["sequence"].tolist() == [1, 2, 2, 3, 3, 3]


def test_an_extra_feature_of_two_kinds_becomes_text(log: ParquetLog) -> None:
    files = log.write(
        entries(
            prediction_batch(["a"], extra={"e": [1.5]}),
            prediction_batch(["b"], extra={"e": ["u"]}),
            prediction_batch(["c"]),
        )
    )
    (back,) = log.read_predictions(files, None, None)
    assert back.extra["e"].to_list() == ["1.5", "u", None]


def test_labels_whose_kind_changed_come_as_text_in_order(log: ParquetLog) -> None:
    files = log.write(entries(label_batch(["a"], [1.0]), label_batch(["b"], ["yes"]), label_batch(["c"], [2.0])))
    (back,) = log.read_labels(files)
    assert list(zip(back.prediction_ids, back.labels.to_list(), strict=True)) == [
        ("a", "1.0"),
        ("b", "yes"),
        ("c", "2.0"),
    ]


def test_labels_of_one_entry_keep_their_order_over_two_days(log: ParquetLog) -> None:
    files = log.write(entries(label_batch(["a", "a", "a"], [1.0, 2.0, 3.0], event_time=[DAY, 0, DAY])))
    assert len(files) == 2
    (back,) = log.read_labels(files)
    assert back.labels.to_list() == [1.0, 2.0, 3.0]


def test_the_same_entries_give_the_same_bytes(log: ParquetLog, tmp_path: Path) -> None:
    given = entries(
        prediction_batch(["a"], {"x": [1.0], "c": ["u"]}), prediction_batch(["b"], {"x": [2.0], "c": ["v"]})
    )
    (file,) = log.write(given)
    before = (tmp_path / file.path).read_bytes()
    log.write(given)
    assert (tmp_path / file.path).read_bytes() == before
    assert file.size_bytes == len(before)


def test_a_crash_between_writing_and_renaming_leaves_nothing_to_read(log: ParquetLog, tmp_path: Path) -> None:
    died = subprocess.run([sys.executable, "-c", WRITE_AND_DIE, str(tmp_path)], check=False)
    assert died.returncode == 9
    assert list(tmp_path.rglob("*.parquet")) == []
    assert [path.name[0] for path in tmp_path.rglob("*") if path.is_file()] == ["."]
    files = log.write(entries(prediction_batch(["a", "b"])))
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()] == [files[0].path]
    assert pd.read_parquet(tmp_path / "predictions")["prediction_id"].tolist() == ["a", "b"]


def test_a_full_disk_leaves_nothing_of_the_file(
    log: ParquetLog, tmp_path: Path, full_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    noise = np.random.default_rng(1).normal(size=20_000).tolist()
    given = entries(prediction_batch([f"p{row}" for row in range(20_000)], {"x": noise}))
    with full_disk(50_000), pytest.raises(StoreFull, match="Free some space"):
        log.write(given)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert log.write(given)[0].rows == 20_000


@pytest.mark.parametrize("model", ["..", "../m", "a/b", "", ".m", "m\n", "m" * 129])
def test_a_model_whose_name_is_no_folder_name_is_refused(log: ParquetLog, tmp_path: Path, model: str) -> None:
    with pytest.raises(StoreError, match="no name for a folder"):
        log.write(entries(prediction_batch(["a"], model=model)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", ["../secret.parquet", "/etc/passwd", "a/../../b.parquet", ""])
def test_a_path_out_of_the_folder_is_neither_read_nor_removed(tmp_path: Path, path: str) -> None:
    secret = tmp_path / "secret.parquet"
    secret.write_bytes(b"")
    log = ParquetLog(tmp_path / "log")
    file = LogFile(
        path=path,
        kind="predictions",
        model="m",
        day=date(1970, 1, 1),
        first_sequence=1,
        last_sequence=1,
        rows=1,
        size_bytes=1,
    )
    with pytest.raises(StoreError, match="no file of the log"):
        list(log.read_predictions([file], None, None))
    with pytest.raises(StoreError, match="no file of the log"):
        log.remove([file])
    assert secret.exists()


def test_a_file_that_is_gone_is_an_error_that_says_so(log: ParquetLog, tmp_path: Path) -> None:
    (file,) = log.write(entries(prediction_batch(["a"])))
    (tmp_path / file.path).unlink()
    with pytest.raises(StoreError, match="is gone"):
        list(log.read_predictions([file], None, None))


@pytest.mark.parametrize("keep", [0, 10, 400])
def test_a_file_cut_short_is_an_error_that_says_so(log: ParquetLog, tmp_path: Path, keep: int) -> None:
    (file,) = log.write(entries(prediction_batch(["a"])))
    path = tmp_path / file.path
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(StoreError, match="cannot be read"):
        list(log.read_predictions([file], None, None))


def test_a_parquet_file_of_somebody_else_is_refused(log: ParquetLog, tmp_path: Path) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "other.parquet")
    (file,) = log.write(entries(prediction_batch(["a"])))
    with pytest.raises(StoreError, match="cannot be read"):
        list(log.read_predictions([replace(file, path="other.parquet")], None, None))
