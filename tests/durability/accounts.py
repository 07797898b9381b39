"""What was acknowledged, held against everything that the service keeps: the log, the windows, the counters."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen
from uuid import UUID

import pyarrow.parquet as pq
import pytest

from driftwatch import Client
from driftwatch.ports import LogFile
from driftwatch.stores.spool import SqliteSpool
from driftwatch.stores.state import SqlState

from .load import DAYS, FIRST_DAY, MODEL, Ledger
from .serving import Serving, until


def settled(serving: Serving, ledger: Ledger) -> dict[int, dict]:
    """Close all windows by an event of a later day; answers the days' windows when the labels had their time."""
    with Client(serving.url, timeout_seconds=120) as client:
        closing_event = {
            "prediction_id": "last",
            "event_time": (FIRST_DAY + timedelta(days=40)).isoformat(),
            "features": {"x": 0.0, "k": "a"},
            "prediction": 0.0,
        }
        assert client.send_predictions(MODEL, [closing_event]).accepted == 1
        until(lambda: client.models()[0]["pending_rows"] == 0, what="working off")
        client.export(MODEL, path=serving.data / "exported.parquet")

        def windows() -> list[dict]:
            return [
                dict(one)
                for one in client.performance(MODEL, start=FIRST_DAY, end=FIRST_DAY + timedelta(days=30))["windows"]
            ]

        until(lambda: sum(one["stage"] == "complete" for one in windows()) >= DAYS, what="judging")
        found = windows()
    return {(datetime.fromisoformat(one["start"]).astimezone(UTC) - FIRST_DAY).days: one for one in found}


def counters(serving: Serving) -> dict[str, int]:
    """The page's counters of this model, by name and outcome."""
    with urlopen(f"{serving.url}/metrics", timeout=10) as answer:
        page = answer.read().decode()
    found: Counter[str] = Counter()
    for name, labels, value in re.findall(r"^driftwatch_(\w+_total)\{(.*?)\} (\S+)$", page, re.MULTILINE):
        outcome = re.search(r'outcome="(\w+)"', labels)
        found[f"{name}.{outcome[1]}" if outcome else name] += int(float(value))
    return dict(found)


def gauge(serving: Serving, name: str) -> float:
    """A gauge of the page that has no labels."""
    with urlopen(f"{serving.url}/metrics", timeout=10) as answer:
        page = answer.read().decode()
    return float(re.search(rf"^driftwatch_{name} (\S+)$", page, re.MULTILINE)[1])


def ids_in(data: Path, kind: str, files: list[LogFile]) -> Counter[str]:
    """How often each id stands in the files that count."""
    found: Counter[str] = Counter()
    for one in files:
        if one.kind == kind:
            table = pq.read_table(data / "log" / one.path, columns=["prediction_id"], partitioning=None)
            assert table.num_rows == one.rows
            found.update(table.column("prediction_id").to_pylist())
    return found


def hold_to_account(serving: Serving, ledger: Ledger) -> None:
    """Compare everything, and end the service."""
    windows = settled(serving, ledger)
    until(lambda: counters(serving).get("predictions_total", 0) > 0, what="a page")
    exported = pq.read_table(serving.data / "exported.parquet").to_pandas().set_index("prediction_id")
    until(
        lambda: counters(serving)["predictions_total"] >= len(exported),
        10,
        "a page with everything",
    )
    counted = counters(serving)
    serving.stop()

    with closing(SqlState.open(f"sqlite:///{serving.data}/state.db")) as state, state.read() as reader:
        files = reader.log_files(MODEL)
        slices = reader.slices(MODEL, "1", "", 0, 2**60)
        outstanding, waiting = reader.outstanding_count(MODEL), reader.waiting_label_count(MODEL)
    with closing(SqliteSpool(serving.data / "spool.db")) as spool:
        assert spool.pending_rows() == 0

    logged = ids_in(serving.data, "predictions", files)
    assert {one for one, times in logged.items() if times != 1} == set(), "more than once in the log"
    known = {*ledger.predictions, *ledger.made, "last"}
    assert known - set(logged) == set(), "acknowledged, and not in the log"
    # What was never acknowledged and still is there was sent without an id, when the service died before it answered.
    made_here = (set(logged) - known) | ledger.made
    assert {UUID(one).version for one in made_here} <= {7}

    assert len(exported) == len(logged)
    labelled = exported["label"].dropna()
    assert labelled.to_dict() == pytest.approx(ledger.labels)
    assert set(ids_in(serving.data, "labels", files)) == set(ledger.labels)

    by_day = Counter(day for day, _ in ledger.predictions.values())
    in_log = Counter((exported["event_time"] - FIRST_DAY).dt.days)
    labels_by_day = Counter(ledger.predictions[one][0] for one in ledger.labels)
    for day in range(DAYS):
        assert windows[day]["rows"] == in_log[day] >= by_day[day]
        assert windows[day]["labels"] == labels_by_day[day]
        assert windows[day]["performance"]["mae"] == pytest.approx(ledger.expected_error(day))
    assert sum(one.rows for one in slices) == len(logged)
    assert sum(one.labels for one in slices) == len(ledger.labels)
    assert (outstanding, waiting) == (len(logged) - len(ledger.labels), 0)

    assert counted["predictions_total"] == len(logged)
    assert counted["labels_total.joined"] == len(ledger.labels)
