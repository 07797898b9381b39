"""Checks of what a data folder lies on: versions, sizes, the disk, and settings that do not go together."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from driftwatch import __version__
from driftwatch.upkeep.diagnosis import Diagnosis, Patient, fine, problem

_MB = 1_000_000


def versions(patient: Patient) -> Iterator[Diagnosis]:
    """Of what reads and writes."""
    (spool,) = patient.moment.spool.execute("PRAGMA user_version").fetchone()
    text = f"driftwatch {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    yield fine("versions", f"{text}, PyArrow {pa.__version__}; the spool's format is {spool}")


def holder(patient: Patient) -> Iterator[Diagnosis]:
    """Who uses the folder."""
    yield fine("folder", f"{patient.folder} is {patient.held_by or 'used by nobody'}")


def sizes(patient: Patient) -> Iterator[Diagnosis]:
    """What the parts take on the disk."""
    parts = {
        "spool": [*patient.folder.glob("spool.db*"), *(patient.folder / "spool.db.bodies").glob("*")],
        "ids": list((patient.folder / "spool.db.ids").glob("*")),
        "state": [one for one in patient.folder.glob("state.db*") if one.is_file()],
        "join": list((patient.folder / "state.db.join").glob("*")),
        "log": [one for one in (patient.folder / "log").rglob("*") if one.is_file()],
    }
    yield fine("sizes", ", ".join(f"{name} {_megabytes(paths):,.1f} MB" for name, paths in parts.items()))


def disk(patient: Patient) -> Iterator[Diagnosis]:
    """Whether there is room."""
    found = os.statvfs(patient.folder)
    free = found.f_bavail * found.f_frsize
    text = f"{free / _MB:,.0f} MB are free"
    if free < patient.reserve_bytes:
        reserve = f"{patient.reserve_bytes / _MB:,.0f} MB are kept in reserve (disk_reserve_bytes)"
        yield problem("disk", f"{text}, and {reserve}: events are refused until there is more")
    else:
        yield fine("disk", text)


def settings(patient: Patient) -> Iterator[Diagnosis]:
    """Whether the settings go together."""
    for one in patient.contradictions:
        yield problem("settings", one)
    if not patient.contradictions:
        yield fine("settings", "go together")


def _megabytes(paths: list[Path]) -> float:
    total = 0
    for path in paths:
        # A running service may remove a file between its being listed and asked.
        if path.is_file():
            total += path.stat().st_size
    return total / _MB
