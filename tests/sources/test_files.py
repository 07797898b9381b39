"""Tables from files, and what is said of files that are none."""

from __future__ import annotations

import gzip
import subprocess
import sys

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, ipc

from driftwatch.errors import FileError
from driftwatch.sources.files import EXTENSIONS, read_batches, read_table

FRAME = pd.DataFrame({"x": [1.5, None, 3.0], "n": [1, 2, 3], "c": ["a", None, "b"], "ok": [True, False, True]})
TABLE = pa.Table.from_pandas(FRAME, preserve_index=False)


def write_stream(table, path):
    with ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table)


def write_arrow(table, path):
    with ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)


WRITERS = {
    "t.csv": lambda path: FRAME.to_csv(path, index=False),
    "T.CSV": lambda path: FRAME.to_csv(path, index=False),
    "t.parquet": lambda path: FRAME.to_parquet(path, index=False),
    "t.arrow": lambda path: write_arrow(TABLE, str(path)),
    "stream.arrow": lambda path: write_stream(TABLE, str(path)),
    "t.feather": lambda path: feather.write_feather(TABLE, str(path)),
    "v1.feather": lambda path: feather.write_feather(TABLE.drop_columns(["ok"]), str(path), version=1),
    "t.ndjson": lambda path: FRAME.to_json(path, orient="records", lines=True),
    "t.jsonl": lambda path: FRAME.to_json(path, orient="records", lines=True),
}


@pytest.mark.filterwarnings("ignore:.*[Ff]eather.*")
@pytest.mark.parametrize("name", WRITERS)
def test_every_extension_gives_the_same_rows(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](path)
    expected = TABLE if name != "v1.feather" else TABLE.drop_columns(["ok"])
    assert read_table(path).to_pylist() == expected.to_pylist()
    assert read_table(str(path)).column_names == expected.column_names


def test_every_extension_is_tried():
    assert {"." + name.lower().rpartition(".")[2] for name in WRITERS} == set(EXTENSIONS)


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "v1.feather"])
def test_batches_hold_the_rows_in_order_and_no_more_than_asked(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](path)
    batches = list(read_batches(path, 2))
    assert [batch.num_rows for batch in batches] == [2, 1]
    assert pa.concat_tables(batches).to_pylist() == TABLE.to_pylist()


def test_times_and_words_for_missing_are_recognised_in_csv(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("ts,x,c\n2024-01-01 10:00:00,NA,\n2024-01-01T11:00:00Z,2,NULL\n")
    table = read_table(path)
    assert str(table.column("x").type) == "int64"
    assert table.column("x").to_pylist() == [None, 2]
    assert table.column("c").to_pylist() == [None, None]


def test_a_column_that_turns_to_words_late_is_text_from_its_first_row_on(tmp_path):
    path = tmp_path / "t.csv"
    rows = [str(number) for number in range(400_000)]
    path.write_text("\n".join(["x", *rows, "late"]) + "\n")
    assert read_table(path).column("x")[-1].as_py() == "late"
    parts = list(read_batches(path))
    assert len(parts) > 1
    assert {str(part.column("x").type) for part in parts} == {"string"}
    assert pa.concat_tables(parts).column("x").to_pylist() == [*rows, "late"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("absent.csv", None, "there is no such file"),
        ("t.xlsx", b"x", r"extension '\.xlsx' cannot be read"),
        ("t", b"x", r"extension '\(none\)' cannot be read"),
        ("empty.csv", b"", "the file is empty"),
        ("empty.parquet", b"", "the file is empty"),
        ("header.csv", b"x,y\n", "no rows"),
        ("ragged.csv", b"x,y\n1,2\n1,2,3\n", "cannot be read as csv"),
        ("wide.csv", b"x" + b",y" * 500 + b"\n1\n", "cannot be read as csv"),
        ("t.parquet", b"not parquet at all", "cannot be read as parquet"),
        ("t.arrow", b"not arrow at all", "cannot be read as arrow"),
        ("short.arrow", b"ARROW1", "cannot be read as arrow"),
        ("t.feather", b"FEA1 but nothing more", "cannot be read as feather"),
        ("t.ndjson", b'{"x": 1}\n{"x": ', "cannot be read as ndjson"),
        ("t.jsonl", b"plain words", "cannot be read as jsonl"),
        ("blank.ndjson", b"\n\n", "no rows|cannot be read"),
    ],
)
@pytest.mark.parametrize("read", [read_table, lambda path: list(read_batches(path))], ids=["whole", "batches"])
def test_files_that_cannot_be_read_are_refused_with_a_remedy(tmp_path, name, content, words, read):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileError, match=words) as caught:
        read(path)
    assert caught.value.field == str(path)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)
    assert len(caught.value.problem) < 240


def test_a_file_cut_short_is_refused(tmp_path):
    whole = tmp_path / "t.parquet"
    FRAME.to_parquet(whole, index=False)
    short = tmp_path / "short.parquet"
    short.write_bytes(whole.read_bytes()[:-20])
    with pytest.raises(FileError, match="cannot be read as parquet"):
        read_table(short)


def test_a_folder_is_no_file(tmp_path):
    folder = tmp_path / "t.csv"
    folder.mkdir()
    with pytest.raises(FileError, match="no file"):
        read_table(folder)


def test_a_compressed_file_is_refused_by_its_extension(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"x\n1\n"))
    with pytest.raises(FileError, match="gz"):
        read_table(path)


def test_importing_it_loads_no_pyarrow():
    code = "import sys, driftwatch.sources.files; print('pyarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
