"""The compiled loops: loaded when the first value is counted, compiled once, and kept."""

from __future__ import annotations

import subprocess
import sys

import pytest


def printed(code):
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return run.stdout.strip()


COUNTING = (
    "import sys, numpy as np; from driftwatch.core.cells import NumericCells, cell_counts; "
    "from driftwatch.core.table import Numbers; print('numba' in sys.modules); "
    "cell_counts(NumericCells(np.zeros(1)), Numbers(np.zeros(1))); print('numba' in sys.modules)"
)


def test_numba_is_loaded_when_the_first_value_is_counted():
    assert printed(COUNTING).split() == ["False", "True"]


@pytest.mark.parametrize(
    "locator", ["", "driftwatch.core.kernel_cache.BesideTheSource"], ids=["writable", "as in the image"]
)
def test_what_was_compiled_once_is_read_by_later_processes(locator, monkeypatch):
    code = "from driftwatch.core import kernels; print(sum(kernels.profiled.stats.cache_hits.values()))"
    printed(code)
    if locator:
        monkeypatch.setenv("NUMBA_CACHE_LOCATOR_CLASSES", locator)
    assert printed(code) == "1"


def test_no_call_waits_for_a_compiler():
    from driftwatch.core import hash_kernels, kernels, sorted_kernels, two_sample_kernels

    modules = vars(kernels) | vars(hash_kernels) | vars(sorted_kernels) | vars(two_sample_kernels)
    loops = {name: one for name, one in modules.items() if hasattr(one, "signatures")}
    assert len(loops) >= 10
    assert {name: len(one.signatures) for name, one in loops.items()} == dict.fromkeys(loops, 1)
    assert not any(one._can_compile for one in loops.values())
