"""Counts rows of the reference over cells that are chosen already: the one way in which rows enter a baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from driftwatch.core.baseline import ColumnBaseline
from driftwatch.core.cell_choice import psi_starts_of
from driftwatch.core.cells import NumericCells
from driftwatch.core.profile import ColumnProfile
from driftwatch.core.records import ColumnRole
from driftwatch.core.table import Table, Values, present


def counted_values(column: ColumnBaseline, values: Values) -> Values:
    """The values of a column that its baseline counts.

    Of labels only those that are there: live labels are counted when they arrive, so none is ever missing.
    """
    return present(values) if column.column.role is ColumnRole.LABEL else values


def with_rows(columns: Mapping[str, ColumnBaseline], table: Table) -> dict[str, ColumnBaseline]:
    """The columns with a table's rows added: counts and moments grow, cells stay.

    A column that the table lacks stays as it is. In any order and grouping of rows the result is the same.
    """
    return {
        name: _with_values(column, counted_values(column, table[name])) if name in table else column
        for name, column in columns.items()
    }


def with_psi_bins(column: ColumnBaseline) -> ColumnBaseline:
    """Cells joined to PSI bins as the counts suggest; a name is a bin of its own."""
    if not isinstance(column.cells, NumericCells):
        return column
    return replace(column, psi_starts=psi_starts_of(column.cells, column.counts[: column.cells.n_cells]))


def _with_values(column: ColumnBaseline, values: Values) -> ColumnBaseline:
    profile = ColumnProfile.of(column, values)
    moments = None
    if column.moments is not None and profile.moments is not None:
        moments = column.moments + profile.moments
    return replace(column, counts=column.counts + profile.counts, moments=moments)
