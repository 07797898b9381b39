"""``driftwatch baseline``: fit one from a file, show one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table as RichTable

from driftwatch.cli.hashing import HashedColumns, HashKeyFile, hashed
from driftwatch.cli.importance import read_importance
from driftwatch.cli.output import Format, check_writable, console, print_json, write_whole
from driftwatch.cli.values import read_values
from driftwatch.core.records import Task

if TYPE_CHECKING:
    import pyarrow as pa


def fit(  # noqa: PLR0913, PLR0917 - one parameter an option of the command
    reference: Annotated[
        Path, typer.Argument(help="The rows the model was trained on (.csv .parquet .arrow .ndjson).")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the baseline.")],
    model: Annotated[str, typer.Option(help="Name of the model.")] = "model",
    model_version: Annotated[str, typer.Option(help="Version of the model.")] = "1",
    task: Annotated[
        Task | None, typer.Option(help="What the model predicts; found from the label if left out.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Column with the truth.")] = None,
    prediction: Annotated[str | None, typer.Option(help="Column with the model's prediction.")] = None,
    score: Annotated[list[str] | None, typer.Option(help="Column with a probability; one a class.")] = None,
    timestamp: Annotated[str | None, typer.Option(help="Column with the time of each row.")] = None,
    categorical: Annotated[list[str] | None, typer.Option(help="Numeric column that holds categories.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Column to leave out.")] = None,
    importance: Annotated[
        list[str] | None,
        typer.Option(
            help="Feature importance, by which evidence is weighed: age=0.4, or a JSON file with all of them."
        ),
    ] = None,
    hash_columns: HashedColumns = None,
    hash_key_file: HashKeyFile = None,
    segment: Annotated[
        list[str] | None, typer.Option(help="Column whose values are segments with a reference of their own.")
    ] = None,
    positive: Annotated[
        str | None, typer.Option(help="Positive class of a binary model; the last by size or the alphabet if left out.")
    ] = None,
    value: Annotated[
        list[str] | None,
        typer.Option(help="What a prediction is worth: LABEL:PREDICTION=-500, or a JSON file with all of them."),
    ] = None,
    evaluation: Annotated[
        Path | None, typer.Option(help="Rows the model was not trained on: they give the reference performance.")
    ] = None,
) -> None:
    """Fit a baseline: what live rows will be compared with. It holds counts, no rows.

    Example: driftwatch baseline fit train.parquet --label y --prediction y_pred -o baseline.json
    """
    from driftwatch.core.baseline import Baseline
    from driftwatch.sources.files import FileBatches

    check_writable(output)
    with _progress() as shown:

        def parts_of(path: Path) -> Callable[[], Iterator[pa.Table]]:
            parts = FileBatches(path, on_progress=shown(path))
            return lambda: (hashed(part, hash_columns, hash_key_file) for part in parts)

        baseline = Baseline.fit_batches(
            parts_of(reference),
            evaluation=None if evaluation is None else parts_of(evaluation),
            model=model,
            model_version=model_version,
            task=task,
            label=label,
            prediction=prediction,
            score=score or None,
            timestamp=timestamp,
            categorical=categorical or (),
            ignore=ignore or (),
            importance=read_importance(importance or ()),
            segments=segment or (),
            positive=positive,
            values=read_values(value or ()),
            fitted_at=datetime.now(UTC),
        )
    write_whole(output, baseline.to_json())
    for notice in baseline.notices:
        console(stderr=True).print(f"notice: {notice}", markup=False, highlight=False)
    console().print(
        f"{output}: {baseline.model} {baseline.model_version}, {len(baseline.columns)} columns of "
        f"{baseline.n_rows:,} rows",
        markup=False,
        highlight=False,
    )


_STEPS = {-1: "finding types", 0: "choosing cells", 1: "counting"}
"""What is done while a file goes by, by how often it has done so before."""


@contextmanager
def _progress() -> Iterator[Callable[[Path], Callable[[int, float], None]]]:
    """A bar for each file, on a terminal only: what is done, how much of it, and the time that is left."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    shown = console(stderr=True)
    with Progress(*columns, console=shown, disable=not shown.is_terminal, transient=True) as progress:

        def of_file(path: Path) -> Callable[[int, float], None]:
            task = progress.add_task(path.name, total=1.0, visible=False)
            step = None

            def went_by(times_read: int, share: float) -> None:
                nonlocal step
                if times_read != step:
                    step = times_read
                    words = _STEPS.get(times_read, "counting windows of time")
                    progress.reset(task, description=f"{path.name}: {words}", visible=True)
                progress.update(task, completed=share, visible=share < 1.0)

            return went_by

        yield of_file


def show(
    baseline: Annotated[Path, typer.Argument(help="A baseline file.")],
    output_format: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TABLE,
) -> None:
    """Show what a baseline knows.

    Example: driftwatch baseline show baseline.json
    """
    from driftwatch.cli.description import describe
    from driftwatch.cli.files import read_baseline

    description = describe(read_baseline(baseline))
    if output_format is Format.JSON:
        print_json(description)
        return
    table = RichTable(title=description.title, title_justify="left", box=None, pad_edge=False)
    weighed = any(row.importance is not None for row in description.columns)
    for heading in ("column", "role", "kind", "cells", "missing", *(("importance",) if weighed else ()), "summary"):
        table.add_column(heading, justify="right" if heading in {"cells", "missing", "importance"} else "left")
    for row in description.columns:
        importance = [] if not weighed else ["" if row.importance is None else f"{row.importance:.1%}"]
        cells, missing = str(row.cells), f"{row.missing_share:.1%}"
        table.add_row(row.name, row.role, row.kind, cells, missing, *importance, row.summary)
    console().print(table)
    for line in (*description.performance, *description.notices):
        console().print(line, markup=False, highlight=False)
