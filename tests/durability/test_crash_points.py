"""Named crash points: nothing happens at them, unless the environment names one when the service starts."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from driftwatch.crash_points import POINTS, VARIABLE, arm, reached
from driftwatch.errors import SettingError

SAY = """
import os, sys
from driftwatch.crash_points import arm, reached
arm(os.environ)
for number in range(4):
    print(number, flush=True)
    reached("record.planned")
    reached("record.counted")
"""


@pytest.mark.parametrize(("named", "said", "code"), [
    ("", "0123", 0), ("record.planned", "0", -signal.SIGKILL), ("record.counted:3", "012", -signal.SIGKILL),
])  # fmt: skip
def test_a_process_ends_at_the_named_point_and_nowhere_else(named: str, said: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SAY], env={VARIABLE: named}, capture_output=True, text=True, check=False
    )
    assert (done.stdout.replace("\n", ""), done.returncode) == (said, code)


@pytest.mark.parametrize("named", ["nowhere", "record.planned:soon"])
def test_a_point_that_does_not_exist_is_refused(named: str) -> None:
    with pytest.raises(SettingError, match=VARIABLE):
        arm({VARIABLE: named})
    reached("record.planned")


def test_every_point_is_in_the_code_once() -> None:
    root = Path(__file__).parents[2] / "driftwatch"
    found = Counter(
        name for path in root.rglob("*.py") for name in re.findall(r'^ +reached\("([\w.]+)"\)', path.read_text(), re.M)
    )
    assert found == Counter(list(POINTS))
