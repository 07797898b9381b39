"""Writes the documentation's tables from the code that they describe: `make docs`. A test holds them to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from driftwatch.settings import settings_table
from driftwatch.web.metrics_table import METRICS, PREFIX

HERE = Path(__file__).parent


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def settings_page() -> str:
    """Every setting of the service."""
    rows = ((f"`{name}`", f"`{variable}`", f"`{default}`" if default else "", help_text)
            for name, variable, default, help_text in settings_table())  # fmt: skip
    return (
        "# Settings\n\n"
        "What `driftwatch serve` can be told. A value comes from, first to last: an option of the command (`--data`,\n"
        "`--host`, `--port`), the environment, the TOML file that `--config` names, the default. Durations are\n"
        "numbers with a unit: `90s`, `5min`, `1h`, `1d`.\n\n"
        + _table(("in the file", "in the environment", "default", "meaning"), rows)
    )


def metrics_page() -> str:
    """Every metric of the service."""
    rows = ((f"`{PREFIX}{metric.name}`", metric.kind.value, ", ".join(f"`{label}`" for label in metric.labels),
             metric.help) for metric in METRICS)  # fmt: skip
    return (
        "# Metrics\n\n"
        "What `/metrics` has for Prometheus. The page is rendered when something changed, not when it is scraped. The\n"
        "setting `max_series` bounds it; what is left off is counted in `driftwatch_series_omitted`.\n\n"
        + _table(("metric", "kind", "labels", "meaning"), rows)
    )


PAGES: dict[str, Callable[[], str]] = {"settings.md": settings_page, "metrics.md": metrics_page}


if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page())
