"""How a process that runs for months keeps its resident memory: what is freed goes back to the system.

The C library keeps freed memory for later in an arena a thread, and lets the size from which it asks the system
directly grow with what is freed: a service of a dozen threads keeps more of it than it uses. Arrow does so in an
allocator of its own. All of it is advice: where a system does not know it, nothing happens.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Names of the GNU C library for its parameters."""

_MAPPED_BYTES = 384 << 10
"""Larger pieces come from the system and go back to it when they are freed. What one read of a connection gives is
smaller: pages that come anew for each cost an eighth of the processor where long bodies come in."""
_KEPT_BYTES = 4 << 20
"""What may stay unused at the end of the heap."""

_COMPILER = "llvmlite"
_TURN_SECONDS = 5.0
_EARLY_TURNS = 12


def keep_little() -> None:
    """Set the allocators up so that they keep little of what is freed. Call it before threads start."""
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, _MAPPED_BYTES)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())


def give_back() -> None:
    """Give freed memory back that lies between pieces in use."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def give_back_in_turns() -> None:
    """Do both from now on, in a thread that ends with the process: freed memory often, the compiler now and then."""
    threading.Thread(target=_give_back_for_ever, name="driftwatch-memory", daemon=True).start()


def _give_back_for_ever() -> None:
    for turn in count():
        time.sleep(_TURN_SECONDS)
        give_back()
        # Finding its pages looks at all of the process; it is there early, or never.
        if turn < _EARLY_TURNS or turn % _EARLY_TURNS == 0:
            let_go_of_compiler()


def let_go_of_compiler() -> int:
    """Let go of the pages of numba's compiler: once loops are loaded nobody runs it. Answers how many bytes.

    They are the file's own, unchanged, so the system reads again what is wanted after all.
    """
    if _COMPILER not in sys.modules or not hasattr(mmap, "MADV_DONTNEED"):
        return 0
    let_go = 0
    with suppress(OSError, AttributeError):
        madvise = ctypes.CDLL(None, use_errno=True).madvise
        madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        for begin, end in _unchanged_pages(Path("/proc/self/smaps"), _COMPILER):
            if madvise(begin, end - begin, mmap.MADV_DONTNEED) == 0:
                let_go += end - begin
    return let_go


def _unchanged_pages(smaps: Path, library: str) -> Iterator[tuple[int, int]]:
    """Where a library's file lies in memory that the process neither may write nor ever wrote to.

    What the loader wrote when it set the library up is not in the file, even where it can be written no longer.
    """
    found: tuple[int, int] | None = None
    for line in smaps.read_text().splitlines():
        head, *fields = line.split()
        if not head.endswith(":"):
            found = None
            if len(fields) >= 5 and library in fields[-1] and fields[0].startswith("r-"):
                begin, _, end = head.partition("-")
                found = int(begin, 16), int(end, 16)
        elif found is not None and head == "Anonymous:" and fields[0] == "0":
            yield found


__all__ = ["give_back", "give_back_in_turns", "keep_little", "let_go_of_compiler"]
