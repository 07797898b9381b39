"""The demo's data set, read once; its tests skip where it is not installed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from driftwatch.demo.flights import load_flights
from driftwatch.errors import FileError

HEADER = "year,month,day,dep_time,sched_dep_time,dep_delay,carrier,flight,origin,dest,air_time,distance\n"
FLIGHTS = """\
2013,1,2,,600,,UA,1,EWR,IAH,,1400
2013,1,1,2200,2130,30,AA,2,JFK,MIA,160,1089
2013,1,1,517,515,2,UA,3,EWR,IAH,227,1400
2013,1,1,600,605,-5,B6,4,LGA,FLL,,1076
"""


@pytest.fixture(scope="session")
def flights() -> pd.DataFrame:
    """All flights of 2013."""
    try:
        return load_flights()
    except FileError as error:
        pytest.skip(str(error))


@pytest.fixture
def few_flights(tmp_path: Path) -> pd.DataFrame:
    """Four flights: one on time, one late, one diverted, one cancelled."""
    path = tmp_path / "flights.csv"
    path.write_text(HEADER + FLIGHTS)
    return load_flights(path)
