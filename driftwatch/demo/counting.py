"""How many predictions the service has kept, read from its log as any tool can read it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from driftwatch import Client
from driftwatch.demo.flights import ID

_LONG_AFTER = datetime(2100, 1, 1, tzinfo=UTC)


def count_kept(client: Client, model: str, folder: Path, shadow: str = "") -> tuple[int, int]:
    """How many different predictions of a model lie in the log, and how many of these more than once.

    What a shadow said is not counted: its rows say which version they are of.

    The log is plain Parquet. An export brings everything that was accepted into it first; the one asked for here
    is of a time of which there is nothing.
    """
    client.export(model, _LONG_AFTER)
    files = sorted((folder / "log" / "predictions" / f"model={model}").glob("**/*.parquet"))
    rows = [pd.read_parquet(file, columns=[ID, "model_version"]) for file in files]
    ids = pd.concat([pd.Series(dtype=str), *(one.loc[one["model_version"] != shadow, ID] for one in rows)])
    counts = ids.value_counts()
    return len(counts), int((counts > 1).sum())
