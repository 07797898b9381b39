"""What a process frees goes back to the system; each case in a process of its own, whose allocators nobody has used."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and speaks to the GNU C library")

RESIDENT = """
import re
from pathlib import Path

def resident_mb(name="VmRSS"):
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1e3
"""

FREED_BEFORE_ONE_IN_USE = """
import numpy as np
from driftwatch.resident_memory import keep_little
KEEP
np.ones(4_000_000)  # freed: from here on the C library by itself would keep pieces of up to 32 MB
before = resident_mb()
pieces = [np.ones(100_000) for _ in range(100)]
last = [bytes(1_000) for _ in range(1_000)]
del pieces
print(round(resident_mb() - before))
"""

COMPILER = """
import numpy as np
from driftwatch.core.kernels import names_counted
from driftwatch.resident_memory import let_go_of_compiler
before = resident_mb("RssFile")
let_go = let_go_of_compiler()
freed = before - resident_mb("RssFile")
counts = np.zeros(3, dtype=np.int64)
names_counted(np.array([0, 1, 1, -1], dtype=np.int32), counts)
from numba import njit
print(let_go > 0, round(freed), counts.tolist(), njit(lambda x: x + 1)(41))
"""


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", RESIDENT + code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_large_pieces_go_back_when_they_are_freed():
    assert int(run(FREED_BEFORE_ONE_IN_USE.replace("KEEP", "keep_little()"))) < 20


def test_the_library_alone_would_keep_them():
    assert int(run(FREED_BEFORE_ONE_IN_USE.replace("KEEP", ""))) > 60


def test_the_compiler_goes_and_comes_back_when_it_is_wanted():
    is_some, freed, *rest = run(COMPILER).split(maxsplit=2)
    assert (is_some, rest) == ("True", ["[1, 2, 1] 42\n"])
    assert int(freed) > 20


def test_without_a_compiler_there_is_nothing_to_let_go():
    assert run("from driftwatch.resident_memory import let_go_of_compiler\nprint(let_go_of_compiler())") == "0\n"


IN_TURNS = """
import time
import numpy as np
from driftwatch import resident_memory
from driftwatch.core.kernels import names_counted
resident_memory._TURN_SECONDS = 0.05
before = resident_mb("RssFile")
resident_memory.give_back_in_turns()
until = time.monotonic() + 60
while resident_mb("RssFile") > before - 20 and time.monotonic() < until:
    time.sleep(0.05)
print(round(before - resident_mb("RssFile")))
"""


def test_a_service_does_it_by_itself():
    assert int(run(IN_TURNS)) >= 20
