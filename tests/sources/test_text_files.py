"""CSV and NDJSON in blocks: the rows and the types of the whole file, wherever a block ends."""

from __future__ import annotations

import json
import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftwatch.sources import text_files
from driftwatch.sources.files import FileBatches, read_table
from driftwatch.sources.text_files import _end_of_lines


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(text_files, "BLOCK_BYTES", 24)
    monkeypatch.setattr(text_files, "LONGEST_QUOTED_BYTES", 96)


READ_NULL = """
import sys
from pathlib import Path
from driftwatch.errors import FileError
from driftwatch.sources.files import read_batches, read_table
for read in (read_table, lambda path: list(read_batches(path))):
    try:
        read(Path(sys.argv[1]))
    except FileError as error:
        print(error.problem)
"""


@pytest.mark.parametrize(
    "content", ["null\n", 'null{"x": 1}\n', " \n \t null\n", '{"x": 1}\nnull\n', '{"x": 1}\n\n  null {"x": 1}\n']
)
def test_a_line_that_is_null_is_refused_and_does_not_end_the_process(tmp_path, content):
    path = tmp_path / "t.ndjson"
    path.write_text(content)
    done = subprocess.run(
        [sys.executable, "-c", READ_NULL, str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    said = "the file cannot be read as ndjson: a line is null, and no object.\n"
    assert (done.returncode, done.stdout) == (0, 2 * said)


CSV_COLUMNS = {
    "whole": ["1"] * 50,
    "late fraction": ["1"] * 49 + ["2.5"],
    "late words": ["1", "02"] * 24 + ["3", "x"],
    "late value": [""] * 49 + ["7"],
    "late text": [""] * 49 + ["x"],
    "nothing": ["NA"] * 50,
    "late truth": [""] * 49 + ["true"],
    "dates": ["2024-01-01"] * 50,
    "dates, then times": ["2024-01-01"] * 49 + ["2024-01-01 10:00:00"],
    "times, then finer ones": ["2024-01-01 10:00:00"] * 49 + ["2024-01-01 10:00:00.25"],
    "times with a zone": ["2024-01-01T10:00:00Z"] * 50,
    "times, then words": ["2024-01-01 10:00:00"] * 49 + ["soon"],
    "line breaks in quotes": ['"a\n, ""b"""', "c"] * 25,
    "huge whole numbers": ["1"] * 49 + ["99999999999999999999"],
}


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("name", CSV_COLUMNS)
def test_csv_in_blocks_is_the_table_of_the_whole_file(tmp_path, name):
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["n,x", *(f"{n},{value}" for n, value in enumerate(CSV_COLUMNS[name]))]) + "\n")
    parts = list(FileBatches(path))
    assert len(parts) > 5
    assert pa.concat_tables(parts).equals(read_table(path))


NDJSON_COLUMNS = {
    "late fraction": [1] * 49 + [2.5],
    "late value": [None] * 49 + [7],
    "late text": [None] * 49 + ["x"],
    "times": ["2024-01-01 10:00:00"] * 50,
    "times, then words": ["2024-01-01 10:00:00"] * 49 + ["soon"],
}


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("name", NDJSON_COLUMNS)
def test_ndjson_in_blocks_is_the_table_of_the_whole_file(tmp_path, name):
    path = tmp_path / "t.ndjson"
    path.write_text("".join(json.dumps({"n": n, "x": value}) + "\n" for n, value in enumerate(NDJSON_COLUMNS[name])))
    assert pa.concat_tables(list(FileBatches(path))).equals(read_table(path))


@pytest.mark.usefixtures("small_blocks")
def test_a_field_that_only_late_rows_have_is_missing_before(tmp_path):
    path = tmp_path / "t.ndjson"
    path.write_text('{"a": 1}\n' * 20 + '{"a": 1, "b": "x"}\n')
    parts = list(FileBatches(path))
    assert all(part.column_names == ["a", "b"] for part in parts)
    assert pa.concat_tables(parts).column("b").to_pylist() == [None] * 20 + ["x"]


@given(st.lists(st.text(alphabet='ab",\n', max_size=5), min_size=1, max_size=8), st.integers(0, 60))
def test_lines_end_where_quotes_are_closed(cells, cut):
    lines = ['"' + cell.replace('"', '""') + '"\n' for cell in cells]
    text = "".join(lines).encode()[:cut]
    ends = [sum(map(len, lines[:count])) for count in range(len(lines) + 1)]
    assert _end_of_lines(text, quoted=True) == max(end for end in ends if end <= len(text))


@pytest.mark.usefixtures("small_blocks")
def test_a_quote_that_is_never_closed_does_not_hold_the_file_in_memory(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x\n" + '5" pipe\n' + "abc\n" * 200)
    blocks = [block for block, _ in text_files._blocks(path, ".csv")]
    assert max(map(len, blocks)) < 200
    assert pa.concat_tables(list(FileBatches(path))).column("x").to_pylist() == ['5" pipe'] + ["abc"] * 200


@settings(max_examples=20)
@given(st.integers(1, 200))
def test_progress_goes_up_to_the_whole_file_each_time(tmp_path_factory, n):
    path = tmp_path_factory.mktemp("files") / "t.csv"
    path.write_text("x\n" + "1\n" * n)
    seen = []
    batches = FileBatches(path, 50, on_progress=lambda times, share: seen.append((times, share)))
    for _ in range(2):
        assert sum(part.num_rows for part in batches) == n
    assert [times for times, share in seen if share == 1.0] == [-1, 0, 1]
    assert seen == sorted(seen)
