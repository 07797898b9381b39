"""Files that commands read."""

from __future__ import annotations

from pathlib import Path

from driftwatch.core.baseline import Baseline
from driftwatch.errors import BaselineError, FileError


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file.

    Raises
    ------
    FileError
        It cannot be read.
    BaselineError
        It is no baseline of this version of driftwatch.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FileError(f"cannot be read ({error.strerror}).", field=str(path), remedy="Check the path.") from None
    except UnicodeDecodeError:
        raise BaselineError("is no text, so no baseline.", field=str(path)) from None
    return Baseline.from_json(text)
