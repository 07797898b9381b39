"""The page on statistics lists those of the table, as they are."""

from __future__ import annotations

import re
from pathlib import Path

from driftwatch.core.records import ColumnKind
from driftwatch.core.statistics import STATISTICS

PAGE = Path(__file__).parents[3] / "docs" / "statistics.md"


def test_each_statistic_is_documented_with_its_kinds_and_its_tolerance():
    rows = re.findall(r"^\| `(\w+)` \| ([a-z, ]+) \| [^|]+ \| ([\d.]+) \|", PAGE.read_text(), re.MULTILINE)
    documented = {name: (kinds, float(tolerance)) for name, kinds, tolerance in rows}
    in_order = (ColumnKind.NUMERIC, ColumnKind.CATEGORICAL, ColumnKind.BOOLEAN)
    wanted = {
        name: (
            "all" if len(one.kinds) == len(ColumnKind) else ", ".join(kind for kind in in_order if kind in one.kinds),
            one.tolerance,
        )
        for name, one in STATISTICS.items()
    }
    assert documented == wanted
