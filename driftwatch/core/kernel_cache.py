"""Where an image keeps the machine code of the compiled loops: beside their files, made when the image is built.

numba by itself takes only a folder that it may write to, which a read-only image does not have, and would compile at
each start. ``NUMBA_CACHE_LOCATOR_CLASSES=driftwatch.core.kernel_cache.BesideTheSource`` makes it read what is there.
"""

from __future__ import annotations

from numba.core.caching import InTreeCacheLocator


class BesideTheSource(InTreeCacheLocator):
    """The folder beside a source file, whether it can be written to or not."""

    @classmethod
    def from_function(cls, py_func: object, py_file: str) -> BesideTheSource:
        """The locator of a function; numba's own would ask whether it may write."""
        return cls(py_func, py_file)
