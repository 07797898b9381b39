"""Files of the log that become one: what other readers see, and what a crash leaves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from driftwatch.core.events import Batch
from driftwatch.errors import StoreError, StoreFull
from driftwatch.ports import LogFile, SpoolEntry
from driftwatch.stores import log_compaction
from driftwatch.stores.log import ParquetLog
from driftwatch.testing import as_rows, prediction_batch

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def log(tmp_path: Path) -> ParquetLog:
    return ParquetLog(tmp_path)


def written(log: ParquetLog, *batches: Batch) -> list[LogFile]:
    return [
        file
        for sequence, batch in enumerate(batches, start=1)
        for file in log.write([SpoolEntry(sequence=sequence, received_time=NOW, batch=batch)])
    ]


def named(ids: list[str], carriers: list[str | None]) -> Batch:
    return prediction_batch(ids, {"x": [float(len(one)) for one in ids], "carrier": carriers})


def test_other_readers_see_each_row_once_when_the_small_files_are_hidden(log: ParquetLog, tmp_path: Path) -> None:
    files = written(log, named(["a", "b"], ["UA", None]), named(["c"], ["DL"]), named(["d"], ["UA"]))
    log.write_together(files)
    log.hide(files)
    frame = pd.read_parquet(tmp_path / "predictions")
    assert frame["prediction_id"].tolist() == ["a", "b", "c", "d"]
    assert frame["carrier"].astype(object).fillna("").tolist() == ["UA", "", "DL", "UA"]
    assert frame["sequence"].tolist() == [1, 1, 2, 3]


def test_values_and_what_is_said_of_them_come_back(log: ParquetLog) -> None:
    batches = [named(["a", "b"], ["UA", None]), named(["c"], ["DL"])]
    together = log.write_together(written(log, *batches))
    read = list(log.read_predictions([together], None, None))
    assert [row for batch in read for row in as_rows(batch)] == [row for batch in batches for row in as_rows(batch)]


def test_files_with_other_columns_or_extra_features_are_not_alike(log: ParquetLog) -> None:
    files = written(
        log,
        prediction_batch(["a"]),
        prediction_batch(["b"], extra={"tail": ["N1"]}),
        prediction_batch(["c"]),
        prediction_batch(["d"], extra={"tail": [1.0]}),
        prediction_batch(["e"], extra={"tail": ["N2"]}),
        prediction_batch(["f"], model_version="2"),
    )
    alike = [[file.first_sequence for file in part] for part in log.alike(files)]
    assert alike == [[1, 3], [2, 5], [4], [6]]


def test_rows_are_read_and_written_a_group_at_a_time(
    log: ParquetLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_compaction, "ROWS_A_GROUP", 5)
    files = written(log, *(prediction_batch([f"{n}-{row}" for row in range(2)]) for n in range(7)))
    together = log.write_together(files)
    with pq.ParquetFile(tmp_path / together.path) as opened:
        sizes = [opened.metadata.row_group(group).num_rows for group in range(opened.num_row_groups)]
    assert sum(sizes) == 14
    assert max(sizes) <= 5
    batches = list(log.read_predictions([together], None, None))
    assert len(batches) == len(sizes)
    assert [one for batch in batches for one in batch.prediction_ids] == [
        f"{n}-{r}" for n in range(7) for r in range(2)
    ]


def test_a_full_disk_leaves_the_small_files_and_no_new_one(
    log: ParquetLog, tmp_path: Path, full_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    rng = np.random.default_rng(1)
    batches = [prediction_batch([f"{n}-{row}" for row in range(500)], {"x": rng.normal(size=500)}) for n in range(8)]
    files = written(log, *batches)
    with full_disk(max(file.size_bytes for file in files) + 1_000), pytest.raises(StoreFull):
        log.write_together(files)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == sorted(
        Path(file.path).name for file in files
    )


def test_a_damaged_file_is_named(log: ParquetLog, tmp_path: Path) -> None:
    files = written(log, prediction_batch(["a"]), prediction_batch(["b"]))
    (tmp_path / files[1].path).write_bytes(b"no parquet")
    with pytest.raises(StoreError, match="000000000002-000000000002"):
        log.alike(files)


def test_a_day_s_folder_goes_with_its_last_file(log: ParquetLog, tmp_path: Path) -> None:
    files = written(log, prediction_batch(["a"]), prediction_batch(["b"]))
    temporary = (tmp_path / files[0].path).with_name(f".{Path(files[0].path).name}.tmp")
    temporary.write_bytes(b"of a process that was killed")
    log.remove(files[:1])
    assert (tmp_path / files[1].path).exists()
    assert not temporary.exists()
    log.remove(files[1:])
    assert not (tmp_path / files[1].path).parent.exists()
