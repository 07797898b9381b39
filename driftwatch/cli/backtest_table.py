"""A backtest in a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from io import StringIO
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from driftwatch.cli.output import PIPE_WIDTH
from driftwatch.cli.report_table import plain
from driftwatch.core.history import History
from driftwatch.core.records import AlertKind
from driftwatch.core.weak_segments import WeakSegments
from driftwatch.reports.backtest_words import (
    alert_delay,
    detection_text,
    extent,
    headline,
    place,
    told_apart,
)
from driftwatch.reports.wording import words

_MOST_ALERTS = 20
_MOST_TRIGGERS = 5


def as_document(histories: Sequence[History], weak: WeakSegments | None = None) -> dict[str, Any]:
    """What ``--format json`` prints: of one run its windows, alerts and triggers; of several, that of each by name.

    Where windows are of rows, ``start`` and ``end`` are rows, from 0; else they are times. ``evidence`` is the
    largest of the kinds', as a share of what alarms. ``weak_segments`` is there where they were looked for.
    """
    found: dict[str, Any] = {} if weak is None else {"weak_segments": weak.to_document()}
    documents = [_document(one) for one in histories]
    if len(documents) == 1:
        return documents[0] | found
    runs = [{"name": one.name, **document} for one, document in zip(histories, documents, strict=True)]
    return {"runs": runs} | found


def _document(history: History) -> dict[str, Any]:
    def position(row: int | None, at: datetime) -> int | str:
        return row if history.counted and row is not None else at.isoformat()

    return {
        "windows": [
            {
                "start": position(one.first_row, one.start),
                "end": position(one.end_row, one.end),
                "rows": one.rows,
                "status": one.status.value,
                "evidence": one.strongest,
            }
            for one in history.windows
        ],
        "alerts": [
            {
                "kind": one.kind.value,
                "row": one.row,
                "start": position(one.start_row, one.start),
                "columns": list(one.columns),
                "reason": one.reason,
            }
            for one in history.alerts
        ],
        "triggers": [{"row": one.row, "reason": one.reason} for one in history.triggers],
    }


def table_text(title: str, histories: Sequence[History]) -> str:
    """What `print_histories` prints, without colours, for a file."""
    file = StringIO()
    print_histories(title, histories, Console(file=file, width=PIPE_WIDTH, no_color=True, soft_wrap=True))
    return file.getvalue()


def print_histories(title: str, histories: Sequence[History], out: Console) -> None:
    """Print runs: side by side where there are several, then each with its alerts."""
    if len(histories) > 1:
        _print_side_by_side(histories, out)
    for history in histories:
        name = f"{title}: " if len(histories) == 1 else f"{history.name}: "
        out.print(Text.assemble((name, "bold"), plain(extent(history))), highlight=False)
        settings = ", ".join(f"{words(one)} {history.settings[one] or '-'}" for one in told_apart(histories))
        out.print(Text(settings, style="dim"), highlight=False)
        style = "red" if history.alerts else "green"
        out.print(Text(headline(history), style=style), highlight=False)
        _print_alerts(history, out)
        _print_triggers(history, out)
        _print_changes(history, out)
        for note in history.notes:
            out.print(Text.assemble("note: ", plain(note)), highlight=False)
        out.print()


def _table() -> RichTable:
    return RichTable(box=None, pad_edge=False, padding=(0, 1))


def _print_alerts(history: History, out: Console) -> None:
    if not history.alerts:
        return
    table = _table()
    for heading in ("fired at", "alert", "began about", "delay from there"):
        table.add_column(heading, overflow="fold")
    table.add_column("reason", overflow="fold", ratio=1)
    for one in history.alerts[:_MOST_ALERTS]:
        table.add_row(
            place(history, one.row, one.at),
            words(one.kind.value),
            place(history, one.start_row, one.start),
            alert_delay(history, one),
            plain(one.reason),
        )
    out.print(table, soft_wrap=False)
    if len(history.alerts) > _MOST_ALERTS:
        out.print(Text(f"and {len(history.alerts) - _MOST_ALERTS:,} more alerts", style="dim"))


def _print_triggers(history: History, out: Console) -> None:
    for one in history.triggers[:_MOST_TRIGGERS]:
        line = Text.assemble(
            ("retrain", "bold"), f" asked for at {place(history, one.row, one.at)}: ", plain(one.reason)
        )
        out.print(line, highlight=False)
    if len(history.triggers) > _MOST_TRIGGERS:
        out.print(Text(f"and {len(history.triggers) - _MOST_TRIGGERS:,} more triggers", style="dim"))


def _print_changes(history: History, out: Console) -> None:
    found = history.detections()
    for change in history.changes:
        told = [
            f"{words(one.kind.value)} {detection_text(history, one)}"
            for one in found
            if one.change == change and one.alert is not None
        ]
        text = "; ".join(told) if told else "no alert told of it"
        out.print(f"known change at {place(history, change.row, change.at)}: {text}", highlight=False, markup=False)
    if history.changes:
        n = len(history.before_changes())
        out.print(f"{n} alert{'' if n == 1 else 's'} before the first known change", highlight=False)


def _print_side_by_side(histories: Sequence[History], out: Console) -> None:
    """A column a run, so that a terminal has room for several."""
    table = _table()
    table.add_column("", overflow="fold")
    for one in histories:
        table.add_column(plain(one.name), overflow="fold")
    for name in told_apart(histories):
        table.add_row(words(name), *(plain(one.settings.get(name, "") or "-") for one in histories))
    for kind in [kind for kind in AlertKind if any(kind in one.kinds for one in histories)]:
        counts = [sum(alert.kind is kind for alert in one.alerts) for one in histories]
        table.add_row(f"alerts of {words(kind.value)}", *map(str, counts))
    firsts = [place(one, one.alerts[0].row, one.alerts[0].at) if one.alerts else "-" for one in histories]
    table.add_row("first alert", *firsts)
    table.add_row("retrains asked for", *(str(len(one.triggers)) for one in histories))
    for change in histories[0].changes:
        told = [[found for found in one.detections() if found.change == change and found.alert] for one in histories]
        table.add_row(
            f"change at row {change.row:,}",
            *(
                detection_text(one, min(found, key=lambda each: each.delay_rows or 0)) if found else "missed"
                for one, found in zip(histories, told, strict=True)
            ),
        )
    out.print(table, soft_wrap=False)
    out.print()


__all__ = ["as_document", "print_histories", "table_text"]
