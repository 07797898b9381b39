"""Where it hurts, in a terminal: the columns that drift and matter, and weak segments."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from driftwatch.cli.report_table import plain
from driftwatch.core.compare import Report
from driftwatch.core.weak_segments import WeakSegments
from driftwatch.reports.wording import counted, number, p_value, share

_MOST_LINES = 5


def print_where(report: Report, out: Console) -> None:
    """Print what drifts and matters, and the weak segments where they were looked for."""
    print_impacts(report, out)
    if report.weak is not None:
        print_weak_segments(report.weak, out)


def print_impacts(report: Report, out: Console) -> None:
    """Print a sentence a column, those that matter most first; nothing where nothing drifts."""
    shown = report.impacts
    for one in shown[:_MOST_LINES]:
        word = "drifts" if one.matters else "drifts, and matters little"
        style = "bold" if one.matters else "dim"
        out.print(Text.assemble((f"{word}: ", style), plain(one.text)), highlight=False)
    if len(shown) > _MOST_LINES:
        out.print(Text(f"and {len(shown) - _MOST_LINES} more columns", style="dim"))


def print_weak_segments(found: WeakSegments, out: Console) -> None:
    """Print the weak segments, or that there is none."""
    if not found.segments:
        text = found.note or f"none among {counted(found.rows, 'labelled row')}"
        out.print(Text.assemble(("weak segments: ", "bold"), text), highlight=False)
        return
    table = RichTable(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("weak segment", overflow="fold", ratio=1)
    for heading in ("of the rows", f"{found.measure}", "elsewhere", "p-value"):
        table.add_column(heading, no_wrap=True, justify="right")
    for one in found.segments:
        table.add_row(plain(one.text), share(one.share), number(one.loss), number(one.elsewhere), p_value(one.p_value))
    out.print(table, soft_wrap=False)
    out.print(
        Text(
            f"from the half of {counted(found.rows, 'labelled row')} that was not searched; "
            f"reported by chance alone with a probability of at most {share(found.error_rate)}",
            style="dim",
        )
    )


__all__ = ["print_impacts", "print_weak_segments", "print_where"]
