from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from driftwatch.cli.events_file import Part, count_rows, read_parts
from driftwatch.core.records import Task
from driftwatch.core.schema import Schema
from driftwatch.errors import FileError

PLAIN = Schema(task=Task.REGRESSION, columns=(), label="y", prediction="guess", timestamp="ts")
MULTICLASS = Schema(task=Task.MULTICLASS, columns=(), scores=("p_a", "p_b", "p_3"), classes=("a", "b", "3"))


def read(
    frame: pd.DataFrame, folder: Path, schema: Schema = PLAIN, *, by_time: bool = False, rows: int = 10
) -> list[Part]:
    path = folder / "events.parquet"
    frame.to_parquet(path, index=False)
    return list(read_parts(path, schema, rows=rows, by_time=by_time))


def test_all_columns_that_are_not_reserved_are_features(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"guess": [1.5], "y": [2.0], "ts": [pd.Timestamp("2013-04-01T08:00")], "x": [3], "when": [pd.Timestamp(0)]}
    )
    (part,) = read(frame, tmp_path)
    (prediction,) = part.predictions
    assert prediction.time == datetime(2013, 4, 1, 8, tzinfo=UTC)
    assert prediction.event["features"] == {"x": 3, "when": "1970-01-01T00:00:00"}
    assert prediction.event["prediction"] == 1.5
    assert "score" not in prediction.event


def test_the_usual_name_goes_before_the_references(tmp_path: Path) -> None:
    (part,) = read(pd.DataFrame({"prediction": [1.0], "guess": [2.0], "label": [3.0], "y": [4.0]}), tmp_path)
    assert part.predictions[0].event["prediction"] == 1.0
    assert part.predictions[0].event["features"] == {"guess": 2.0, "y": 4.0}
    assert part.labels[0].event["label"] == 3.0


def test_a_label_without_a_time_of_its_own_was_known_with_its_prediction(tmp_path: Path) -> None:
    frame = pd.DataFrame({"guess": [1.0, 2.0], "y": [1.0, None], "ts": pd.to_datetime(["2013-04-01", "2013-04-02"])})
    (part,) = read(frame, tmp_path)
    (label,) = part.labels
    assert label.time == datetime(2013, 4, 1, tzinfo=UTC)
    assert label.event == {
        "prediction_id": part.predictions[0].event["prediction_id"],
        "label": 1.0,
        "event_time": "2013-04-01T00:00:00.000000Z",
    }


def test_probabilities_by_class_are_one_score(tmp_path: Path) -> None:
    frame = pd.DataFrame({"prediction": ["a"], "p_a": [0.5], "p_b": [0.3], "p_3": [0.2]})
    (part,) = read(frame, tmp_path, MULTICLASS)
    assert part.predictions[0].event["score"] == {"a": 0.5, "b": 0.3, "3": 0.2}
    assert part.predictions[0].event["features"] == {}


def test_without_all_probabilities_there_is_no_score(tmp_path: Path) -> None:
    (part,) = read(pd.DataFrame({"prediction": ["a"], "p_a": [0.5]}), tmp_path, MULTICLASS)
    assert "score" not in part.predictions[0].event
    assert part.predictions[0].event["features"] == {"p_a": 0.5}


def test_ids_depend_on_the_content_and_the_row_and_on_nothing_else(tmp_path: Path) -> None:
    frame = pd.DataFrame({"guess": [1.0, 1.0, 1.0]})

    def ids(parts: list[Part]) -> list[str]:
        return [one.event["prediction_id"] for part in parts for one in part.predictions]

    first = ids(read(frame, tmp_path))
    (tmp_path / "elsewhere").mkdir()
    assert ids(read(frame, tmp_path / "elsewhere", rows=2)) == first
    assert len(set(first)) == 3
    assert {uuid.UUID(one).version for one in first} == {5}
    assert set(ids(read(frame + 1, tmp_path))).isdisjoint(first)


def test_a_row_without_its_id_gets_one_that_its_label_shares(tmp_path: Path) -> None:
    frame = pd.DataFrame({"prediction_id": [7.0, None], "guess": [1.0, 2.0], "y": [1.0, 2.0], "segment": ["DE", None]})
    (part,) = read(frame, tmp_path)
    first, second = part.predictions
    assert first.event["prediction_id"] == "7"
    assert uuid.UUID(second.event["prediction_id"]).version == 5
    assert [one.event["prediction_id"] for one in part.labels] == ["7", second.event["prediction_id"]]
    assert first.event["segment"] == "DE"
    assert "segment" not in second.event


def test_by_time_keeps_rows_of_the_same_time_in_order_and_their_ids(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"guess": [0.0, 1.0, 2.0, 3.0], "ts": pd.to_datetime(["2013-04-02", "2013-04-01", None, "2013-04-01"])}
    )
    in_file = {one.row: one.event for part in read(frame, tmp_path) for one in part.predictions}
    sorted_rows = [one for part in read(frame, tmp_path, by_time=True, rows=3) for one in part.predictions]
    assert [one.row for one in sorted_rows] == [2, 1, 3, 0]
    assert all(one.event == in_file[one.row] for one in sorted_rows)


def test_a_time_that_is_none_is_left_for_the_service_to_refuse(tmp_path: Path) -> None:
    (part,) = read(pd.DataFrame({"guess": [1.0], "ts": ["yesterday"]}), tmp_path)
    assert part.predictions[0].time is None
    assert part.predictions[0].event["event_time"] == "yesterday"


@pytest.mark.parametrize("columns", [["x"], ["y"], ["prediction_id"]])
def test_a_file_with_nothing_to_send_is_an_error(tmp_path: Path, columns: list[str]) -> None:
    with pytest.raises(FileError, match="has no column prediction or guess"):
        read(pd.DataFrame({name: [1.0] for name in columns}), tmp_path)


def test_the_number_of_rows_is_known_where_the_file_says_it(tmp_path: Path) -> None:
    pd.DataFrame({"x": range(5)}).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_text("no parquet")
    assert count_rows(tmp_path / "a.parquet") == 5
    assert count_rows(tmp_path / "b.parquet") is None
    assert count_rows(tmp_path / "c.csv") is None
