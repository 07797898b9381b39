"""No room on a disk, or a folder that cannot be written: nothing acknowledged is lost, and it goes on by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from driftwatch import Client
from driftwatch.errors import ServiceUnavailable

from .accounts import gauge, hold_to_account
from .load import Load, baseline
from .serving import Serving, until

pytestmark = pytest.mark.slow

SETTINGS = {"file_rows": "2000", "file_age": "1s", "lateness": "8d", "label_wait": "9d", "disk_reserve_bytes": "0"}
MB = 1_000_000


def readiness(serving: Serving) -> tuple[int, str]:
    """The status of /readyz, and what it says."""
    try:
        with urlopen(f"{serving.url}/readyz", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as refused:
        with refused:
            detail = json.load(refused)["detail"]
            return refused.code, f"{detail} Retry-After: {refused.headers['retry-after']}"


def registered(serving: Serving) -> Serving:
    with Client(serving.url) as client:
        client.register(baseline())
    return serving


def fill(path: Path) -> Path:
    """Leave nothing of a disk."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(MB))
        except OSError:
            pass
    return path


@pytest.mark.parametrize("reserve", [0, 8 * MB], ids=["to the last byte", "to the reserve"])
def test_a_full_disk_refuses_until_there_is_room_and_loses_nothing(
    tmp_path: Path, small_disk: Callable[[Path, int], Path], serve: Callable[..., Serving], reserve: int
) -> None:
    disk = small_disk(tmp_path / "disk", 100)
    serving = registered(serve(disk / "data", **SETTINGS | {"disk_reserve_bytes": str(reserve)}))
    load = Load(serving.url, most_rows=100)
    with load.running() as ledger:
        until(lambda: ledger.predictions, what="the first acknowledgement")
        ballast = disk / "ballast"
        fill(ballast)
        if reserve:
            # Less than the reserve is left, and by no means nothing.
            with ballast.open("rb+") as file:
                file.truncate(ballast.stat().st_size - 5 * MB)
        until(lambda: ledger.refused >= 5, what="refusals")
        until(lambda: readiness(serving)[0] == 503, what="not being ready")
        assert "free some space" in readiness(serving)[1].lower()
        assert readiness(serving)[1].endswith("Retry-After: 5")
        until(lambda: gauge(serving, "spool_full") == 1, 30, "a metric")
        assert gauge(serving, "ready") == 0
        assert gauge(serving, "disk_free_bytes") < max(reserve, MB)
        ballast.unlink()
        until(lambda: readiness(serving)[0] == 200, 15, "being ready again")
        before = len(ledger.predictions)
        until(lambda: len(ledger.predictions) > before, what="an acknowledgement after it")
    hold_to_account(serving, ledger)


def test_readiness_comes_back_without_anybody_sending(
    tmp_path: Path, small_disk: Callable[[Path, int], Path], serve: Callable[..., Serving]
) -> None:
    disk = small_disk(tmp_path / "disk", 60)
    serving = registered(serve(disk / "data", **SETTINGS))
    ballast = fill(disk / "ballast")
    event = {"features": {"x": 1.0, "k": "a" * 200}, "prediction": 1.0}
    with Client(serving.url) as client:

        def refused() -> bool:
            try:
                client.send_predictions("m", [event] * 500)
            except ServiceUnavailable as unavailable:
                return unavailable.status == 503
            return False

        until(refused, what="a refusal")
        until(lambda: readiness(serving)[0] == 503, what="not being ready")
        ballast.unlink()
        until(lambda: readiness(serving)[0] == 200, 15, "being ready again")
        assert client.send_predictions("m", [event]).accepted == 1


