"""Looks at a data folder, and repairs what is safe to repair.

What is checked stands in one table: a check is a function of the patient, and one line there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from driftwatch.errors import FileError, StoreError, StoreInUse
from driftwatch.stores.folder import DataFolder
from driftwatch.stores.id_rebuild import ids_are_whole, rebuild_ids
from driftwatch.stores.snapshot import snapshot
from driftwatch.stores.state import SqlState
from driftwatch.upkeep import check_databases, check_log, check_machine
from driftwatch.upkeep.diagnosis import Diagnosis, Patient, problem, repaired

Check = Callable[[Patient], Iterator[Diagnosis]]

CHECKS: tuple[Check, ...] = (
    check_machine.versions,
    check_machine.holder,
    check_machine.sizes,
    check_machine.disk,
    check_machine.settings,
    check_databases.clock,
    check_databases.integrity,
    check_databases.revision,
    check_databases.order,
    check_databases.lag,
    check_databases.counted_files,
    check_databases.outbox,
    check_log.files_that_count,
    check_log.files_that_do_not,
)
"""Everything that is looked at, in the order in which it is shown."""


def examine(
    data: Path,
    *,
    reserve_bytes: int = 0,
    contradictions: tuple[str, ...] = (),
    repair: bool = False,
    horizon_seconds: float = 7 * 86_400.0,
) -> list[Diagnosis]:
    """Run every check.

    Parameters
    ----------
    data
        The data folder. Where nobody uses it, nobody can before this has ended; else it is only looked at.
    reserve_bytes, contradictions
        See `Patient`.
    repair
        Repair first what is safe to repair: bring the state's tables up to date, remove files of the log that do not
        count and hold nothing of their own, build files of known ids again.
    horizon_seconds
        How long ids are known, for those that are built again.

    Raises
    ------
    FileError
        It is no data folder.
    StoreInUse
        It cannot be repaired while a service uses it.
    """
    if not (data / "state.db").is_file() and not (data / "spool.db").is_file():
        raise FileError("is no data folder.", field=str(data), remedy="Name one with --data.")
    with _held(data, repair=repair) as held_by:
        found: list[Diagnosis] = []
        try:
            if repair:
                found += _repaired_databases(data, horizon_seconds)
            with snapshot(data) as moment:
                patient = Patient(
                    folder=data,
                    moment=moment,
                    held_by=held_by,
                    now=datetime.now(UTC),
                    reserve_bytes=reserve_bytes,
                    contradictions=contradictions,
                )
                if repair:
                    found += check_log.remove_what_lies_about(patient)
                for check in CHECKS:
                    found += check(patient)
        except (StoreError, FileError) as error:
            found.append(problem("databases", str(error)))
    return found


@contextmanager
def _held(data: Path, *, repair: bool) -> Iterator[str | None]:
    try:
        folder = DataFolder(data)
    except StoreInUse as error:
        if repair:
            raise
        yield str(error).partition(" is ")[2].partition(".")[0]
        return
    with folder:
        yield None


def _repaired_databases(data: Path, horizon_seconds: float) -> Iterator[Diagnosis]:
    with snapshot(data) as moment:
        (before,) = moment.state.execute("SELECT version_num FROM alembic_version").fetchone()
        whole = ids_are_whole(moment)
    with closing(SqlState.open(f"sqlite:///{data / 'state.db'}")) as state, state.read() as reader:
        files = [data / "log" / one.path for one in reader.log_files(kind="predictions")]
    with snapshot(data) as moment:
        (after,) = moment.state.execute("SELECT version_num FROM alembic_version").fetchone()
    if before != after:
        yield repaired("state.db", f"was brought from revision {before} to {after}")
    if not whole:
        ids = rebuild_ids(data / "spool.db", files, horizon_seconds)
        yield repaired("spool.db.ids", f"{ids:,} ids were read from the log and the spool again")


__all__ = ["CHECKS", "Check", "examine"]
