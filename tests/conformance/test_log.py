"""What every log promises, held against the Parquet one and the one in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from driftwatch.core.events import Batch
from driftwatch.errors import StoreError
from driftwatch.ports import Log, LogFile, SpoolEntry
from driftwatch.stores.log import ParquetLog
from driftwatch.testing import MemoryLog, as_rows, label_batch, prediction_batch

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = 86_400_000_000


@pytest.fixture(params=["parquet", "memory"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Log:
    factories: dict[str, Callable[[], Log]] = {"parquet": lambda: ParquetLog(tmp_path / "log"), "memory": MemoryLog}
    return factories[request.param]()


def entries(*batches: Batch, first: int = 1) -> list[SpoolEntry]:
    return [
        SpoolEntry(sequence=first + position, received_time=NOW + timedelta(seconds=position), batch=batch)
        for position, batch in enumerate(batches)
    ]


def of_kind(files: Sequence[LogFile], kind: str) -> list[LogFile]:
    return [file for file in files if file.kind == kind]


def predicted(log: Log, files: Sequence[LogFile], start: int | None = None, end: int | None = None) -> list[str]:
    moments = [
        None if at is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at) for at in (start, end)
    ]
    return [one for batch in log.read_predictions(files, *moments) for one in batch.prediction_ids]


def labels(log: Log, files: Sequence[LogFile]) -> list[tuple[str, object]]:
    return [
        pair
        for batch in log.read_labels(files)
        for pair in zip(batch.prediction_ids, batch.labels.to_list(), strict=True)
    ]


def test_no_entries_make_no_files(log: Log) -> None:
    assert log.write([]) == []


def test_predictions_come_back_as_they_were_given(log: Log) -> None:
    batch = prediction_batch(
        ["a", "b", "c"],
        {
            "x": [1.5, None, float("-inf")],
            "country": ["DE", None, "FR"],
            "y": ["no", "yes", None],
            "p": [0.1, 0.9, None],
        },
        model_version="7",
        event_time=[5, 6, 7],
        segment="country=DE",
        extra={"more": ["z", None, "z"], "other": [1.0, None, 3.0]},
        prediction="y",
        scores=("p",),
    )
    (back,) = log.read_predictions(log.write(entries(batch)), None, None)
    assert as_rows(back) == as_rows(batch)
    assert (back.model, back.model_version, back.prediction, back.scores) == ("model", "7", "y", ("p",))
    assert (list(back.columns.columns), list(back.extra.columns)) == (["x", "country", "y", "p"], ["more", "other"])


@pytest.mark.parametrize("given", [[1.0, 2.5], ["yes", "no"]])
def test_labels_come_back_as_they_were_given(log: Log, given: list[float] | list[str]) -> None:
    batch = label_batch(["a", "b"], given, event_time=[5, 6])
    (back,) = log.read_labels(log.write(entries(batch)))
    assert as_rows(back) == as_rows(batch)
    assert back.model == "model"


def test_a_file_says_what_it_holds(log: Log) -> None:
    (file,) = log.write(entries(prediction_batch(["a", "b"], event_time=DAY), first=5))
    assert (file.kind, file.model, file.day) == ("predictions", "model", date(1970, 1, 2))
    assert (file.first_sequence, file.last_sequence, file.rows) == (5, 5, 2)
    assert file.size_bytes > 0


def test_kinds_models_and_days_have_files_of_their_own(log: Log) -> None:
    files = log.write(
        entries(
            prediction_batch(["a", "b"], event_time=[0, DAY], model="one"),
            prediction_batch(["c"], event_time=0, model="two"),
            label_batch(["a"], [1.0], event_time=DAY, model="one"),
        )
    )
    found = sorted((file.kind, file.model, file.day.day, file.rows) for file in files)
    assert found == [
        ("labels", "one", 2, 1),
        ("predictions", "one", 1, 1),
        ("predictions", "one", 2, 1),
        ("predictions", "two", 1, 1),
    ]
    assert len({file.path for file in files}) == 4


def test_every_file_is_named_by_the_sequences_of_all_entries(log: Log) -> None:
    files = log.write(entries(prediction_batch(["a"]), label_batch(["a"], [1.0]), first=7))
    assert {(file.first_sequence, file.last_sequence) for file in files} == {(7, 8)}


def test_writing_the_same_again_gives_the_same_files(log: Log) -> None:
    given = entries(prediction_batch(["a", "b"], event_time=[0, DAY]), label_batch(["a"], [1.0]))
    files = log.write(given)
    assert log.write(given) == files
    assert predicted(log, of_kind(files, "predictions")) == ["a", "b"]


def test_rows_keep_the_order_of_their_acknowledgement(log: Log) -> None:
    files = log.write(entries(prediction_batch(["c", "a"]), prediction_batch(["b"])))
    assert predicted(log, files) == ["c", "a", "b"]


def test_versions_with_other_columns_are_told_apart(log: Log) -> None:
    files = log.write(
        entries(
            prediction_batch(["a"], {"x": [1.0]}, model_version="1"),
            prediction_batch(["b"], {"x": ["low"], "z": [2.0]}, model_version="2"),
        )
    )
    found = {batch.model_version: as_rows(batch) for batch in log.read_predictions(files, None, None)}
    assert found["1"][0]["x"] == 1.0
    assert (found["2"][0]["x"], found["2"][0]["z"]) == ("low", 2.0)


def test_an_extra_feature_is_missing_in_rows_that_did_not_have_it(log: Log) -> None:
    files = log.write(entries(prediction_batch(["a"], extra={"more": [1.0]}), prediction_batch(["b"])))
    rows = [row for batch in log.read_predictions(files, None, None) for row in as_rows(batch)]
    assert [row.get("more") for row in rows] == [1.0, None]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, ["a", "b", "c"]),
        (10, None, ["b", "c"]),
        (None, 20, ["a", "b"]),
        (10, 20, ["b"]),
        (11, 20, []),
        (30, None, []),
    ],
)
def test_reading_takes_the_start_and_leaves_the_end(
    log: Log, start: int | None, end: int | None, expected: list[str]
) -> None:
    files = log.write(entries(prediction_batch(["a", "b", "c"], event_time=[0, 10, 20])))
    assert predicted(log, files, start, end) == expected


def test_only_the_given_files_are_read(log: Log) -> None:
    log.write(entries(prediction_batch(["a"])))
    files = log.write(entries(prediction_batch(["b"]), first=2))
    assert predicted(log, files) == ["b"]


def test_labels_come_oldest_acknowledgement_first_whatever_their_day(log: Log) -> None:
    later = log.write(entries(label_batch(["a"], [4.0], event_time=0), first=4))
    files = log.write(
        entries(
            label_batch(["a"], [1.0], event_time=2 * DAY),
            label_batch(["a"], [2.0], event_time=DAY),
            label_batch(["a"], [3.0], event_time=2 * DAY),
        )
    )
    assert labels(log, [*later, *files]) == [("a", 1.0), ("a", 2.0), ("a", 3.0), ("a", 4.0)]


def test_removed_files_are_gone(log: Log) -> None:
    files = log.write(entries(prediction_batch(["a"])))
    log.remove(files)
    with pytest.raises(StoreError):
        predicted(log, files)


def test_removing_a_file_twice_is_fine(log: Log) -> None:
    files = log.write(entries(prediction_batch(["a"])))
    log.remove(files)
    log.remove(files)


def written(log: Log, *batches: Batch) -> list[LogFile]:
    """A file a batch."""
    return [
        file for position, batch in enumerate(batches, start=1) for file in log.write(entries(batch, first=position))
    ]


def test_files_written_together_have_all_rows_in_their_order(log: Log) -> None:
    files = written(log, prediction_batch(["a", "b"]), prediction_batch(["c"]), prediction_batch(["d"]))
    one = log.write_together([files[2], files[0], files[1]])
    assert (one.first_sequence, one.last_sequence, one.rows) == (1, 3, 4)
    assert one.path == log.name_together(files)
    assert one.path not in {file.path for file in files}
    assert (one.kind, one.model, one.day) == (files[0].kind, files[0].model, files[0].day)
    assert predicted(log, [one]) == ["a", "b", "c", "d"]


def test_labels_written_together_come_oldest_acknowledgement_first(log: Log) -> None:
    files = written(log, label_batch(["a"], [1.0]), label_batch(["a"], [2.0]), label_batch(["a", "b"], [3.0, 4.0]))
    together = log.write_together([files[0], files[2]])
    assert labels(log, [files[1], together]) == [("a", 1.0), ("a", 2.0), ("a", 3.0), ("b", 4.0)]


def test_files_that_are_alike_are_put_together(log: Log) -> None:
    files = written(log, prediction_batch(["a"]), prediction_batch(["b"]), prediction_batch(["c"]))
    assert log.alike(files) == [files]
    assert log.alike([]) == []


def test_hidden_files_can_be_read_by_those_who_have_them_in_a_list(log: Log) -> None:
    files = written(log, prediction_batch(["a"]), prediction_batch(["b"]))
    log.hide(files)
    log.hide(files)
    assert predicted(log, files) == ["a", "b"]
    log.remove(files)
    with pytest.raises(StoreError):
        predicted(log, files)
