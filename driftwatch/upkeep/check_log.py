"""Checks of the log: every file that counts is there and readable, and nothing else lies about.

A file that does not count is removed only where every row of it stands in files that do: an older state that was
brought back beside a newer log knows less than the log does, and then nothing may go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from driftwatch.stores.snapshot import has_column
from driftwatch.upkeep.diagnosis import Diagnosis, Patient, fine, problem, repaired, some

_UNREADABLE = (OSError, pa.ArrowException)
_NAME = re.compile(r"(\d{12,})-(\d{12,})-\w+\.parquet")


def files_that_count(patient: Patient) -> Iterator[Diagnosis]:
    """Footers and row counts of all files that count."""
    gone, broken, rows = [], [], 0
    files = [one for one in patient.moment.files() if one.name.startswith("log/")]
    for file in files:
        try:
            with pq.ParquetFile(file.path) as opened:
                found = opened.metadata.num_rows
        except FileNotFoundError:
            gone.append(file.name)
        except _UNREADABLE:
            broken.append(file.name)
        else:
            rows += found
            if found != file.rows or file.path.stat().st_size != file.size_bytes:
                broken.append(file.name)
    if gone:
        yield problem("log", f"{len(gone):,} files that count are gone ({some(gone)}): restore a backup")
    if broken:
        yield problem("log", f"{len(broken):,} files are not what the state counts ({some(broken)}): restore a backup")
    if not gone and not broken:
        yield fine("log", f"{len(files):,} files with {rows:,} rows are there and say so themselves")


def files_that_do_not(patient: Patient) -> Iterator[Diagnosis]:
    """What lies about in the log's folder."""
    temporary, left_over, unknown = lying_about(patient)
    if temporary or left_over:
        advice = "the service may be at them" if patient.held_by else "--repair removes them"
        text = f"{len(temporary):,} temporary files and {len(left_over):,} whose rows are elsewhere: {advice}"
        yield fine("log", text) if patient.held_by else problem("log", text)
    if unknown:
        text = f"{len(unknown):,} files hold rows that the state does not count ({some(_names(patient, unknown))})"
        if patient.held_by:
            yield fine("log", f"{text}: the service may be about to count them")
        else:
            yield problem("log", f"{text}: state and log are not of one moment; restore both from one backup")
    if not temporary and not left_over and not unknown:
        yield fine("log", "nothing lies about that does not count")


def remove_what_lies_about(patient: Patient) -> Iterator[Diagnosis]:
    """Remove temporary files, and files whose rows are all in files that count. Nobody may use the folder."""
    temporary, left_over, _ = lying_about(patient)
    for path in (*temporary, *left_over):
        path.unlink()
    if temporary or left_over:
        removed = some(_names(patient, [*temporary, *left_over]))
        yield repaired("log", f"{len(temporary) + len(left_over):,} files that did not count were removed: {removed}")


def lying_about(patient: Patient) -> tuple[list[Path], list[Path], list[Path]]:
    """Temporary files, files whose rows all stand elsewhere or had expired, and files with rows of their own."""
    root = patient.folder / "log"
    counted = {one.path for one in patient.moment.files() if one.name.startswith("log/")}
    known = counted | _retired(patient, root)
    logged, planned = patient.moment.mark("logged"), patient.moment.mark("planned")
    temporary: list[Path] = []
    left_over: list[Path] = []
    unknown: list[Path] = []
    for path in sorted(root.rglob("*")):
        if path.is_dir() or path in known:
            continue
        named = _NAME.fullmatch(path.name)
        if path.name.endswith(".tmp"):
            temporary.append(path)
        elif path.name.startswith(".") and path.name.endswith(".retired"):
            left_over.append(path)
        elif named and logged < int(named[1]) and int(named[2]) <= planned:
            continue  # of a range that is written again when the service starts
        elif _all_rows_are_in(path, [one for one in counted if one.parent == path.parent]):
            left_over.append(path)
        else:
            unknown.append(path)
    return temporary, left_over, unknown


def _retired(patient: Patient, root: Path) -> set[Path]:
    if not has_column(patient.moment.state, "log_file", "retired_at"):
        return set()
    found = patient.moment.state.execute("SELECT path FROM log_file WHERE retired_at IS NOT NULL")
    paths = [root / path for (path,) in found]
    return {*paths, *(path.with_name(f".{path.name}.retired") for path in paths)}


def _all_rows_are_in(path: Path, counted: list[Path]) -> bool:
    try:
        missing = _rows(path)
        for one in counted:
            missing -= _rows(one)
    except (*_UNREADABLE, KeyError):
        return False
    return not missing


def _rows(path: Path) -> set[tuple[int, str]]:
    table = pq.read_table(path, columns=["sequence", "prediction_id"], partitioning=None)
    return set(zip(table["sequence"].to_pylist(), table["prediction_id"].to_pylist(), strict=True))


def _names(patient: Patient, paths: list[Path]) -> list[str]:
    return [path.relative_to(patient.folder).as_posix() for path in paths]
