"""Where an image keeps the machine code of `driftwatch.core.kernels`: beside the file, made when the image is built.

numba looks for a folder that it may write to, which a read-only image does not have, and would compile anew at each
start. ``NUMBA_CACHE_LOCATOR_CLASSES=driftwatch.core.kernel_cache.ShippedCode`` makes it read what is there.
"""

from __future__ import annotations

from numba.core.caching import InTreeCacheLocator


class ShippedCode(InTreeCacheLocator):
    """The folder beside the source file, whether it can be written to or not."""

    def ensure_cache_path(self) -> None:
        """Ask for nothing: what is not there cannot be made."""