def test_a_spool_at_its_bound_refuses_until_the_log_has_its_rows(tmp_path: Path, serve: Callable[..., Serving]) -> None:
    data = tmp_path / "data"
    serving = registered(serve(data, **SETTINGS | {"spool_rows": "3000", "spool_bytes": str(2**20)}))
    blocked = blocking(data / "log")
    load = Load(serving.url, most_rows=100)
    with load.running() as ledger:
        until(lambda: ledger.refused >= 5, what="refusals")
        assert readiness(serving)[0] == 503
        assert "The spool holds" in readiness(serving)[1]
        until(lambda: gauge(serving, "spool_full") == 1, 30, "a metric")
        blocked.unblock()
        until(lambda: readiness(serving)[0] == 200, 20, "being ready again")
    hold_to_account(serving, ledger)


class blocking:  # noqa: N801 - reads as what it does
    """A folder that nobody can write to, not even root: a file lies in its place."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._aside = folder, folder.with_name("aside")
        folder.rename(self._aside)
        folder.write_text("in the way")

    def unblock(self) -> None:
        self._folder.unlink()
        self._aside.rename(self._folder)


def test_the_spool_holds_while_the_log_cannot_be_written_and_windows_are_judged_all_the_same(
    tmp_path: Path, serve: Callable[..., Serving]
) -> None:
    data = tmp_path / "data"
    serving = registered(serve(data, **SETTINGS))
    blocked = blocking(data / "log")
    load = Load(serving.url, most_rows=100, senders=2)
    with load.running() as ledger:
        until(lambda: readiness(serving)[0] == 503, what="not being ready")
        assert "The log's file" in readiness(serving)[1]
        before = len(ledger.predictions)
        until(lambda: len(ledger.predictions) > before + 100, what="acknowledgements meanwhile")
        assert ledger.refused == 0
    with Client(serving.url) as client:
        until(lambda: client.models()[0]["pending_rows"] == 0, what="counting in windows meanwhile")
    until(lambda: gauge(serving, "spool_rows") > 0, 30, "a metric")
    blocked.unblock()
    until(lambda: readiness(serving)[0] == 200, 15, "being ready again")
    hold_to_account(serving, ledger)


def test_a_full_disk_of_the_log_leaves_no_half_file_that_counts(
    tmp_path: Path, small_disk: Callable[[Path, int], Path], serve: Callable[..., Serving]
) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    log = small_disk(data / "log", 8)
    serving = registered(serve(data, **SETTINGS))
    load = Load(serving.url, most_rows=100, senders=2)
    with load.running() as ledger:
        until(lambda: list(log.rglob("*.parquet")), what="a first file")
        ballast = fill(log / "ballast")
        until(lambda: readiness(serving)[0] == 503, what="not being ready")
        assert "the disk is full" in readiness(serving)[1]
        time.sleep(1)
        ballast.unlink()
        until(lambda: readiness(serving)[0] == 200, 15, "being ready again")
    hold_to_account(serving, ledger)
    # Files that were written together into one are hidden until nobody reads them any more.
    assert [path for path in log.rglob(".*") if path.suffix != ".retired"] == []


def test_a_full_disk_of_the_state_stops_counting_and_not_acknowledging(
    tmp_path: Path, small_disk: Callable[[Path, int], Path], serve: Callable[..., Serving]
) -> None:
    data, disk = tmp_path / "data", small_disk(tmp_path / "disk", 60)
    data.mkdir(mode=0o700)
    (data / "state.db").symlink_to(disk / "state.db")
    serving = registered(serve(data, **SETTINGS))
    load = Load(serving.url, most_rows=100, senders=2)
    with load.running() as ledger:
        until(lambda: ledger.predictions, what="the first acknowledgement")
        ballast = fill(disk / "ballast")
        until(lambda: readiness(serving)[0] == 503, what="not being ready")
        assert "The state cannot be written" in readiness(serving)[1]
        before = len(ledger.predictions)
        until(lambda: len(ledger.predictions) > before + 100, what="acknowledgements meanwhile")
        ballast.unlink()
        until(lambda: readiness(serving)[0] == 200, 15, "being ready again")
    hold_to_account(serving, ledger)
