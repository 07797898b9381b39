"""``driftwatch export``: logged predictions with their labels, as a file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from driftwatch.cli.output import progress_notice
from driftwatch.cli.service import URL, Authority, TokenFile, Url, connected
from driftwatch.errors import FileError, InputError

Converter = Callable[[Path, Path], Path]
"""Makes a file of the Parquet file at the first path, at the second or where it is, and answers which."""


def export(  # noqa: PLR0917 - one parameter an option of the command
    model: Annotated[str, typer.Option(help="Name of the model, as it was registered.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .parquet, .csv or .ndjson.")],
    start: Annotated[
        str | None, typer.Option("--from", help="Event time to begin with, such as 2013-04-01 or 2013-04-01T08:00Z.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Event time to end before.")] = None,
    labelled: Annotated[bool, typer.Option("--labelled", help="Only rows whose label has arrived.")] = False,
    url: Url = URL,
    token_file: TokenFile = None,
    ca: Authority = None,
) -> None:
    """Write logged predictions and their labels to a file: what the next model can be trained on.

    Example: driftwatch export --model flights --from 2013-04-01 --labelled -o april.parquet
    """
    convert = _converter(output)
    first, last = moment(start, "--from"), moment(end, "--to")

    def fetch(path: Path) -> None:
        with connected(url, token_file, ca) as client, progress_notice(f"Fetching events of {model} …"):
            client.export(model, first, last, labelled=labelled, path=path)

    rows = save(fetch, convert, output)
    typer.echo(f"{rows:,} rows in {output}")


def save(fetch: Callable[[Path], None], convert: Converter, output: Path) -> int:
    """Have rows written as Parquet, and turned into the wanted file, which appears whole or not at all.

    Parameters
    ----------
    fetch
        Writes the rows to the path that it is given, as Parquet.
    convert
        Makes another kind of file of them.
    output
        The file.

    Returns
    -------
    int
        How many rows.

    Raises
    ------
    FileError
        If ``output`` cannot be written.
    """
    from pyarrow.parquet import read_metadata

    try:
        with TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as folder:
            fetched = Path(folder, "fetched.parquet")
            fetch(fetched)
            rows = int(read_metadata(fetched).num_rows)
            convert(fetched, Path(folder, "converted")).replace(output)
    except OSError as error:
        raise FileError(
            f"cannot be written ({error.strerror or error}).",
            field=str(output),
            remedy="Check the folder and its space.",
        ) from None
    return rows


def _as_it_is(fetched: Path, converted: Path) -> Path:
    return fetched


def _to_csv(fetched: Path, converted: Path) -> Path:
    from pyarrow import csv
    from pyarrow.parquet import ParquetFile

    with ParquetFile(fetched) as rows, csv.CSVWriter(converted, rows.schema_arrow) as writer:
        for batch in rows.iter_batches():
            writer.write_batch(batch)
    return converted


def _to_ndjson(fetched: Path, converted: Path) -> Path:
    """One object a line; what is missing is null, and so is what JSON has no number for."""
    import msgspec
    from pyarrow.parquet import ParquetFile

    encode = msgspec.json.Encoder().encode_lines
    with ParquetFile(fetched) as rows, converted.open("wb") as file:
        for batch in rows.iter_batches():
            file.write(encode(batch.to_pylist()))
    return converted


_CONVERTERS: dict[str, Converter] = {
    ".parquet": _as_it_is,
    ".csv": _to_csv,
    ".ndjson": _to_ndjson,
    ".jsonl": _to_ndjson,
}


def _converter(output: Path) -> Converter:
    extension = output.suffix.lower()
    if extension not in _CONVERTERS:
        raise FileError(
            f"files with the extension {extension or '(none)'!r} cannot be written.",
            field=str(output),
            remedy=f"Use one of {', '.join(_CONVERTERS)}.",
        )
    return _CONVERTERS[extension]


def moment(text: str | None, option: str) -> datetime | None:
    """A point in time as people write it; without a zone it is UTC.

    Raises
    ------
    InputError
        If it is none.
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{text!r} is no time.", field=option, remedy="Write 2013-04-01 or 2013-04-01T08:00:00Z."
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
