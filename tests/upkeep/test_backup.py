"""A copy of a data folder is whole, of one moment, and brings everything back."""

from __future__ import annotations

import json
import sqlite3
import stat
import tarfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from driftwatch.bootstrap import build_service
from driftwatch.cli.app import app
from driftwatch.errors import FileError, StoreError
from driftwatch.ports import HalfKind, LoggedHalf
from driftwatch.settings import load_settings
from driftwatch.stores.inbox import SqliteInbox
from driftwatch.stores.snapshot import snapshot
from driftwatch.upkeep import backup as backup_module
from driftwatch.upkeep.backup import MANIFEST, back_up, restore

EXPECTED = sorted(f"{part}-{row}" for part in range(3) for row in range(4))


def exported(data: Path) -> list[str]:
    with closing(build_service(load_settings(data=data, disk_reserve_bytes=0))) as service:
        parts = list(service.operations.export("m"))
    return sorted(one for part in parts for one in part.predictions.prediction_ids)


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_what_was_backed_up_comes_back(data: Path, tmp_path: Path, name: str, add_to: Callable[..., None]) -> None:
    made = back_up(data, tmp_path / name)
    add_to(data, first=100)
    brought = restore(tmp_path / name, tmp_path / "new")
    assert brought == made
    assert exported(tmp_path / "new") == EXPECTED
    assert (made.applied, made.last_sequence) == (2, 4)
    # Ids that the copy knows are known to what is brought back.
    add_to(tmp_path / "new")
    assert exported(tmp_path / "new") == EXPECTED


def test_a_copy_holds_of_a_file_that_grows_what_counted_then(data: Path, tmp_path: Path) -> None:
    with snapshot(data) as moment:
        (growing,) = (one for one in moment.files() if one.grows)
    with growing.path.open("ab") as file:
        file.write(b"of a commit that is under way")
    back_up(data, tmp_path / "copy")
    assert (tmp_path / "copy" / growing.name).read_bytes() == growing.path.read_bytes()[: growing.size_bytes]
    assert exported(tmp_path / "copy") == EXPECTED


def test_a_file_that_lacks_what_counts_is_not_copied(data: Path, tmp_path: Path) -> None:
    with snapshot(data) as moment:
        (growing,) = (one for one in moment.files() if one.grows)
    growing.path.write_bytes(growing.path.read_bytes()[:-1])
    with pytest.raises(StoreError, match="lacks 1 bytes"):
        back_up(data, tmp_path / "copy")


def test_a_copy_is_for_its_owner_alone(data: Path, tmp_path: Path) -> None:
    back_up(data, tmp_path / "copy")
    back_up(data, tmp_path / "copy.tar")
    restore(tmp_path / "copy.tar", tmp_path / "new")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("copy", "copy.tar", "new")]
    assert modes == [0o700, 0o600, 0o700]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "copy.tar", "data", "new"]


def test_both_databases_are_of_one_moment(data: Path, add_to: Callable[..., None]) -> None:
    with snapshot(data) as moment:
        before = (moment.last_sequence(), moment.mark("logged"))
        add_to(data, first=100)
        assert (moment.last_sequence(), moment.mark("logged")) == before
        entries = moment.spool.execute("SELECT min(sequence), max(sequence), count(*) FROM entry").fetchone()
    last, logged = before
    assert entries == (logged + 1, last, last - logged)


