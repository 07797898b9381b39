"""The data folder and its lock."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from driftwatch.errors import StoreError, StoreInUse
from driftwatch.stores.folder import DataFolder

HOLD = """
import sys
from pathlib import Path
from driftwatch.stores.folder import DataFolder
folder = DataFolder(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_missing_folders_are_made_for_the_owner_alone(tmp_path: Path) -> None:
    with DataFolder(tmp_path / "a" / "data") as folder:
        assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
        assert folder.log_path.is_dir()


def test_the_parts_have_their_places(tmp_path: Path) -> None:
    with DataFolder(tmp_path) as folder:
        assert folder.spool_path == tmp_path / "spool.db"
        assert folder.state_path == tmp_path / "state.db"
        assert folder.state_url == f"sqlite:///{tmp_path}/state.db"
        assert folder.log_path == tmp_path / "log"


def test_another_process_is_kept_out_and_told_who_is_in(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(StoreInUse, match=rf"in use by process {process.pid}\. Stop that service"):
            DataFolder(tmp_path)
        process.kill()
    DataFolder(tmp_path).close()


def test_the_same_process_is_kept_out_too(tmp_path: Path) -> None:
    with DataFolder(tmp_path), pytest.raises(StoreInUse, match=f"process {os.getpid()}"):
        DataFolder(tmp_path)


def test_closing_lets_the_next_in(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.close()
    folder.close()
    DataFolder(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be used: Not a directory.* --data"):
        DataFolder(tmp_path / "file" / "data")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unwritable for root")
def test_an_unwritable_folder_is_refused_with_what_to_do(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="cannot be used: Permission denied"):
        DataFolder(tmp_path)
