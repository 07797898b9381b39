"""Columns of files, hashed with the service's key before anything is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftwatch.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

HashedColumns = Annotated[
    list[str] | None, typer.Option("--hash", help="Column to replace by keyed hashes, as the service's settings do.")
]
HashKeyFile = Annotated[Path | None, typer.Option(help="The key of the hashes: the service's hash_key_file.")]


def hashed(rows: pa.Table, columns: Sequence[str] | None, key_file: Path | None) -> pa.Table:
    """The rows with pseudonyms in these columns.

    Raises
    ------
    InputError
        A column is not there or holds something that has no name, or the key is missing or too short.
    FileError
        The key's file cannot be read.
    """
    if not columns:
        return rows
    import pyarrow as pa

    from driftwatch.core.pseudonyms import Pseudonyms
    from driftwatch.sources.keys import read_key

    if key_file is None:
        raise InputError("is missing.", field="--hash-key-file", remedy="Give the file that the service has.")
    pseudonyms = Pseudonyms(read_key(key_file))
    for name in columns:
        position = rows.schema.get_field_index(name)
        if position < 0:
            raise InputError(f"there is no column {name!r}.", field="--hash", remedy="Check its name.")
        values = rows.column(position).to_pylist()
        if any(value is not None and not isinstance(value, str | bool | int | float) for value in values):
            raise InputError(
                f"column {name!r} holds neither texts nor numbers.",
                field="--hash",
                remedy="Leave it out with --ignore.",
            )
        rows = rows.set_column(position, name, pa.array(pseudonyms.names(name, values), pa.string()))
    return rows
