"""The doctor finds what is wrong with a data folder, and repairs what is safe to repair."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine
from typer.testing import CliRunner

from driftwatch.bootstrap import build_service
from driftwatch.cli.app import app
from driftwatch.errors import FileError, StoreError, StoreInUse
from driftwatch.settings import load_settings
from driftwatch.stores.folder import DataFolder
from driftwatch.stores.state import _migrations
from driftwatch.upkeep.contradictions import contradictions
from driftwatch.upkeep.diagnosis import Condition
from driftwatch.upkeep.doctor import examine


def found(data: Path, condition: Condition = Condition.PROBLEM, **options: object) -> dict[str, str]:
    return {one.part: one.text for one in examine(data, **options) if one.condition is condition}


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for one in statements:
            connection.execute(one)


def log_files(data: Path) -> list[Path]:
    return sorted((data / "log" / "predictions").rglob("*.parquet"))


def test_a_folder_that_is_well_has_no_problem(data: Path) -> None:
    assert found(data) == {}
    fine = found(data, Condition.FINE)
    assert "holds 5 rows that are not in the log yet" in fine["spool.db"]
    assert fine["lag"].startswith("5 rows are not yet counted")
    assert fine["folder"].endswith("used by nobody")
    assert {"versions", "sizes", "disk", "clock", "settings", "state.db", "spool.db.ids", "outbox", "log"} <= set(fine)


def test_beside_a_running_service_it_only_looks_and_says_who_holds_the_folder(data: Path) -> None:
    temporary = log_files(data)[0].with_name(".x.parquet.tmp")
    temporary.write_bytes(b"")
    with DataFolder(data):
        assert found(data) == {}
        assert "in use by process" in found(data, Condition.FINE)["folder"]
        with pytest.raises(StoreInUse):
            examine(data, repair=True)
    assert temporary.exists()


def test_nobody_can_start_a_service_while_it_repairs(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from driftwatch.upkeep import doctor

    def start(_: object) -> list[object]:
        with pytest.raises(StoreInUse):
            DataFolder(data)
        return []

    monkeypatch.setattr(doctor, "CHECKS", (start,))
    assert examine(data, repair=True) == []


def test_a_file_of_the_log_that_is_gone_cut_or_altered_is_a_problem_that_stays_one(data: Path) -> None:
    first, second = log_files(data)
    content = second.read_bytes()
    second.write_bytes(content[:-20])
    assert second.name in found(data)["log"]
    second.write_bytes(first.read_bytes() + b"x")
    assert "not what the state counts" in found(data)["log"]
    second.unlink()
    assert "are gone" in found(data)["log"]
    assert "are gone" in found(data, repair=True)["log"]


def test_what_lies_about_and_holds_nothing_of_its_own_is_removed(data: Path) -> None:
    first, _ = log_files(data)
    left = [
        first.with_name(".x.parquet.tmp"),
        first.with_name(".000000000009-000000000009-abc.parquet.retired"),
        first.with_name("000000000000-000000000001-abc.parquet"),
    ]
    for path in left:
        shutil.copy(first, path)
    assert "1 temporary files and 2 whose rows are elsewhere" in found(data)["log"]
    assert "3 files that did not count were removed" in found(data, Condition.REPAIRED, repair=True)["log"]
    assert not any(path.exists() for path in left)
    assert found(data) == {}


def test_rows_that_the_state_does_not_know_are_never_removed(data: Path, tmp_path: Path, add_to: Callable) -> None:
    shutil.copytree(data, tmp_path / "older")
    add_to(data, first=100)
    with closing(build_service(load_settings(data=data, disk_reserve_bytes=0))) as service:
        service.pipeline.flush()
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        (data / name).unlink(missing_ok=True)
        if (tmp_path / "older" / name).exists():
            shutil.copy(tmp_path / "older" / name, data / name)
    before = log_files(data)
    problems = found(data, repair=True)
    assert "hold rows that the state does not count" in problems["log"]
    assert "are gone: restore a backup" in problems["spool.db"]
    assert log_files(data) == before


def test_a_file_of_a_range_that_is_written_again_is_no_problem(data: Path) -> None:
    first, _ = log_files(data)
    change(data / "state.db", "UPDATE mark SET value = 4 WHERE name = 'planned'")
    shutil.copy(first, first.with_name("000000000003-000000000004-abc.parquet"))
    assert found(data) == {}


def test_a_spool_that_lost_entries_or_is_older_than_the_state_is_a_problem(data: Path) -> None:
    change(data / "spool.db", "DELETE FROM entry WHERE sequence = 3")
    assert "1 entries after 2 are gone" in found(data)["spool.db"]
    change(data / "state.db", "UPDATE mark SET value = 90 WHERE name = 'applied'")
    assert "they are not of one moment" in found(data)["spool.db"]


@pytest.mark.parametrize("spoil", [Path.unlink, lambda file: file.write_bytes(b"")])
def test_a_file_of_entries_that_is_gone_or_cut_is_a_problem(data: Path, spoil: Callable[[Path], object]) -> None:
    assert "1 files that count are there" in found(data, Condition.FINE)["spool.db.bodies"]
    spoil(max((data / "spool.db.bodies").iterdir()))
    assert "restore a backup" in found(data)["spool.db.bodies"]


def test_files_of_ids_are_built_again_from_the_log_and_the_spool(data: Path, add_to: Callable) -> None:
    files = list((data / "spool.db.ids").iterdir())
    assert files
    for path in files:
        path.unlink()
    assert "--repair builds them again" in found(data)["spool.db.ids"]
    with pytest.raises(StoreError, match="doctor --repair"):
        build_service(load_settings(data=data, disk_reserve_bytes=0))
    assert found(data, Condition.REPAIRED, repair=True)["spool.db.ids"].startswith("12 ids")
    assert found(data) == {}
    # Everything that comes again is a duplicate.
    add_to(data)
    with closing(build_service(load_settings(data=data, disk_reserve_bytes=0))) as service:
        assert sum(len(part.predictions) for part in service.operations.export("m")) == 12


def test_ids_beyond_the_horizon_are_not_built_again(data: Path) -> None:
    for path in (data / "spool.db.ids").iterdir():
        path.unlink()
    assert found(data, Condition.REPAIRED, repair=True, horizon_seconds=1e-6)["spool.db.ids"].startswith("4 ids")


def schema(path: Path) -> dict[str, dict[str, set[str]]]:
    """The columns of each table, and the names of its indexes."""
    with closing(sqlite3.connect(path)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            table: {
                "columns": {row[1] for row in database.execute(f'PRAGMA table_info("{table}")')},
                "indexes": {row[1] for row in database.execute(f'PRAGMA index_list("{table}")') if row[3] == "c"},
            }
            for table in tables
        }


def take_back(path: Path, revision: str, folder: Path) -> None:
    """Leave of a database what it had at an earlier revision."""
    engine = create_engine(f"sqlite:///{folder / 'before.db'}")
    with engine.begin() as connection:
        config = _migrations()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
    before, present = schema(folder / "before.db"), schema(path)
    steps = [f'DROP TABLE "{table}"' for table in present if table not in before]
    for table in before:
        steps += [f'DROP INDEX "{one}"' for one in present[table]["indexes"] - before[table]["indexes"]]
        gone = present[table]["columns"] - before[table]["columns"]
        steps += [f'ALTER TABLE "{table}" DROP COLUMN "{one}"' for one in gone]
    change(path, *steps, f"UPDATE alembic_version SET version_num = '{revision}'")


def test_an_older_state_is_brought_up_to_date(data: Path, tmp_path: Path) -> None:
    take_back(data / "state.db", "0003", tmp_path)
    assert found(data) == {}
    assert "from revision 0003" in found(data, Condition.REPAIRED, repair=True)["state.db"]
    assert found(data) == {}


@pytest.mark.parametrize("repair", [False, True])
def test_a_state_of_a_later_driftwatch_is_a_problem(data: Path, repair: bool) -> None:
    change(data / "state.db", "UPDATE alembic_version SET version_num = '9999'")
    assert "later driftwatch" in " ".join(found(data, repair=repair).values())


def test_a_damaged_database_is_a_problem(data: Path) -> None:
    with closing(sqlite3.connect(data / "state.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (data / "state.db").open("r+b") as file:
        file.seek(2 * 4096)
        file.write(b"\xff" * 4096 * 6)
    assert found(data)


def test_a_clock_that_went_back_is_a_problem(data: Path) -> None:
    ahead = int((datetime.now(UTC) + timedelta(hours=2)).timestamp() * 1_000_000)
    change(data / "spool.db", f"UPDATE entry SET received_time = {ahead}")
    assert "set this machine's clock" in found(data)["clock"]


def test_notifications_that_were_given_up_are_a_problem_for_a_week(data: Path) -> None:
    now = datetime.now(UTC)
    for age, wrong in ((timedelta(days=8), False), (timedelta(days=1), True)):
        change(
            data / "state.db",
            "INSERT INTO message (message_id, sink, model, body, created_at, attempts, state, last_error) "
            f"VALUES ('{age}', 'webhook', 'm', '', {int((now - age).timestamp() * 1e6)}, 9, 'dead', 'it said no')",
        )
        assert ("outbox" in found(data)) is wrong
    assert found(data)["outbox"].endswith("were given up: it said no")


def test_too_little_room_is_a_problem(data: Path) -> None:
    assert "events are refused until there is more" in found(data, reserve_bytes=10**18)["disk"]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"label_horizon": "1d", "label_wait": "2d"}, "label_horizon"),
        ({"log_keep": "1d"}, "log_keep"),
        ({"file_rows": 10_000, "spool_rows": 5_000}, "file_rows"),
    ],
)
def test_settings_that_do_not_go_together_are_named(settings: dict[str, object], named: str) -> None:
    (said,) = contradictions(load_settings(**settings))
    assert said.startswith(named)
    assert list(contradictions(load_settings())) == []


def test_the_command_says_it_as_a_table_and_as_json(data: Path) -> None:
    run = CliRunner().invoke
    done = run(app, ["doctor", "--data", str(data)], env={"NO_COLOR": "1"})
    assert done.exit_code == 0
    assert all(line.startswith("fine") for line in done.output.splitlines() if line[:1].strip())
    log_files(data)[0].unlink()
    done = run(app, ["doctor", "--data", str(data), "--format", "json"])
    assert done.exit_code == 1
    said = json.loads(done.output)
    assert said["problems"] == 1
    assert {one["condition"] for one in said["found"]} == {"fine", "problem"}


def test_a_folder_that_is_none_is_wrong_use(tmp_path: Path) -> None:
    assert isinstance(CliRunner().invoke(app, ["doctor", "--data", str(tmp_path)]).exception, FileError)
    assert list(tmp_path.iterdir()) == []
