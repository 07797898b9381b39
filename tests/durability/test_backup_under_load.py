"""A copy that is made while events come in has everything that was acknowledged before it, once."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from driftwatch import Client
from driftwatch.stores.state import SqlState
from driftwatch.upkeep.backup import back_up, restore

from .accounts import hold_to_account, ids_in
from .load import MODEL, Load, baseline
from .serving import Serving, until


@pytest.mark.slow
def test_what_was_acknowledged_before_a_backup_is_there_once_after_it_is_restored(
    tmp_path: Path, serve: Callable[..., Serving]
) -> None:
    settings = {"file_rows": "1500", "file_age": "1s", "log_day_files": "3", "lateness": "8d", "label_wait": "9d"}
    serving = serve(tmp_path / "data", **settings)
    with Client(serving.url) as client:
        client.register(baseline())
    load = Load(serving.url, most_rows=100)
    copies: list[tuple[Path, set[str]]] = []
    with load.running() as ledger:
        for number in range(2):
            until(lambda wanted=1_500 * (number + 1): len(ledger.predictions) > wanted, what="load")
            acknowledged = set(ledger.predictions)
            copies.append((tmp_path / f"copy{number}.tar", acknowledged))
            back_up(serving.data, copies[-1][0])
    back_up(serving.data, tmp_path / "last")
    serving.stop()

    for copy, acknowledged in copies:
        restored = serve(restored_to(copy, tmp_path / copy.stem), **settings)
        with Client(restored.url, timeout_seconds=120) as client:
            client.export(MODEL, path=tmp_path / "exported.parquet")
        restored.stop()
        with closing(SqlState.open(f"sqlite:///{restored.data}/state.db")) as state, state.read() as reader:
            logged = ids_in(restored.data, "predictions", reader.log_files(MODEL))
            counted = sum(one.rows for one in reader.slices(MODEL, "1", "", 0, 2**60))
        assert acknowledged - set(logged) == set()
        assert Counter(logged.values()) == {1: len(logged)}
        assert counted == len(logged)
        shutil.rmtree(restored.data)

    # The last copy is made to account for everything.
    hold_to_account(serve(restored_to(tmp_path / "last", tmp_path / "again"), **settings), ledger)


def restored_to(copy: Path, data: Path) -> Path:
    restore(copy, data)
    return data