def test_the_state_waits_for_nobody_while_it_is_copied(data: Path) -> None:
    with snapshot(data), closing(sqlite3.connect(data / "state.db", timeout=0.1, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")


@pytest.mark.parametrize("change", ["alter", "cut", "remove", "add"])
def test_a_damaged_copy_is_refused_and_leaves_no_folder(data: Path, tmp_path: Path, change: str) -> None:
    back_up(data, tmp_path / "copy")
    (file, *_) = sorted((tmp_path / "copy").rglob("*.parquet"))
    content = file.read_bytes()
    file.unlink()
    if change == "alter":
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif change == "cut":
        file.write_bytes(content[:-1])
    elif change == "add":
        file.write_bytes(content)
        (tmp_path / "copy" / "more").write_text("")
    with pytest.raises(FileError, match="is damaged"):
        restore(tmp_path / "copy", tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "data"]


def test_a_file_that_is_replaced_meanwhile_makes_the_copy_begin_again(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = backup_module.sum_of, []

    def gone_at_first(path: Path) -> backup_module.FileSum:
        calls.append(path)
        if len(calls) == 2:
            raise FileNotFoundError(path)
        return real(path)

    monkeypatch.setattr(backup_module, "sum_of", gone_at_first)
    back_up(data, tmp_path / "copy.tar")
    with tarfile.open(tmp_path / "copy.tar") as archive:
        names = archive.getnames()
    assert len(names) == len(set(names)) == len(calls) - 2 + 1


def test_a_file_that_is_gone_for_good_is_said(data: Path, tmp_path: Path) -> None:
    next((data / "log").rglob("*.parquet")).unlink()
    with pytest.raises(StoreError, match="driftwatch doctor"):
        back_up(data, tmp_path / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_a_path_that_leads_out_of_the_folder_is_refused(data: Path, tmp_path: Path) -> None:
    back_up(data, tmp_path / "copy")
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        archive.add(tmp_path / "copy" / MANIFEST, arcname="../outside")
    with pytest.raises(FileError, match="is no backup"):
        restore(tmp_path / "evil.tar", tmp_path / "new")
    assert not (tmp_path / "outside").exists()


def test_a_copy_of_a_later_driftwatch_is_refused(data: Path, tmp_path: Path) -> None:
    back_up(data, tmp_path / "copy")
    manifest = tmp_path / "copy" / MANIFEST
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": 99}))
    with pytest.raises(FileError, match="later driftwatch"):
        restore(tmp_path / "copy", tmp_path / "new")


def test_the_commands_say_what_they_did_and_refuse_what_cannot_work(data: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    done = run(app, ["backup", str(tmp_path / "copy.tar"), "--data", str(data)])
    assert done.exit_code == 0
    assert "everything that was acknowledged until 20" in done.output
    assert isinstance(run(app, ["backup", str(tmp_path / "copy.tar"), "--data", str(data)]).exception, FileError)
    assert isinstance(run(app, ["backup", str(tmp_path / "x"), "--data", str(tmp_path)]).exception, FileError)
    assert isinstance(run(app, ["restore", str(tmp_path / "copy.tar"), "--data", str(data)]).exception, FileError)
    assert isinstance(run(app, ["restore", str(data), "--data", str(tmp_path / "new")]).exception, FileError)
    absent = run(app, ["restore", str(tmp_path / "absent"), "--data", str(tmp_path / "new")])
    assert "there is no such backup" in str(absent.exception)
    done = run(app, ["restore", str(tmp_path / "copy.tar"), "--data", str(tmp_path / "new")])
    assert done.exit_code == 0
    assert f"driftwatch serve --data {tmp_path / 'new'}" in done.output.replace("\n", "")


def test_halves_of_exchanges_that_wait_are_backed_up_too(data: Path, tmp_path: Path) -> None:
    half = LoggedHalf(
        key=b"k", kind=HalfKind.REQUEST, model="m", model_version="", prediction_id="e", event_time=datetime.now(UTC),
        content_type="application/json", protocol="", body=b'{"instances": [[1]]}',
    )  # fmt: skip
    with closing(SqliteInbox(data / "inbox.db")) as inbox:
        inbox.append([half], datetime.now(UTC)).result(10)
        assert "inbox.db" in back_up(data, tmp_path / "copy").files
    restore(tmp_path / "copy", tmp_path / "new")
    response = replace(half, kind=HalfKind.RESPONSE, body=b'{"predictions": [0.5]}')
    with closing(SqliteInbox(tmp_path / "new" / "inbox.db")) as inbox:
        inbox.append([response], datetime.now(UTC)).result(10)
        assert inbox.whole(10) == [(half, response)]


def test_a_folder_of_a_driftwatch_that_had_no_inbox_is_backed_up(data: Path, tmp_path: Path) -> None:
    for file in data.glob("inbox.db*"):
        file.unlink()
    back_up(data, tmp_path / "copy")
    restore(tmp_path / "copy", tmp_path / "new")
    assert exported(tmp_path / "new") == EXPECTED
