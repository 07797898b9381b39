import io
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from driftwatch.core.events import PredictionBatch
from driftwatch.core.table import Names, Numbers, Table, Values
from driftwatch.wire.parquet import write_rows

NO_TIME = np.iinfo(np.int64).min
MARCH = int(datetime(2013, 3, 1, tzinfo=UTC).timestamp() * 1e6)


@dataclass(frozen=True)
class Part:
    predictions: PredictionBatch
    labels: Values
    label_time: NDArray[np.int64]


def numbers(*values: float) -> Numbers:
    return Numbers(np.array(values, dtype=np.float64))


def part(model_version: str = "1", extra: dict[str, Values] | None = None, **columns: Values) -> Part:
    columns = columns or {"age": numbers(41, np.nan), "carrier": Names.of(["AA", None])}
    batch = PredictionBatch(
        model="flights",
        model_version=model_version,
        prediction_ids=(f"{model_version}-a", f"{model_version}-b"),
        event_time=np.array([MARCH, MARCH + 1], dtype=np.int64),
        segments=("DE", ""),
        columns=Table({**columns, "y_pred": numbers(1.5, 2.5)}, 2),
        extra=Table(extra or {}, 2),
        prediction="y_pred",
    )
    return Part(batch, numbers(12.0, np.nan), np.array([MARCH + 7, NO_TIME]))


def written(*parts: Part) -> pd.DataFrame:
    file = io.BytesIO()
    assert write_rows(parts, file) == sum(len(one.predictions) for one in parts)
    return pd.read_parquet(io.BytesIO(file.getvalue()))


def test_columns_have_the_names_of_an_events_file_and_missing_is_null() -> None:
    frame = written(part())
    assert list(frame) == [
        "prediction_id", "event_time", "model_version", "segment", "age", "carrier", "prediction", "label", "label_time"
    ]  # fmt: skip
    assert frame["prediction_id"].tolist() == ["1-a", "1-b"]
    assert frame["event_time"].tolist() == [
        pd.Timestamp("2013-03-01", tz="UTC"),
        pd.Timestamp(MARCH + 1, unit="us", tz="UTC"),
    ]
    assert frame["age"].tolist()[0] == 41
    assert frame[["segment", "age", "carrier", "label", "label_time"]].iloc[1].isna().all()
    assert frame.iloc[0][["segment", "carrier", "prediction", "label"]].tolist() == ["DE", "AA", 1.5, 12.0]


def test_polars_reads_the_same_rows() -> None:
    file = io.BytesIO()
    write_rows([part()], file)
    assert pl.read_parquet(io.BytesIO(file.getvalue()))["carrier"].to_list() == ["AA", None]


def test_parts_of_other_columns_are_filled_with_null() -> None:
    frame = written(part("1"), part("2", age=numbers(1, 2), height=numbers(3, 4)))
    assert frame["height"].isna().tolist() == [True, True, False, False]
    assert frame["carrier"].isna().tolist() == [False, True, True, True]
    assert list(frame)[-3:] == ["prediction", "label", "label_time"]


def test_a_column_of_numbers_here_and_names_there_becomes_names() -> None:
    frame = written(part("1", code=numbers(7, np.nan)), part("2", code=Names.of(["x", "y"])))
    assert frame["code"].isna().tolist() == [False, True, False, False]
    assert frame["code"].dropna().tolist() == ["7", "x", "y"]


def test_a_feature_that_is_called_like_a_column_of_ours_is_set_apart() -> None:
    frame = written(part(label=numbers(8, 9), segment=Names.of(["a", "b"])))
    assert frame["feature_label"].tolist() == [8, 9]
    assert frame["feature_segment"].tolist() == ["a", "b"]
    assert frame["label"].tolist()[0] == 12.0


def test_one_score_is_called_score_and_several_keep_their_names() -> None:
    one = part(p=numbers(0.1, 0.2))
    one = replace(one, predictions=replace(one.predictions, scores=("p",)))
    assert written(one)["score"].tolist() == [0.1, 0.2]
    several = part(p_a=numbers(0.1, 0.2), p_b=numbers(0.9, 0.8))
    several = replace(several, predictions=replace(several.predictions, scores=("p_a", "p_b")))
    assert written(several)["p_b"].tolist() == [0.9, 0.8]


def test_features_that_the_schema_does_not_know_are_written_too() -> None:
    assert written(part(extra={"note": Names.of(["x", None])}))["note"].tolist()[0] == "x"


def test_no_rows_give_a_file_that_can_be_read() -> None:
    assert len(written()) == 0


def test_nothing_is_left_in_the_scratch_folder(tmp_path: Path) -> None:
    with (tmp_path / "rows.parquet").open("wb") as file:
        write_rows([part(), part("2")], file, scratch=tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["rows.parquet"]
    assert pq.read_table(tmp_path / "rows.parquet").num_rows == 4


def test_what_the_parts_raise_is_raised() -> None:
    def broken() -> object:
        yield part()
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        write_rows(broken(), io.BytesIO())
